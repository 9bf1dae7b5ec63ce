"""Fast multi-agent gridworlds written as plain Python. The names that users meet; heavy imports wait until needed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Agent": "agent",
    "BaseModel": "model",
    "Buffer": "buffers",
    "Experiment": "experiment",
    "Gridworld": "gridworld",
    "Kinds": "kinds",
    "ObservationSpec": "observation",
    "TorchModel": "torch_model",
    "Window": "observation",
    "get_threads": "kernels",
    "kind": "kinds",
    "make": "making",
    "param": "params",
    "per_agent": "gridworld",
    "per_cell": "gridworld",
    "per_site": "gridworld",
    "per_world": "gridworld",
    "probability": "params",
    "rule": "rules.registry",
    "set_threads": "kernels",
}

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from sorrelsim.gridworld import Gridworld, per_agent, per_cell, per_site, per_world
    from sorrelsim.kernels import get_threads, set_threads
    from sorrelsim.kinds import Kinds, kind
    from sorrelsim.making import make
    from sorrelsim.observation import ObservationSpec, Window
    from sorrelsim.params import param, probability
    from sorrelsim.rules.registry import rule


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sorrelsim' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"sorrelsim.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
