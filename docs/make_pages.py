"""Writes what the docs' pages say of the code from the code: arrays, rules, settings. Run it again when those change.

python docs/make_pages.py

A page holds its tables between ``<!-- made: NAME -->`` and ``<!-- end -->``; all else in it is written by hand.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sorrelsim.authoring import events, kinds, params, state
from sorrelsim.engine import copies
from sorrelsim.engine.declared import Declared
from sorrelsim.experiments import config, scenarios, study_file
from sorrelsim.interfaces.ids import ids
from sorrelsim.library.catalogue import scenario_files
from sorrelsim.library.find import find_class, names
from sorrelsim.library.make import make
from sorrelsim.library.pages import Setting, settings_of
from sorrelsim.models.base import BaseModel
from sorrelsim.models.rewards import TRANSFORMS
from sorrelsim.rules import beams, draw, episode, grapple, grasp, grid, movement, sanctions, stamina, teams, together
from sorrelsim.rules import events as noting

DOCS = Path(__file__).parent
ROOMS = (grid, movement, together, draw, beams, sanctions, stamina, grapple, grasp, teams, episode, noting)
SIZES = (
    ("n_agents", "int", "Number of agents."),
    ("height, width", "int", "Rows and columns of the map."),
    ("n_layers", "int", "Layers of a cell."),
    ("wrap", "bool", "Whether the map's edges join."),
    ("agent_layer", "int", "The layer in which agents lie."),
    ("layer", "uint8[ids]", "The layer of an id, `w.layer[kind]`."),
    ("solid", "uint8[ids]", "1 where agents cannot enter, `w.solid[kind]`."),
    ("blocks", "uint8[ids, ids]", "`w.blocks[beam, kind]`: 0 the beam passes, 1 it hits and stops, 2 it only stops."),
    ("notes, amounts, noted", "int32[room, 8], float64[room, 1 or more], int64[3]", "What `events.note` writes to."),
    ("agent_code, slot_stride, show_facing", "int", "How agents lie in the grid: see `movement.look`."),
)  # fmt: skip
"""What a rule sees beside the arrays of its copy; a test compares it with the engine's fields."""


def markdown(text: str) -> str:
    """Returns a docstring as Markdown, for a table's cell."""
    text = re.sub(r":(?:class|func|mod|data|meth|attr):`~?([^`]+)`", lambda m: f"`{m[1].split('.')[-1]}`", text)
    return " ".join(text.replace("``", "`").replace("|", r"\|").split())


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Returns a table."""
    lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines)


def first_words(function: Any) -> str:
    """Returns a docstring without its sections."""
    text = inspect.getdoc(function) or ""
    return markdown(re.split(r"\n(?:Args|Returns|Raises|Yields|Attributes):", text)[0])


def arguments_of(function: Any) -> list[str]:
    """Returns what a docstring says of each argument."""
    _, _, text = (inspect.getdoc(function) or "").partition("Args:\n")
    text = re.split(r"\n\S", text)[0]
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", text, re.M | re.S)
    return [f"`{name}`: {markdown(doc)}" for name, doc in found]


def functions_of(module: Any) -> list[Any]:
    """Returns the public functions that a module of rules defines, in order; those for compiled code alone left out."""
    found = [f for _, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    found = [f for f in found if not f.__name__.startswith("_") and not f.__name__.endswith("_compiled")]
    return sorted(found, key=lambda f: f.__code__.co_firstlineno)


def signature(function: Any, room: str) -> str:
    """Returns how a function is called, without annotations."""
    given = [
        ("*" * (p.kind is p.VAR_POSITIONAL) + p.name)
        if p.default is p.empty
        else f"{p.name}={getattr(p.default, '__name__', repr(p.default))}"
        for p in inspect.signature(function).parameters.values()
    ]
    return f"`{room}{function.__name__}({', '.join(given)})`"


def constants_of(module: Any) -> list[tuple[str, str]]:
    """Returns the constants of a module that say what they are for, such as ``movement.EGOCENTRIC``, and what."""
    tree, found = ast.parse(inspect.getsource(module)), []
    for line, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(line, ast.Assign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            found += [(name.id, str(below.value.value)) for name in line.targets if isinstance(name, ast.Name)]
    return found


# -------------------------------------------------------------------------------------------------------------- rules


def fields() -> str:
    """The arrays of a copy that rules see, from the engine's table."""
    seen = [entry for entry in (*copies.OFTEN, *copies.SELDOM) if "rules" in entry.seen]
    rows = [
        (
            f"`w.{entry.name}`",
            entry.dtype if entry.number else f"{entry.dtype}[{', '.join(map(str, entry.shape))}]",
            markdown(entry.doc) + (" Read only." if entry.number else ""),
        )
        for entry in seen
    ]
    rows += [(", ".join(f"`w.{name}`" for name in each.split(", ")), kind, doc) for each, kind, doc in SIZES]
    return table(("name", "type and shape", "what it holds"), rows)


def rooms() -> str:
    """Every function of ``sorrelsim.rules``, from its docstring."""
    parts = []
    for module in ROOMS:
        room = module.__name__.rpartition(".")[2]
        rows = [(f"`{room}.{name}`", markdown(doc)) for name, doc in constants_of(module)]
        rows += [(signature(f, f"{room}."), first_words(f)) for f in functions_of(module)]
        parts.append(
            f"### {room}\n\n{markdown(inspect.getdoc(module) or '')}\n\n{table(('call', 'what it does'), rows)}"
        )
    return "\n\n".join(parts)


def declarations() -> str:
    """What a world's class declares, from the docstring of ``Declared``."""
    text = inspect.getdoc(Declared) or ""
    body = text.split("Attributes:\n", 1)[1]
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", body, re.M | re.S)
    return table(("attribute", "what it says"), [(f"`{name}`", markdown(doc)) for name, doc in found])


def helpers() -> str:
    """What declares state, params and kinds, and the base of events."""
    makers = [f for room in (kinds, params, state) for f in functions_of(room) if f.__name__ in PUBLIC]
    rows = [(signature(f, ""), " ".join([first_words(f), *arguments_of(f)])) for f in makers]
    rows.append(("`class Event(Events)`", first_words(events.Events).partition(" A world file")[0]))
    return table(("name", "what it declares"), rows)


PUBLIC = ("kind", "param", "probability", "per_world", "per_agent", "per_cell", "per_site")


# ----------------------------------------------------------------------------------------------------------- settings


def rows_of(settings: Iterable[Setting]) -> str:
    """Returns a table of settings."""
    return table(
        ("setting", "default", "takes", "meaning"),
        [(f"`{s.name}`", f"`{s.default}`", s.takes.replace("|", r"\|"), markdown(s.doc)) for s in settings],
    )


def learners() -> str:
    """The settings of every model of the library that has some, learners first."""
    found = {name: find_class(name, "agents", BaseModel) for name in names("agents")}
    with_settings = {
        name: cls
        for name, cls in found.items()
        if dataclasses.fields(cls.Config) and cls.__module__.startswith("sorrelsim.agents.")
    }
    learners = [name for name, cls in with_settings.items() if ".learners." in cls.__module__]
    parts = []
    for name in [*learners, *(name for name in with_settings if name not in learners)]:
        cls = with_settings[name]
        module = inspect.getmodule(cls)
        page = markdown((inspect.getdoc(module) or "").partition("\n")[0])
        parts.append(f"## {name}\n\n{page}\n\n{rows_of(settings_of(cls.Config))}")
    return "\n\n".join(parts)


def transforms() -> str:
    """The settings of every reward transform of the library."""
    parts = []
    for name, cls in TRANSFORMS.items():
        settings = settings_of(cls)
        parts.append(f"### {name}\n\n{rows_of(settings) if settings else 'No settings.'}")
    return "\n\n".join(parts)


def experiment() -> str:
    """Every key of a config."""
    parts = []
    for title, section, prefix in (
        ("The experiment", config.ExperimentConfig, ""), ("A seat", config.SeatConfig, "seats.0."),
    ):  # fmt: skip
        parts.append(f"### {title}\n\n{rows_of(settings_of(section, prefix))}")
    return "\n\n".join(parts)


def study() -> str:
    """Every key of a study's file."""
    return rows_of(settings_of(study_file.StudyConfig))


def spaces() -> str:
    """Returns what the agents of each world of the library observe and do, as other libraries meet it."""
    rows = []
    for name, known in ids().items():
        world = make(f"pkg:{name}", compiled=False)
        seen = (
            f"`{part}` {about.dtype}{list(about.shape)}" + (f", 0 to {about.n_codes - 1}" if about.n_codes else "")
            for part, about in world.observations.parts.items()
        )
        rows.append((f"`{known}`", str(world.n_agents), str(world.n_actions), "; ".join(seen)))
    return table(("id", "agents", "actions", "observation"), rows)


def scenario() -> str:
    """Every key of a scenario's file."""
    sections = (("A scenario", scenarios.Scenario, ""), ("A background", scenarios.Background, "background.0."))
    return "\n\n".join(f"### {title}\n\n{rows_of(settings_of(each, prefix))}" for title, each, prefix in sections)


def scenario_list() -> str:
    """Every scenario of the library."""
    found = [scenarios.load_scenario(name) for name in sorted(scenario_files())]
    rows = [(f"`{each.name}`", each.description, each.tests) for each in found]
    return table(("scenario", "what happens", "what it tests"), rows)


MADE: dict[str, Callable[[], str]] = {
    "fields": fields, "rules": rooms, "declarations": declarations, "helpers": helpers, "learners": learners,
    "transforms": transforms, "experiment": experiment, "study": study, "spaces": spaces, "scenario": scenario,
    "scenarios": scenario_list,
}  # fmt: skip
"""What is made, by the name that stands in the page."""


def renewed(text: str) -> str:
    """Returns a page with all that is made anew."""
    return re.sub(
        r"(<!-- made: (\w+) -->\n).*?(<!-- end -->)",
        lambda m: f"{m[1]}\n{MADE[m[2]]()}\n\n{m[3]}",
        text,
        flags=re.S,
    )


if __name__ == "__main__":
    for page in sorted(DOCS.glob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"wrote {page}")
