"""A public good whose numbers follow by hand, and players who always give or always take, as files of a user's."""

from __future__ import annotations

from pathlib import Path

WORLD = '''"""A public good: who gives pays 2, and each gift brings everybody 1."""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, kind, param, rule
from sorrelsim.rules import episode, movement


class Kind(Kinds):
    WALL = kind("W", solid=True)


@dataclass(frozen=True)
class Params:
    cost: float = 2.0
    max_steps: int = param(4, low=1)


class Event(Events):
    GIVEN = auto()


@rule
def share(w):
    gifts = 0
    for i in range(w.n_agents):
        gifts += w.action[i]
    for i in range(w.n_agents):
        w.reward[i] += gifts - w.p.cost * w.action[i]
        w.events[i, Event.GIVEN] += w.action[i]


class Good(Gridworld):
    kinds, params = Kind, Params
    maps = {"room": "WWWWWW\\nWPPP W\\nWWWWWW"}
    sites = {"spawns": "P"}
    n_agents = 3
    actions = ("take", "give")
    events = Event
    start = (movement.scatter,)
    rules = (share, episode.time_limit)
'''
PLAYER = '''"""Always does the same."""

from dataclasses import dataclass

from sorrelsim.models.base import BaseModel


@dataclass(frozen=True)
class Config:
    action: int = {action}


class {name}(BaseModel):
    Config = Config

    def take_action(self, state):
        return self.config.action
'''
SETTINGS = ("compiled=false",)


def write_good(folder):
    """Writes worlds/good.py and agents/good_cooperator.py and agents/good_defector.py."""
    for path, text in (
        ("worlds/good.py", WORLD),
        ("agents/good_cooperator.py", PLAYER.format(action=1, name="Cooperator")),
        ("agents/good_defector.py", PLAYER.format(action=0, name="Defector")),
    ):
        Path(folder, path).parent.mkdir(exist_ok=True)
        Path(folder, path).write_text(text)
