"""What learners on PyTorch share: devices, optimiser, networks, signatures, losses."""
