"""Networks act in ``eval()`` and learn in ``train()``, and whatever they draw comes from their model's own chance.

A user's network may draw from torch's global generator (``dist.sample()``, dropout). While a model acts or learns, that
generator is lent a state of the model's own, so that one seed gives one behaviour and nobody else's draws are touched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn


class Modes:
    """The mode that a model's networks are in, and the state of the global generator that is theirs.

    Args:
        device: Where the networks live.
        seed: Seed of what they draw.

    Attributes:
        draws: States of torch's default generators that the networks go on from, by device type.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self._device = device
        self.draws: dict[str, Tensor] = {}
        self.seed(seed)
        self._lent: dict[str, Tensor] = {}
        self._depth = 0
        self._draw = True  # whether any of them may draw from the global generator
        self._training: bool | None = None  # not known before it is set first
        self._of: tuple[int, ...] = ()
        self._learning: list[Any] = []
        self._frozen: list[Any] = []

    def seed(self, seed: int) -> None:
        """Starts what the networks draw from a seed."""
        self.draws = {
            name: torch.Generator(lender.device).manual_seed(seed).get_state()
            for name, lender in _lenders(self._device).items()
        }

    def enter(self, networks: Mapping[str, nn.Module], training: bool) -> bool:
        """Sets the mode and lends the generators; returns whether networks were learning before, for ``leave``."""
        before = bool(self._training)
        self._set(networks, training)
        if self._depth == 0 and self._draw:
            for name, lender in _lenders(self._device).items():
                self._lent[name] = lender.get_state()
                lender.set_state(self.draws[name])
        self._depth += 1
        return before

    def leave(self, networks: Mapping[str, nn.Module], before: bool) -> None:
        """Sets the mode from before, and gives the generators back."""
        self._set(networks, before)
        self._depth -= 1
        if self._depth == 0:
            for name, state in self._lent.items():
                lender = _lenders(self._device)[name]
                self.draws[name] = lender.get_state()
                lender.set_state(state)
            self._lent.clear()

    @property
    def learning(self) -> bool:
        """Whether what runs now runs within learning."""
        return self._depth > 0 and bool(self._training)

    def draw(self, networks: Mapping[str, nn.Module]) -> bool:
        """Returns whether any of the networks may draw from a global generator."""
        self._meet(networks)
        return self._draw

    def _meet(self, networks: Mapping[str, nn.Module]) -> None:
        present = tuple(map(id, networks.values()))
        if present != self._of:  # networks were given or exchanged
            self._of, self._training = present, None
            nets = list(networks.values())
            self._draw = not nets or any(not _draws_nothing(m) for net in nets for m in net.modules())
            self._learning = [s for net in nets if _learns(net) for s in _switches(net)]
            self._frozen = [s for net in nets if not _learns(net) for s in _switches(net)]

    def _set(self, networks: Mapping[str, nn.Module], training: bool) -> None:
        self._meet(networks)
        if self._training is None:
            _switch(self._frozen, False)
        if self._training is not training:
            _switch(self._learning, training)
        self._training = training


class Within:
    """``with Within(...)``: acting or learning, however deep within another."""

    def __init__(self, modes: Modes, networks: Mapping[str, nn.Module], training: bool) -> None:
        self._modes, self._networks, self._training = modes, networks, training

    def __enter__(self) -> None:
        self._before = self._modes.enter(self._networks, self._training)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._modes.leave(self._networks, self._before)


def in_learning(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Makes a model's method run within ``model.learning()``, whoever calls it."""

    @functools.wraps(step)
    def inside(model: Any) -> Any:
        if model.is_learning:
            return step(model)
        with model.learning():
            return step(model)

    return inside


_DETERMINED = {
    nn.Linear,
    nn.Conv2d,
    nn.Embedding,
    nn.GRUCell,
    nn.LSTMCell,
    nn.ReLU,
    nn.Tanh,
    nn.LayerNorm,
    nn.GroupNorm,
}
_DETERMINED |= {nn.Sequential, nn.ModuleDict}
_OURS = ("sorrelsim.models.", "sorrelsim.agents.learners.")


def _draws_nothing(module: nn.Module) -> bool:
    """Returns whether a module surely leaves the global generator alone: a plain one of torch's, or one of ours."""
    return type(module) in _DETERMINED or type(module).__module__.startswith(_OURS)


def _lenders(device: torch.device) -> dict[str, torch.Generator]:
    """Returns torch's own generators, that networks on a device may draw from, by device type."""
    if device.type != "cuda":
        return {"cpu": torch.default_generator}
    torch.cuda.init()  # type: ignore[no-untyped-call]
    index = torch.cuda.current_device() if device.index is None else device.index
    return {"cpu": torch.default_generator, "cuda": torch.cuda.default_generators[index]}


def _learns(net: nn.Module) -> bool:
    """Returns whether a network is in ``train()`` while learning; one that only follows, as a target does, is not."""
    parameters = list(net.parameters())
    return not parameters or any(p.requires_grad for p in parameters)


def _switches(net: nn.Module) -> list[Any]:
    """Returns what is switched for a mode: the attributes of its modules, or itself where one has its own way.

    ``train()`` takes 2 microseconds a module, which is more than the whole of a small network's layer.
    """
    modules = list(net.modules())
    usual = all(
        type(m).train is nn.Module.train
        and type(m).eval is nn.Module.eval
        and type(m).__setattr__ is nn.Module.__setattr__
        for m in modules
    )
    return [vars(m) for m in modules] if usual else [net]


def _switch(switches: list[Any], training: bool) -> None:
    for each in switches:
        if isinstance(each, dict):
            each["training"] = training
        else:
            each.train(training)
