"""``sorrelsim new``: a world or a model that runs at once, to be changed into one's own, and its short test.

A learner is begun as one of the library's, whose file is taken over under another name: what one starts from is what is
trained and tested here.
"""

from __future__ import annotations

import ast
import keyword
import re
import sys
from pathlib import Path

from sorrelsim.errors import unknown
from sorrelsim.library.find import LIBRARY, shipped
from sorrelsim.writing import write_beside

_TAKEN = {
    "case", "match", "type",
    "numba", "numpy", "pygame", "pytest", "sorrelsim", "torch", "worlds", "agents", "tests",
}  # fmt: skip
"""Names that would hide what worlds and models import, beside those of Python's own library, or that Python has begun
to use."""

WORLD = '''\
"""{title}: berries ripen on bushes and agents walk about and pick them.

Dilemma and source
    None yet: say here what is at stake between the agents, and where the rules come from.
Actions
    noop, forward, backward, step_left, step_right, turn_left, turn_right.
Observation
    11 x 11 cells, 9 ahead, rotated to the agent's facing.
Rewards
    +1 for a berry.
Ends when
    {max_steps} steps have passed (a truncation).
Parameters
    See ``Params``.
Versions
    1: first.
"""

from dataclasses import dataclass
from enum import auto

from sorrelsim import Events, Gridworld, Kinds, kind, param, probability, rule, sprites
from sorrelsim.rules import draw, episode, grid, movement


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)
    BERRY = kind("b", pays="berry_value")


@dataclass(frozen=True)
class Params:
    ripening: float = probability(0.02)  # that an empty bush bears a berry, per step
    berry_value: float = 1.0
    max_steps: int = param({max_steps}, low=1)


class Event(Events):
    BERRIES = auto()


@rule
def pick(w):
    for i in range(w.n_agents):
        row, col = w.pos[i, 0], w.pos[i, 1]
        if w.out[i] == 0 and grid.has(w, row, col, Kind.BERRY):
            grid.take(w, row, col, Kind.BERRY)
            w.reward[i] += w.p.berry_value
            w.events[i, Event.BERRIES] += 1


@rule
def ripen(w):
    for k in range(w.bushes.shape[0]):
        row, col = w.bushes[k, 0], w.bushes[k, 1]
        if not grid.has(w, row, col, Kind.BERRY) and draw.chance(w, w.p.ripening):
            grid.put(w, row, col, Kind.BERRY)


# P is a cell where agents start, B a bush, a space is bare floor.
FIELD = """
WWWWWWWWWWWWWWWW
W P    BB    P W
W      BB      W
W   B      B   W
W P    BB    P W
W      BB      W
W P          P W
WWWWWWWWWWWWWWWW
"""

Kind.paint(
    BERRY=sprites.pixels("""
        ........
        ...l....
        ..lGpp..
        ..ppwpp.
        .pwpppp.
        .ppppp..
        ..ppp...
        ........
    """),
)  # fmt: skip


class {cls}(Gridworld):
    kinds, params = Kind, Params
    maps = {{"field": FIELD}}
    sites = {{"spawns": "P", "bushes": "B"}}
    n_agents = 3
    actions = movement.EGOCENTRIC
    events = Event
    start = (movement.scatter,)
    rules = (movement.move, ripen, pick, episode.time_limit)
'''

MODEL = '''\
"""{title}: takes one action more often than the others. A start for a bot or a learner of your own."""

from __future__ import annotations

from dataclasses import dataclass

from sorrelsim.models.base import Arrays, BaseModel


@dataclass(frozen=True)
class {cls}Config:
    """Settings of {cls}; an experiment sets them under ``config:``."""

    favourite: int = 1
    """Index of the action it likes."""
    liking: float = 0.5
    """Chance of taking it, per step; otherwise any action."""


class {cls}(BaseModel):
    """The least that a model must answer is one action for one state."""

    Config = {cls}Config
    config: {cls}Config

    def take_action(self, state: Arrays) -> int:
        """An index into the world's actions, for one state: ids [row, col, layer], or a dict of arrays by part."""
        if self.rng.random() < self.config.liking:
            return self.config.favourite % self.action_space
        return int(self.rng.integers(self.action_space))
'''

TEST = """\
from sorrelsim.testing import check_{what}


def test_{name}_keeps_the_contract():
    check_{what}("{path}")
"""

LEARNS = """\
import math

from sorrelsim import Experiment
from sorrelsim.testing import check_model


def test_{name}_keeps_the_contract():
    check_model("{path}")


def test_{name}_learns():
    world = {{"name": "treasure_hunt", "compiled": False}}
    seats = [{{"slots": "all", "model": "{path}"}}]
    training = Experiment({{"world": world, "n_worlds": 6, "seats": seats, "epochs": 1, "turns": 200}})
    losses = [row["loss"] for row in training.epochs()]
    assert training.models[0].gradient_steps > 0
    assert math.isfinite(losses[-1])
    # Beyond this: its loss by hand, and what it reaches from three seeds.
"""


def write_world(name: str, folder: str | Path = ".") -> list[Path]:
    """Writes ``worlds/NAME.py`` and ``tests/test_NAME.py``; returns their paths.

    Args:
        name: Its name, lower case with underscores.
        folder: The folder of the study.

    Raises:
        ValueError: A name that Python does not take, that is a module's or the library's, or a file that is there
            already. Nothing is written then.
    """
    return _write("world", name, WORLD, Path(folder))


def write_model(name: str, folder: str | Path = ".", like: str | None = None) -> list[Path]:
    """Writes ``agents/NAME.py`` and ``tests/test_NAME.py``; otherwise as :func:`write_world`.

    Args:
        name: Its name.
        folder: The folder of the study.
        like: The learner of the library that it begins as; None begins with a player that does not learn.

    Raises:
        ValueError: As :func:`write_world` does, and if there is no such learner; the nearest is named.
    """
    if like is None:
        return _write("model", name, MODEL, Path(folder))
    learners = {each: path for each, path in shipped("agents").items() if path.parent.name == "learners"}
    if like not in learners:
        raise ValueError(unknown("learner", like, learners))
    text = learners[like].read_text(encoding="utf-8")
    test = LEARNS
    if 'acts = ("continuous",)' in text:
        test = test.replace('{{"name": "treasure_hunt", "compiled": False}}', '"gym:Pendulum-v1"')
    return _write("model", name, _template(text, like), Path(folder), test)


def _template(text: str, like: str) -> str:
    """Returns a learner's file with blanks for its title and its class's name, as :func:`_write` fills them in."""
    tree = ast.parse(text)
    learner, config = next(
        (cls.name, ast.unparse(line.value))
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for line in cls.body
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "Config"
    )
    said = ast.get_docstring(tree, clean=False) or ""
    text = text.replace(said.partition("\n")[0], f"<title>: begun as {like}, to be changed into one's own.", 1)
    for found, blank in ((config, "<cls>Config"), (learner, "<cls>")):
        text = re.sub(rf"\b{found}\b", blank, text)
    text = text.replace("{", "{{").replace("}", "}}")
    return text.replace("<title>", "{title}").replace("<cls>", "{cls}")


def _write(what: str, name: str, template: str, folder: Path, test_of: str = TEST) -> list[Path]:
    home = {"world": "worlds", "model": "agents"}[what]
    if not name.isidentifier() or name != name.lower() or name.startswith("_"):
        raise ValueError(
            f"{name!r} is no name for a {what}; use lower-case letters, digits and underscores: berry_field"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise ValueError(f"{name!r} is no name for a {what}: it is a word of Python's; take another, such as my_{name}")
    if name in sys.stdlib_module_names or name in _TAKEN:
        raise ValueError(
            f"{name!r} is no name for a {what}: it would hide the module {name} that others import; "
            f"take another, such as my_{name}"
        )
    if name in shipped(home):
        raise ValueError(
            f"{name!r} is the name of a {what} of the library, which a file of yours would hide; take another, "
            f"such as my_{name}. 'sorrelsim show {name}' shows the library's, {LIBRARY}{name} always means it"
        )
    path, test = folder / home / f"{name}.py", folder / "tests" / f"test_{name}.py"
    for file in (path, test):
        if file.exists():
            raise ValueError(f"{file} is there already; nothing was written")
    title, cls = name.replace("_", " ").capitalize(), "".join(part.capitalize() for part in name.split("_"))
    write_beside(path, template.format(title=title, cls=cls, max_steps=500))
    write_beside(test, test_of.format(what=what, name=name, path=f"{home}/{name}.py"))
    return [path, test]
