"""The settings that all learners on PyTorch share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sorrelsim.models.device_names import check_device_name
from sorrelsim.models.ranges import Discount, Frames, Rate, Steps, Weight
from sorrelsim.models.torch.encoders import NetworkConfig
from sorrelsim.settings import check_settings


@dataclass(frozen=True)
class TorchConfig:
    """Settings that all learners on PyTorch share. Base of their configs."""

    n_frames: Frames = 1
    """Observations stacked into one state, newest last."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """The default network's shape; has no effect on a network of one's own."""
    learning_rate: Rate = 5e-4
    """Step size of Adam."""
    anneal_steps: Steps = 0
    """Agent-steps over which the learning rate falls to 0, linearly; 0 keeps it."""
    gamma: Discount = 0.99
    """Discount per step."""
    max_grad_norm: Weight = 10.0
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    device: str = "auto"
    """Where the networks live: ``cpu``, ``cuda``, ``cuda:1`` for the second card, ``mps``; auto takes cuda where there
    is one."""
    memory_device: Literal["auto", "cpu"] = "auto"
    """Where it is learned from: auto keeps what a memory holds of observations on the network's card as well, if half
    of what is free there is enough; cpu sends over what is needed."""
    cuda_graphs: bool = True
    """Whether acting and gradient steps are recorded as CUDA graphs where networks live on a card, of learners that can
    be; has no effect elsewhere."""

    def __post_init__(self) -> None:
        check_settings(self)
        check_device_name(self.device)
