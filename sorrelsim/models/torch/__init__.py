"""What learners on PyTorch share: ``torch_model``, the three bases of families that go on from it, and their parts."""
