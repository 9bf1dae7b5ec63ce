"""What learners on PyTorch share: settings, networks and optimisers by name, generators, checkpoints.

Kept apart from ``models.base`` so that bots and random play start without torch. Learners from a replay memory go on in
``replay_model``, learners on policy in ``on_policy_model``.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from sorrelsim.models import checked
from sorrelsim.models.base import BaseModel
from sorrelsim.models.memory.saved import with_kept_frames
from sorrelsim.models.noted import WEIGHT_LIMIT, TrainingDiverged
from sorrelsim.models.saved_model import config_differences
from sorrelsim.models.schedules import linear
from sorrelsim.models.seat import Seat
from sorrelsim.models.torch import graphs
from sorrelsim.models.torch.adam import Adam
from sorrelsim.models.torch.devices import choose_device, to_device
from sorrelsim.models.torch.graphs import Graphs
from sorrelsim.models.torch.losses import Sloped
from sorrelsim.models.torch.modes import Modes, Within
from sorrelsim.models.torch.painting import Painter
from sorrelsim.models.torch.saved_tensors import as_arrays, as_tensors, check_networks, fits_generator
from sorrelsim.models.torch.torch_config import TorchConfig as TorchConfig
from sorrelsim.observations.kept import Kept
from sorrelsim.observations.parts import Observation, as_parts
from sorrelsim.observations.signature import listed

_LOOK_EVERY = 64  # steps of an optimiser between two looks at its weights, which cost as much as a small product


class TorchModel(BaseModel):
    """A learner on PyTorch. A subclass sets ``networks`` and ``optimizers``, and writes ``take_actions``.

    Attributes:
        paints: (class) Whether it is handed symbols where pictures or one-hot channels are observed, keeps these and
            paints what it shows its networks; ``tensors`` does so.
        device: Where its networks live.
        generator: The model's torch generator, on that device.
        graphs: What it has recorded as CUDA graphs; None where it records none.
        networks: Everything with parameters, by name.
        optimizers: What moves them, by name.
    """

    Config = TorchConfig
    plays_without_streams = True
    paints: ClassVar[bool] = False
    config: Any
    painter: Painter | None = None

    def set_up(self) -> None:
        """Checks that it sees numbers, and makes its generators."""
        for name, part in self.observations.parts.items():
            if part.dtype.kind not in "biuf":
                raise ValueError(
                    f"{self.name} cannot see text: the part {name!r} of its observations is {self.observations.form}; "
                    "allowed: observation=symbolic, one_hot or rgb"
                )
        self.device = choose_device(self.config.device)
        self.graphs = Graphs(self.name) if self.config.cuda_graphs and graphs.has_graphs(self.device) else None
        if self.paints and (kept := Kept.of(self.observations)):
            self.kept, self.painter = kept, Painter(kept, self.device)
        # Apart from the seed itself: networks are initialised from that (``seeded_init``).
        drawn, lent = (int(self.spawned(key).generate_state(1, np.uint64)[0] >> 1) for key in (1, 2))
        self.generator = torch.Generator(self.device).manual_seed(drawn)
        self._modes = Modes(self.device, lent)
        self.networks: dict[str, nn.Module] = {}
        self.optimizers: dict[str, Adam] = {}
        self._parameters: dict[str, list[Tensor]] = {}
        self._descents = 0

    @property
    def learning_rate(self) -> float:
        """Step size now, annealed by agent-steps if the config says so."""
        c = self.config
        if not c.anneal_steps:
            return c.learning_rate
        return linear(c.learning_rate, 0.0, self.agent_steps, c.anneal_steps)

    @property
    def networks_draw(self) -> bool:
        """Whether its networks may draw chance of their own, as dropout and whatever a user writes."""
        return self._modes.draw(self.networks)

    @property
    def steady(self) -> bool:
        """Whether its losses draw nothing, and no number in them changes as it learns; by default that is not known."""
        return False

    @property
    def recorded(self) -> bool:
        """Whether its gradient steps can be recorded as a graph; where they cannot, one line says so."""
        if self.graphs is not None and not (able := self.steady and not self.networks_draw):
            self.graphs.refuse("learning", "it draws or changes its loss as it goes, or has networks of one's own")
        return self.graphs is not None and able

    def acting(self) -> Within:
        """Returns what networks are asked within where nothing is learned: they are in ``eval()``.

        What they draw from torch's global generator comes from the model's own chance.
        """
        return Within(self._modes, self.networks, False)

    def learning(self) -> Within:
        """Returns what gradient steps are taken within: the same, but networks that learn are in ``train()``."""
        return Within(self._modes, self.networks, True)

    @property
    def is_learning(self) -> bool:
        """Whether what runs now runs within ``learning``."""
        return self._modes.learning

    @contextmanager
    def seeded_init(self) -> Iterator[None]:
        """Initialises networks from the model's seed, leaving torch's global random state as it was.

        One thread does it: the factorisation behind orthogonal weights rounds differently on several.
        """
        threads = torch.get_num_threads()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)
            torch.set_num_threads(1)
            try:
                yield
            finally:
                torch.set_num_threads(threads)

    def take_action(self, state: Observation) -> Any:
        """Chooses an action for one state, as a batch of one."""
        chosen = self.take_actions({name: part[None] for name, part in as_parts(state).items()})[0]
        return int(chosen) if self.action_names else chosen

    def tensors(self, states: Observation) -> dict[str, Tensor]:
        """Returns states by part name as tensors on the model's device, as networks take them.

        Args:
            states: A batch of what is observed, or of kept frames.
        """
        return self.as_observed(self.sent(states))

    def sent(self, states: Observation) -> dict[str, Tensor]:
        """Returns states by part name on the model's device, as they are kept."""
        return to_device(as_parts(states), self.device)

    def as_observed(self, parts: dict[str, Tensor]) -> dict[str, Tensor]:
        """Returns states on the device, of what is observed or of kept frames, as networks take them."""
        kept = self.painter is not None and parts["grid"].dim() == (2 if self.n_frames == 1 else 3)
        return self.painted(parts) if kept else parts

    def painted(self, parts: dict[str, Tensor], grid: str = "grid") -> dict[str, Tensor]:
        """Returns parts with the grid as it is observed, if it is kept as symbols; ``grid`` is its name there."""
        return parts if self.painter is None else {**parts, grid: self.painter(parts[grid])}

    def alone(
        self, state: Observation, seat: Seat | None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor | None]:
        """Returns one state as a batch of one, with a carry that may be moved on and its mask, to explain it."""
        carry = self.new_carry(1) if seat is None else {name: tensor.clone() for name, tensor in seat.carry.items()}
        mask = None if seat is None or seat.mask is None else torch.from_numpy(seat.mask).to(self.device)
        return self.tensors({name: part[None] for name, part in as_parts(state).items()}), carry, mask

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

    def descend(
        self,
        loss: Tensor | Sloped,
        optimizer: str,
        learning_rate: float | None = None,
        weights: Tensor | None = None,
    ) -> float:
        """Takes one step of an optimiser down a loss, with the norm of all its gradients limited.

        Args:
            loss: A scalar; or, with weights, the losses of samples, [batch], of which it is the weighted sum, with
                their graph or with their slopes.
            optimizer: Which of ``optimizers``.
            learning_rate: Step size; None takes the model's, ``learning_rate``.
            weights: What each sample's loss counts, [batch].

        Returns:
            The loss; NaN if a gradient is not finite. If it is not finite, or its magnitude above ``LOSS_LIMIT``,
            nothing is changed, so that the networks stay sound when training stops.

        Raises:
            TrainingDiverged: If a weight's magnitude is above ``WEIGHT_LIMIT``; looked at every so many steps.
        """
        self._look(optimizer)
        rate = self.learning_rate if learning_rate is None else learning_rate
        return self.optimizers[optimizer].descend(loss, rate, self.config.max_grad_norm, weights)

    def move(self, loss: Tensor, optimizer: str, gradients: Sequence[Tensor | None] | None = None) -> float:
        """Takes the step of ``descend`` where the gradients of a loss, a scalar, are there already, or given."""
        if gradients is not None:
            for weight, gradient in zip(self.optimizers[optimizer].parameters, gradients, strict=True):
                weight.grad = gradient
        self._look(optimizer)
        return self.optimizers[optimizer].step(loss, self.learning_rate, self.config.max_grad_norm)

    def _look(self, optimizer: str) -> None:
        """Looks at the weights every so many steps; raises TrainingDiverged as ``descend`` says."""
        self._descents += 1
        if self._descents % _LOOK_EVERY == 0 and not (largest := self.optimizers[optimizer].largest()) <= WEIGHT_LIMIT:
            told = {"largest weight": largest}
            raise TrainingDiverged(self.name, self.gradient_steps + 1, self.agent_steps, told)

    # Saving

    def state_dict(self, memory: bool = True) -> dict[str, Any]:
        """Returns everything: networks, optimisers, generators, counters, and the memory if asked."""
        return super().state_dict(memory) | {
            "networks": {
                name: {key: value.clone() for key, value in net.state_dict().items()}
                for name, net in self.networks.items()
            },
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "generator": self.generator.get_state(),
            "network_draws": dict(self._modes.draws),
            "descents": self._descents,
        }

    def check_state(self, state: Mapping[str, Any]) -> None:
        """Checks, before anything changes, that a state is this model's and sound, to the shape of every network.

        Raises:
            ValueError: If it is not. What differs is named.
        """
        super().check_state(state)
        found = check_networks(state.get("networks"), self.networks)
        if found:
            ours = dataclasses.asdict(self.config)
            found += [f"setting {each}" for each in config_differences(state.get("config"), ours)]
            raise ValueError(f"its networks are others:{listed(found, 30)}")
        optimizers = checked.names("optimizers", state.get("optimizers"), self.optimizers)
        for name, optimizer in self.optimizers.items():
            optimizer.check_state(optimizers[name], f"optimizers.{name}")
        if "generator" not in state:
            raise ValueError("it has no generator")
        fits_generator(state["generator"], self.generator)
        checked.whole("descents", state.get("descents", 0), 0, 2**63 - 1)
        draws = state.get("network_draws", {})
        for device in self._modes.draws.keys() & checked.names("network_draws", draws, draws):
            fits_generator(draws[device], torch.Generator(device))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave.

        Where it was written on another kind of device, chance goes on from the seed and the counters, and one line on
        stderr says so. A memory of before, which kept pictures, keeps their symbols now.
        """
        if self.kept is not None and "memory" in state:
            state = {**state, "memory": with_kept_frames(state["memory"], self.kept, self.n_frames)}
        super().load_state_dict(state)
        for name, net in self.networks.items():
            net.load_state_dict(as_tensors(state["networks"][name]))
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(as_tensors(state["optimizers"][name]))
        self._descents = int(state.get("descents", 0))  # files of before have none, and no network_draws
        for device, draws in state.get("network_draws", {}).items():
            if device in self._modes.draws:
                self._modes.draws[device] = torch.as_tensor(draws).cpu().clone()
        if fits_generator(state["generator"], self.generator):
            self.generator.set_state(torch.as_tensor(state["generator"]).cpu())
            return
        counters = [self.seed, self.agent_steps, self.gradient_steps]
        self.generator.manual_seed(int(np.random.SeedSequence(counters).generate_state(1)[0]))
        print(
            f"{self.name}: the checkpoint's random state is of another kind of device than {self.device.type}; "
            "chance goes on from the seed and the counters",
            file=sys.stderr,
        )

    def random_state(self) -> dict[str, Any]:
        """Returns the states of its generators, and of what its networks draw."""
        return super().random_state() | {
            "generator": self.generator.get_state(),
            "network_draws": dict(self._modes.draws),
        }

    def set_random_state(self, state: Mapping[str, Any]) -> None:
        """Restores what ``random_state`` gave."""
        super().set_random_state(state)
        self.generator.set_state(state["generator"])
        self._modes.draws.update(state["network_draws"])

    def reseed(self, seed: int) -> None:
        """Starts its generators from a seed, and what its networks draw."""
        super().reseed(seed)
        self.generator.manual_seed(seed)
        self._modes.seed(seed)

    def to_arrays(self, state: dict[str, Any]) -> dict[str, Any]:
        """Returns a state with arrays in place of tensors."""
        return as_arrays(state)

    def from_arrays(self, state: dict[str, Any]) -> dict[str, Any]:
        """Returns a saved state with tensors in place of arrays, but for a memory's."""
        return {key: value if key == "memory" else as_tensors(value) for key, value in state.items()}
