"""TorchModel: what learners on PyTorch share. Devices, transfers, network checks, checkpoints.

Kept apart from `model` so that bots and random play start without torch.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models.base import Arrays, BaseModel
from sorrelsim.models.checkpoint import atomic_write
from sorrelsim.models.schedules import linear
from sorrelsim.models.torch.encoders import NetworkConfig

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
    """Discount a step."""
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
    """A learner on PyTorch. A subclass builds its networks, registers them with `own`, and writes
    `take_actions`.

    Attributes:
        device: where its networks live.
        generator: the model's torch generator, on that device.
        networks: everything with parameters, by name.
        optimizers: by name.
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
        self.device = choose_device(self.config.device)
        self.generator = torch.Generator(self.device).manual_seed(self.seed)
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Adam] = {}
        self._parameters: dict[str, list[Tensor]] = {}
        self._is_dict = tuple(observations.parts) != ("grid",)

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

    def take_action(self, state: Arrays) -> int:
        """Chooses an action for one state, as a batch of one."""
        batch = {key: part[None] for key, part in state.items()} if isinstance(state, dict) else state[None]
        return int(self.take_actions(batch)[0])

    def named(self, states: Arrays) -> dict[str, np.ndarray]:
        """States by part name."""
        return states if isinstance(states, dict) else {"grid": states}

    def tensors(self, states: Arrays) -> dict[str, Tensor]:
        """States by part name as tensors on the model's device."""
        return to_device(self.named(states), self.device)

    def zero_states(self, n: int = 2) -> dict[str, Tensor]:
        """A batch of all-zero states, to check a network with."""
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
        """A carry's rows as arrays, to save."""
        return {key: tensor.cpu().numpy().copy() for key, tensor in carry.items()}

    def load_carry(self, carry: dict[str, Any], saved: Mapping[str, Any]) -> None:
        """Puts saved rows back into a carry, in place."""
        for key, tensor in carry.items():
            tensor.copy_(torch.as_tensor(saved[key]))

    def parameters(self, network: str) -> list[Tensor]:
        """A network's parameters; listed once, since walking its modules takes longer than a small product."""
        if network not in self._parameters:
            self._parameters[network] = list(self.networks[network].parameters())
        return self._parameters[network]

    def descend(self, loss: Tensor, optimizer: str) -> float:
        """One step of an optimiser down a loss, with the norm of all its gradients limited.

        Returns:
            The loss; NaN if a gradient is not finite. If it is not finite nothing is changed, so that the
            networks stay sound when training stops.
        """
        return self.optimizers[optimizer].descend(loss, self.learning_rate, self.config.max_grad_norm)

    # Saving

    def state_dict(self, memory: bool = True) -> dict[str, Any]:
        """Everything: networks, optimisers, generators, counters, and the memory if asked."""
        return super().state_dict(memory) | {
            "networks": {name: dict(net.state_dict()) for name, net in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` gave."""
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


def choose_device(name: str) -> torch.device:
    """The device that a config's `device` means.

    Raises:
        ValueError: cuda is asked for and there is none.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise ValueError("device: cuda, but this machine has no CUDA device (allowed: auto, cpu)")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and found) else "cpu")


def to_device(arrays: Mapping[str, np.ndarray], device: torch.device) -> dict[str, Tensor]:
    """Tensors of several arrays on a device, in one transfer. On the CPU they share the arrays' memory."""
    if device.type == "cpu":
        return {name: torch.from_numpy(array) for name, array in arrays.items()}
    packed, place, offset = {}, {}, 0
    for name, array in arrays.items():
        packed[name] = np.ascontiguousarray(array)
        place[name] = offset
        offset += (packed[name].nbytes + 15) // 16 * 16  # views must be aligned to their dtype
    staging = torch.empty(offset, dtype=torch.uint8, pin_memory=True)
    view = staging.numpy()
    for name, array in packed.items():
        view[place[name] : place[name] + array.nbytes] = array.reshape(-1).view(np.uint8)
    moved = staging.to(device)
    result = {}
    for name, array in packed.items():
        flat = moved[place[name] : place[name] + array.nbytes].view(torch.from_numpy(array.reshape(-1)[:0]).dtype)
        result[name] = flat.view(array.shape)
    return result


class Adam:
    """Adam (Kingma and Ba 2015) in torch's fused form: one call for all parameters, the limit on the gradients'
    norm applied within it. All parameters share one count of steps, and lie on one device.

    torch.optim.Adam takes the same steps, but its bookkeeping costs more than the step where networks are small.

    Args:
        parameters: what it moves.
        eps: added to the root of the second moment.
    """

    def __init__(self, parameters: Iterable[Tensor], eps: float = 1e-8) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        self.eps = eps
        self._state: dict[str, list[Tensor]] = {
            "first": [torch.zeros_like(p) for p in self.parameters],
            "second": [torch.zeros_like(p) for p in self.parameters],
            "steps": [torch.zeros((), device=device) for device in {p.device for p in self.parameters}],
        }

    def descend(self, loss: Tensor, learning_rate: float, max_norm: float = 0.0) -> float:
        """One step down a loss.

        Args:
            loss: a scalar.
            learning_rate: step size.
            max_norm: the norm of all gradients together is scaled down to this; 0 leaves it alone.

        Returns:
            The loss; NaN if a gradient is not finite. If it is not finite nothing is changed.
        """
        for p in self.parameters:
            p.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        moved = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        parameters = [self.parameters[i] for i in moved]
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        value, size = loss.item(), norm.item()
        if not (math.isfinite(value) and math.isfinite(size)):
            return value if not math.isfinite(value) else math.nan
        scale = None
        if 0 < max_norm < size:  # the fused step divides the gradients by this
            scale = torch.full((), size / max_norm, device=norm.device)
        first, second = ([self._state[name][i] for i in moved] for name in ("first", "second"))
        (count,) = self._state["steps"]
        with torch.no_grad():
            count += 1
            torch._fused_adam_(
                parameters,
                gradients,
                first,
                second,
                [],
                [count] * len(moved),
                lr=learning_rate,
                beta1=0.9,
                beta2=0.999,
                weight_decay=0.0,
                eps=self.eps,
                amsgrad=False,
                maximize=False,
                grad_scale=scale,
                found_inf=None,
            )
        return value

    def state_dict(self) -> dict[str, Any]:
        """Moments and step counts, parameter by parameter."""
        return {name: list(tensors) for name, tensors in self._state.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what `state_dict` gave."""
        for name, tensors in self._state.items():
            for tensor, saved in zip(tensors, state[name], strict=True):
                tensor.copy_(saved)


def check_network(
    net: nn.Module,
    inputs: Mapping[str, Tensor | None],
    signature: str,
    expected: Sequence[tuple[int, ...]],
    owner: str,
    optional: Sequence[str] = (),
) -> Any:
    """Runs a network once on a zero batch and says plainly what does not fit.

    Args:
        net: the network.
        inputs: arguments by name.
        signature: how the network is to be called, for errors.
        expected: shapes of its first results; what it returns beyond them is its own affair.
        owner: the model, for errors.
        optional: inputs that the network need not take.

    Returns:
        The network's result.

    Raises:
        TypeError: its arguments have other names.
        ValueError: it fails on the batch, or its results have other shapes.
    """
    found = inspect.signature(net.forward)
    kind = type(net).__name__
    taken = {n: v for n, v in inputs.items() if n not in optional or n in found.parameters}
    try:
        found.bind(**taken)
    except TypeError as error:
        raise TypeError(
            f"{owner}: {kind} does not take the observation's parts: {error}\n"
            f"  expected  {signature}\n  found     forward{found}"
        ) from None
    shown = ", ".join(
        f"{n}{list(v.shape)} {str(v.dtype).removeprefix('torch.')}" for n, v in taken.items() if v is not None
    )
    was_training = net.training
    net.eval()  # a check must not move the statistics of a batch norm
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            result = net(**taken)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ValueError(
            f"{owner}: {kind} failed on a zero batch of {shown}: {error}\n  expected  {signature}"
        ) from error
    finally:
        net.train(was_training)
    results = result if isinstance(result, tuple) else (result,)
    shapes = [tuple(r.shape) if isinstance(r, Tensor) else type(r).__name__ for r in results[: len(expected)]]
    if shapes != list(expected):
        raise ValueError(
            f"{owner}: {kind} returns the wrong shape for a zero batch of {shown}\n"
            f"  expected  {signature}, here {', '.join(str(list(s)) for s in expected)}\n"
            f"  found     {', '.join(str(list(s)) if isinstance(s, tuple) else s for s in shapes)}"
        )
    return result


def split_extras(result: Any, n: int) -> tuple[Any, Any]:
    """A network's listed results and what it returned beyond them.

    Args:
        result: what the network returned.
        n: number of results listed in its signature.

    Returns:
        The listed results (one as it is, several as a tuple), and the extra ones: None, one as it is, or a
        tuple.
    """
    if not isinstance(result, tuple):
        return result, None
    listed, extras = result[:n], result[n:]
    return (listed if n > 1 else listed[0]), (None if not extras else extras[0] if len(extras) == 1 else extras)


def _to_plain(node: Any) -> Any:
    """Arrays to tensors, so that a checkpoint loads with weights_only; `_to_arrays` turns a memory's back."""
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
