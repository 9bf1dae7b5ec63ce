"""What learners on PyTorch share: ``torch_model`` and above it a base for each family, and the parts of these."""
