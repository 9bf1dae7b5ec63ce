"""What learners on PyTorch share: settings, networks and optimisers by name, generators, checkpoints.

Kept apart from ``models.base`` so that bots and random play start without torch. Learners from a replay memory go on in
``replay_model``, learners on policy in ``on_policy_model``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.base import BaseModel
from sorrelsim.models.checkpoint import atomic_write
from sorrelsim.models.schedules import linear
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.devices import choose_device, to_device
from sorrelsim.models.torch.encoders import NetworkConfig
from sorrelsim.observations.parts import Observation, as_parts

if TYPE_CHECKING:
    from sorrelsim.observations.spec import ObservationSpec


@dataclass(frozen=True)
class TorchConfig:
    """Settings that all learners on PyTorch share. Base of their configs."""

    n_frames: int = 1
    """Observations stacked into one state, newest last."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    """The default network's shape; has no effect on a network of one's own."""
    learning_rate: float = 5e-4
    """Step size of Adam."""
    anneal_steps: int = 0
    """Agent-steps over which the learning rate falls to 0, linearly; 0 keeps it."""
    gamma: float = 0.99
    """Discount per step."""
    max_grad_norm: float = 10.0
    """Gradients are scaled down to this norm; 0 leaves them alone."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the networks live; auto takes cuda where there is one."""

    def __post_init__(self) -> None:
        if self.n_frames < 1:
            raise ValueError(f"n_frames must be at least 1, got {self.n_frames}")
        if not 0 <= self.gamma <= 1:
            raise ValueError(f"gamma must lie in 0..1, got {self.gamma}")


class TorchModel(BaseModel):
    """A learner on PyTorch. A subclass sets ``networks`` and ``optimizers``, and writes ``take_actions``.

    Attributes:
        device: Where its networks live.
        generator: The model's torch generator, on that device.
        networks: Everything with parameters, by name.
        optimizers: What moves them, by name.
    """

    Config = TorchConfig
    config: Any

    def __init__(
        self,
        observations: ObservationSpec,
        action_names: Sequence[str],
        n_streams: int = 1,
        config: Any = None,
        seed: int = 0,
    ) -> None:
        super().__init__(observations, action_names, n_streams, config, seed)
        for name, part in observations.parts.items():
            if part.dtype.kind not in "biuf":
                raise ValueError(
                    f"{self.name} cannot see text: the part {name!r} of its observations is {observations.form}; "
                    "allowed: observation=symbolic, one_hot or rgb"
                )
        self.device = choose_device(self.config.device)
        self.generator = torch.Generator(self.device).manual_seed(self.seed)
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Adam] = {}
        self._parameters: dict[str, list[Tensor]] = {}

    @property
    def n_frames(self) -> int:
        """Frames stacked into a state."""
        return self.config.n_frames

    @property
    def learning_rate(self) -> float:
        """Step size now, annealed by agent-steps if the config says so."""
        c = self.config
        if not c.anneal_steps:
            return c.learning_rate
        return linear(c.learning_rate, 0.0, self.agent_steps, c.anneal_steps)

    @contextmanager
    def seeded_init(self) -> Iterator[None]:
        """Initialises networks from the model's seed, leaving torch's global random state as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            yield

    def take_action(self, state: Observation) -> int:
        """Chooses an action for one state, as a batch of one."""
        return int(self.take_actions({name: part[None] for name, part in as_parts(state).items()})[0])

    def tensors(self, states: Observation) -> dict[str, Tensor]:
        """Returns states by part name as tensors on the model's device."""
        return to_device(as_parts(states), self.device)

    def zero_states(self, n: int = 2) -> dict[str, Tensor]:
        """Returns a batch of all-zero states, to check a network with."""
        frames = () if self.n_frames == 1 else (self.n_frames,)
        return {
            name: torch.from_numpy(np.zeros((n, *frames, *part.shape), part.dtype)).to(self.device)
            for name, part in self.observations.parts.items()
        }

    def reset_carry(self, carry: dict[str, Any], ended: np.ndarray) -> None:
        """Resets the rows of streams whose episode ended to zero."""
        rows = torch.from_numpy(ended).to(self.device)
        for tensor in carry.values():
            tensor[rows] = 0

    def save_carry(self, carry: dict[str, Any]) -> dict[str, np.ndarray]:
        """Returns a carry's rows as arrays, to save."""
        return {key: tensor.cpu().numpy().copy() for key, tensor in carry.items()}

    def load_carry(self, carry: dict[str, Any], saved: Mapping[str, Any]) -> None:
        """Puts saved rows back into a carry, in place."""
        for key, tensor in carry.items():
            tensor.copy_(torch.as_tensor(saved[key]))

    def parameters(self, network: str) -> list[Tensor]:
        """Returns a network's parameters; listed once, for walking its modules takes longer than a small product."""
        if network not in self._parameters:
            self._parameters[network] = list(self.networks[network].parameters())
        return self._parameters[network]

    def descend(self, loss: Tensor, optimizer: str) -> float:
        """Takes one step of an optimiser down a loss, with the norm of all its gradients limited.

        Returns:
            The loss; NaN if a gradient is not finite. If it is not finite nothing is changed, so that the networks stay
            sound when training stops.
        """
        return self.optimizers[optimizer].descend(loss, self.learning_rate, self.config.max_grad_norm)

    # Saving

    def state_dict(self, memory: bool = True) -> dict[str, Any]:
        """Returns everything: networks, optimisers, generators, counters, and the memory if asked."""
        return super().state_dict(memory) | {
            "networks": {name: dict(net.state_dict()) for name, net in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        super().load_state_dict(state)
        for name, net in self.networks.items():
            net.load_state_dict(state["networks"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.generator.set_state(state["generator"].cpu())

    def save(self, path: str | Path, memory: bool = False) -> None:
        """Writes a checkpoint of tensors and plain data, whole or not at all."""
        atomic_write(path, lambda file: torch.save(_to_plain(self.state_dict(memory)), file))

    def load(self, path: str | Path) -> None:
        """Restores a checkpoint. Never executes code from the file."""
        state = torch.load(Path(path), map_location="cpu", weights_only=True)
        if "memory" in state:
            state["memory"] = _to_arrays(state["memory"])
        self.load_state_dict(state)


def _to_plain(node: Any) -> Any:
    """Turns arrays to tensors, so that a checkpoint loads with weights_only; ``_to_arrays`` turns a memory's back."""
    if isinstance(node, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(node)).reshape(node.shape)
    if isinstance(node, np.generic):
        return node.item()
    if isinstance(node, Mapping):
        return {key: _to_plain(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [_to_plain(value) for value in node]
    return node


def _to_arrays(node: Any) -> Any:
    if isinstance(node, Tensor):
        return node.cpu().numpy()
    if isinstance(node, Mapping):
        return {key: _to_arrays(value) for key, value in node.items()}
    return [_to_arrays(value) for value in node] if isinstance(node, list) else node
