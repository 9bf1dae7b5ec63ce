"""What learners on PyTorch share: ``torch_model``, ``replay_model``, ``value_model``, ``on_policy_model``, their parts."""
