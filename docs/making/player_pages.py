"""Pages of players, made of what their files say: docstring, networks, settings. What can sit in a slot is a player."""

from __future__ import annotations

import inspect
from pathlib import Path

from make_pages import rows_of, table
from making import pictures
from making.library_pages import Made, file_section, line, player_page_of, prose, runs_section
from making.network_examples import example_of

import sorrelsim
from sorrelsim.library.catalogue import read_entry
from sorrelsim.library.find import find_class, shipped
from sorrelsim.library.pages import settings_of
from sorrelsim.models.base import BaseModel
from sorrelsim.testing.plane import plane

DOCS = Path(__file__).parents[1]
TRIED_IN = "treasure_hunt"
"""The world whose networks the pages of learners show."""
KINDS = {"learner": "Learners", "bot": "Scripted players", "player": "Others"}
HEAD = """# The players

Whatever can sit in a slot of a world: a name for `model:` in a config and for `--others` of `play`. Each is one file,
and each page is made of its file; [Writing a model](../models.md) says how one is made."""


def player_pages() -> Made:
    """Returns the page of every model, learners first, and the page that lists them."""
    made: Made = {}
    parts = [HEAD]
    for kind, title in KINDS.items():
        rows = []
        for name, path in _of_kind(kind):
            made[player_page_of(name)] = _player(name, kind, find_class(name, "agents", BaseModel), path)
            rows.append((f"[`{name}`]({name}.md)", line(read_entry(path).summary)))
        parts += [f"## {title}", table(("name", "what it is"), rows)]
    made["players/index.md"] = "\n\n".join(parts) + "\n"
    return made


def _of_kind(kind: str) -> list[tuple[str, Path]]:
    """Returns the files of ``agents/`` that hold a ``learner``, a ``bot`` or another ``player``, with their names."""
    folders = {"learners": "learner", "bots": "bot"}
    return sorted(
        (name, path) for name, path in shipped("agents").items() if folders.get(path.parent.name, "player") == kind
    )


def _player(name: str, kind: str, cls: type[BaseModel], path: Path) -> str:
    module = inspect.getmodule(cls)
    first, _, rest = (inspect.getdoc(module) or "").partition("\n\n")
    own = (inspect.getdoc(cls) or "").partition("\nArgs:")[0].partition("\nRaises:")[0]
    title, colon, said = first.partition(": ")
    if not colon or len(title) > 20 or kind != "learner":
        title, said = name, first
    parts = [f"# {title}", prose(said[:1].upper() + said[1:]), prose(rest), prose(own)]
    if kind == "learner":
        parts += [*_curve(name), *_networks(name, cls)]
    settings = settings_of(cls.Config)
    mine = [each for each in settings if each.owner.__module__ == cls.__module__]
    shared = [each for each in settings if each not in mine]
    if settings:
        parts += ["## Settings", "Under `config:` of its seat.", rows_of(mine) if mine else ""]
    if mine and shared:
        parts.append("### Shared with others like it")
    if shared:
        parts.append(rows_of(shared))
    parts += [*runs_section(name, "model"), *file_section(path)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _curve(name: str) -> list[str]:
    """Returns a learner's curves: of treasure hunt, and of the task that it is measured by beside other libraries."""
    hunt = f"*Treasure hunt by `configs/treasure_hunt_{name}.yaml`, one seed: exploring agents while they learn.*"
    said = "`benchmarks/sb3_cases.py`, one line a seed: 20 episodes at each tenth of its steps, played greedily."
    found = {"": hunt} | {f"{task}/": f"*{task} by {said}*" for task in ("CartPole-v1", "Pendulum-v1")}
    drawn = {told: pictures.learning_curve(f"{folder}{name}") for folder, told in found.items()}
    return [part for told, curve in drawn.items() if curve for part in (curve, told)]


def _networks(name: str, cls: type[BaseModel]) -> list[str]:
    if "discrete" in cls.acts:
        world, where = sorrelsim.make(TRIED_IN, 2, seed=0, compiled=False), f"[{TRIED_IN}](../worlds/{TRIED_IN}.md)"
    else:
        world, where = plane(2), "a world in which one sees two places, of two numbers each, and acts by two"
    model = cls(world.observations, world.action_names or world.action_spec, n_streams=2 * world.n_agents)
    drawn = pictures.networks(model, world)
    if not drawn:
        return []
    return ["## Its networks", f"The default ones, in {where}.", drawn, *_of_ones_own(name, cls)]


def _of_ones_own(name: str, cls: type[BaseModel]) -> list[str]:
    """Returns how a learner calls networks of one's own, as ``docs/models.md`` says it, and an example."""
    told = (DOCS / "models.md").read_text(encoding="utf-8")
    rows = [line.split(" | ", 1)[1] for line in told.splitlines() if line.startswith(f"| `{name}` | ")]
    said = "Made from Python it takes others: [what holds for all](../models.md#networks-of-ones-own)."
    head = "| argument | called as | answers |\n| --- | --- | --- |"
    calls = "\n".join([head, *(f"| {row}" for row in rows)])
    return ["### Networks of one's own", said, calls, f"```python\n{example_of(name, cls)}```"]
