"""What learners on PyTorch share: ``torch_model``, ``replay_model`` and ``on_policy_model``, and their parts."""
