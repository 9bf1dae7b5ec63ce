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
    "get_threads": "threads",
    "kind": "kinds",
    "make": "making",
    "param": "params",
    "per_agent": "extra",
    "per_cell": "extra",
    "per_site": "extra",
    "per_world": "extra",
    "probability": "params",
    "rule": "rules.registry",
    "set_threads": "threads",
}

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from sorrelsim.agent import Agent as Agent
    from sorrelsim.buffers import Buffer as Buffer
    from sorrelsim.experiment import Experiment as Experiment
    from sorrelsim.extra import per_agent as per_agent
    from sorrelsim.extra import per_cell as per_cell
    from sorrelsim.extra import per_site as per_site
    from sorrelsim.extra import per_world as per_world
    from sorrelsim.gridworld import Gridworld as Gridworld
    from sorrelsim.kinds import Kinds as Kinds
    from sorrelsim.kinds import kind as kind
    from sorrelsim.making import make as make
    from sorrelsim.model import BaseModel as BaseModel
    from sorrelsim.observation import ObservationSpec as ObservationSpec
    from sorrelsim.observation import Window as Window
    from sorrelsim.params import param as param
    from sorrelsim.params import probability as probability
    from sorrelsim.rules.registry import rule as rule
    from sorrelsim.threads import get_threads as get_threads
    from sorrelsim.threads import set_threads as set_threads
    from sorrelsim.torch_model import TorchModel as TorchModel


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sorrelsim' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"sorrelsim.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
