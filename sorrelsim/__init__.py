"""Fast multi-agent gridworlds written as plain Python. The names that users meet; heavy imports wait until needed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sorrelsim import moved

__version__ = "0.1.0"

_HOME = {
    "ActionSpec": "observations.actions",
    "Agent": "models.agent",
    "BaseModel": "models.base",
    "Buffer": "models.memory.replay",
    "EventLog": "tables.events",
    "Events": "authoring.events",
    "Experiment": "experiments.loop",
    "Explanation": "models.explanation",
    "Gridworld": "engine.gridworld",
    "Kinds": "authoring.kinds",
    "ObservationSpec": "observations.spec",
    "Person": "play.person",
    "TorchModel": "models.torch.torch_model",
    "Window": "authoring.window",
    "get_threads": "engine.threads",
    "kind": "authoring.kinds",
    "make": "library.make",
    "param": "authoring.params",
    "per_agent": "authoring.state",
    "per_cell": "authoring.state",
    "per_site": "authoring.state",
    "per_world": "authoring.state",
    "person_window": "play.person_window",
    "pixels": "authoring.sprites",
    "plain": "authoring.sprites",
    "probability": "authoring.params",
    "rule": "rules.rule",
    "set_threads": "engine.threads",
    "shapes": "authoring.shapes",
    "sprites": "authoring.sprites",
}
_MODULES = ("shapes", "sprites")  # those of the names that are whole modules

__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from sorrelsim.authoring import shapes as shapes
    from sorrelsim.authoring import sprites as sprites
    from sorrelsim.authoring.events import Events as Events
    from sorrelsim.authoring.kinds import Kinds as Kinds
    from sorrelsim.authoring.kinds import kind as kind
    from sorrelsim.authoring.params import param as param
    from sorrelsim.authoring.params import probability as probability
    from sorrelsim.authoring.sprites import pixels as pixels
    from sorrelsim.authoring.sprites import plain as plain
    from sorrelsim.authoring.state import per_agent as per_agent
    from sorrelsim.authoring.state import per_cell as per_cell
    from sorrelsim.authoring.state import per_site as per_site
    from sorrelsim.authoring.state import per_world as per_world
    from sorrelsim.authoring.window import Window as Window
    from sorrelsim.engine.gridworld import Gridworld as Gridworld
    from sorrelsim.engine.threads import get_threads as get_threads
    from sorrelsim.engine.threads import set_threads as set_threads
    from sorrelsim.experiments.loop import Experiment as Experiment
    from sorrelsim.library.make import make as make
    from sorrelsim.models.agent import Agent as Agent
    from sorrelsim.models.base import BaseModel as BaseModel
    from sorrelsim.models.explanation import Explanation as Explanation
    from sorrelsim.models.memory.replay import Buffer as Buffer
    from sorrelsim.models.torch.torch_model import TorchModel as TorchModel
    from sorrelsim.observations.actions import ActionSpec as ActionSpec
    from sorrelsim.observations.spec import ObservationSpec as ObservationSpec
    from sorrelsim.play.person import Person as Person
    from sorrelsim.play.person_window import person_window as person_window
    from sorrelsim.rules.rule import rule as rule
    from sorrelsim.tables.events import EventLog as EventLog


moved.install()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sorrelsim' has no attribute {name!r}")
    module = importlib.import_module(f"sorrelsim.{_HOME[name]}")
    value = module if _HOME[name].endswith(f".{name}") and name in _MODULES else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
