"""Pages of the library, one per world and per player, made of what their files say. New files have theirs by themselves."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import posixpath
import re
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from make_pages import markdown, rows_of, table
from making import pictures
from making.links import ROOT

import sorrelsim
from sorrelsim.authoring.events import event_names
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.catalogue import Entry, read_entry
from sorrelsim.library.find import find_class, shipped
from sorrelsim.library.pages import literal, settings_of
from sorrelsim.models.base import BaseModel

Made = dict[str, str | bytes]
"""Pages and pictures by their names on the site."""
TRIED_IN = "treasure_hunt"
"""The world whose networks the pages of learners show."""
KINDS = ("learner", "bot", "player")


def world_page_of(name: str) -> str:
    """Returns the name of a world's page."""
    return f"worlds/{name}.md"


def player_page_of(name: str) -> str:
    """Returns the name of a model's page."""
    return f"players/{name}.md"


def pages_by_file() -> dict[str, str]:
    """Returns the page of each file of the library, from the repository's root."""
    found = {f"{relative(path)}": world_page_of(name) for name, path in shipped("worlds").items()}
    return found | {f"{relative(path)}": player_page_of(name) for name, path in shipped("agents").items()}


def relative(path: Path) -> str:
    """Returns a path from the repository's root."""
    return path.resolve().relative_to(ROOT).as_posix()


def prose(text: str) -> str:
    """Returns a docstring as Markdown, its paragraphs kept."""
    return "\n\n".join(markdown(each) for each in re.split(r"\n\s*\n", text.strip()) if each.strip())


def configs_with(wanted: str, where: str) -> list[tuple[str, str]]:
    """Returns the committed configs of a world or a model, with the comment at their top.

    Args:
        wanted: The name.
        where: ``world`` or ``model``.
    """
    found = []
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        settings = yaml.safe_load(text)
        if not isinstance(settings, dict) or "world" not in settings:
            continue
        world = settings["world"] if isinstance(settings["world"], str) else settings["world"].get("name")
        names = [world] if where == "world" else [seat.get("model") for seat in settings.get("seats", [])]
        if wanted in names:
            comment = re.match(r"(?:#.*\n)*", text)
            said = " ".join(line.lstrip("# ") for line in (comment[0] if comment else "").splitlines())
            found.append((relative(path), said))
    return found


def _runs(wanted: str, where: str) -> list[str]:
    """Returns the section of a world's or a model's configs."""
    found = configs_with(wanted, where)
    if not found:
        return []
    rows = [(f"[`{path}`]({_up(f'source/{path}.md')})", markdown(said)) for path, said in found]
    commands = "\n".join(f"sorrelsim train {path}" for path, _ in found)
    return ["## Configs", table(("config", "what it shows"), rows), f"```sh\n{commands}\n```"]


def _up(page: str) -> str:
    """Returns a link from a page of the library to another page."""
    return posixpath.relpath(page, "worlds")


# ------------------------------------------------------------------------------------------------------------- worlds


def world_pages() -> Made:
    """Returns the page and pictures of every world, and the page that shows them all."""
    made: Made = {}
    cards = []
    for name, path in sorted(shipped("worlds").items()):
        entry = read_entry(path)
        made[f"assets/worlds/{name}.png"] = pictures.picture_in_play(name)
        made |= _world(entry)
        cards.append(
            f"-   [![{name}](../assets/worlds/{name}.png)]({name}.md)\n\n    [**{name}**]({name}.md)\n\n    "
            f"{markdown(entry.summary)}"
        )
    head = (
        "---\nhide: [toc]\n---\n\n# The worlds\n\nEach is one file, read from top to bottom, and each page is made of its file. A world's name is "
        "what `sorrelsim train`, `play`, `show` and `make` take; [Writing a world](../worlds.md) has the rest."
    )
    made["worlds/index.md"] = f"{head}\n\n{_grid('worlds', cards)}\n"
    return made


def _grid(what: str, cards: list[str]) -> str:
    """Returns cards side by side, as many as the screen is wide."""
    return "\n\n".join([f'<div class="grid cards {what}" markdown>', *cards, "</div>"])


def _world(entry: Entry) -> Made:
    cls = find_class(entry.name, "worlds", Gridworld)
    source = entry.path.read_text(encoding="utf-8")
    title = (ast.get_docstring(ast.parse(source)) or entry.name).partition(":")[0]
    agents = f"{cls.n_agents} agent{'s' * (cls.n_agents != 1)}"
    maps, made = _maps(entry.name, cls)
    parts = [
        f"# {title.partition(' in space')[0]}",
        f"{markdown(entry.summary)}",
        f"![{entry.name} in play](../assets/worlds/{entry.name}.png){{.world}}",
        f"{agents}, {len(cls.actions)} actions, {len(cls.maps)} map{'s' * (len(cls.maps) != 1)}, version {cls.version}.",
        f"```sh\nsorrelsim show {entry.name}\nsorrelsim play {entry.name}\n```",
    ]
    for heading, text in entry.sections.items():
        if heading not in ("Parameters", "Versions"):
            parts += [f"## {heading}", prose(text)]
    parts += [
        "## Parameters", prose(entry.sections.get("Parameters", "")), _params(cls, source), *_presets(cls),
        *_events(cls, source), *_kinds(cls), *maps, *_played_by(entry.name), *_runs(entry.name, "world"),
        "## Versions", prose(entry.sections.get("Versions", "")),
        "## The file", f"[`{relative(entry.path)}`]({_up(f'source/{relative(entry.path)}.md')})",
    ]  # fmt: skip
    made[world_page_of(entry.name)] = "\n\n".join(filter(None, parts)) + "\n"
    return made


def comments_in(source: str, name: str) -> dict[str, str]:
    """Returns what the comments in a class's body say of its fields: beside a field, or on the lines above it."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    comments = {each.start[0]: each.string.lstrip("# ") for each in tokens if each.type == tokenize.COMMENT}
    alone = {
        each.start[0] for each in tokens if each.type == tokenize.COMMENT and not each.line[: each.start[1]].strip()
    }
    found = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef) or node.name != name:
            continue
        for line in node.body:
            target = line.target if isinstance(line, ast.AnnAssign) else getattr(line, "targets", [None])[0]
            if isinstance(target, ast.Name):
                above = line.lineno
                while above - 1 in alone:
                    above -= 1
                last = line.end_lineno or line.lineno
                said = [comments[k] for k in (*range(above, line.lineno), last) if k in comments]
                found[target.id] = " ".join(said).removeprefix("fmt: skip")
    return found


def _params(cls: type[Gridworld], source: str) -> str:
    """Returns the table of a world's params."""
    said = comments_in(source, cls.params.__name__)
    rows = []
    for field in dataclasses.fields(cls.params):
        low, high = field.metadata.get("low", -np.inf), field.metadata.get("high", np.inf)
        limits = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} or more" if np.isfinite(low) else ""
        rows.append((f"`{field.name}`", f"`{field.default}`", limits, markdown(said.get(field.name, ""))))
    return table(("param", "default", "range", "what it is"), rows)


def _presets(cls: type[Gridworld]) -> list[str]:
    if not cls.presets:
        return []
    plain = (bool, int, float, str, tuple, list)
    rows = []
    for name, sets in cls.presets.items():
        said = [
            f"`{key}: {literal(value)}`" for key, value in sets.items() if isinstance(value, plain) and _data(value)
        ]
        rows.append((f"`{name}`", ", ".join(said) or "the defaults"))
    return ["## Presets", "`preset: NAME` under `world:` in a config, `--preset NAME` of `play` and `show`.",
            table(("preset", "what it sets"), rows)]  # fmt: skip


def _data(value: Any) -> bool:
    """Returns whether a value is plain data all through; rules and sprites are not."""
    if isinstance(value, tuple | list):
        return all(map(_data, value))
    return isinstance(value, bool | int | float | str)


def _events(cls: type[Gridworld], source: str) -> list[str]:
    names = event_names(cls.events)
    if not names:
        return []
    said = comments_in(source, getattr(cls.events, "__name__", ""))
    rows = [(f"`{name}`", markdown(said.get(name.upper(), ""))) for name in names]
    head = ("event", "when it is counted") if any(text for _, text in rows) else ("event",)
    return ["## Events", "Columns of `metrics.csv`: the mean over agents, and `_0`, `_1` ... for each.",
            table(head, [row[: len(head)] for row in rows])]  # fmt: skip


def _kinds(cls: type[Gridworld]) -> list[str]:
    rows = [
        (pictures.sprite(each.spec.sprite), f"`{each.name.lower()}`", f"`{each.spec.glyph}`".replace("|", r"\|"),
         each.spec.layer, "solid" if each.spec.solid else "")
        for each in cls.kinds
    ]  # fmt: skip
    return ["## Kinds", table(("", "kind", "glyph", "layer", ""), rows)]


def _maps(name: str, cls: type[Gridworld]) -> tuple[list[str], Made]:
    """Returns the section of maps and their pictures; each is played as the first preset that has it does."""
    made: Made = {}
    cards = []
    for each in cls.maps:
        preset = next((key for key, sets in cls.presets.items() if sets.get("map") == each), None)
        world = sorrelsim.make(name, map=each, preset=preset, compiled=False)
        file = f"assets/worlds/{name}-{each}.png"
        made[file] = pictures.picture_of_map(world)
        cards.append(f"-   ![{each}](../{file})\n\n    `{each}`, {world.height} x {world.width}")
    return ["## Maps", _grid("maps", cards)], made


def _played_by(world: str) -> list[str]:
    """Returns the section of the bots that are written for a world: their names begin with its first word."""
    first = world.partition("_")[0]
    found = [read_entry(path) for name, path in sorted(shipped("agents").items()) if name.startswith(f"{first}_")]
    rows = [(f"[`{each.name}`](../{player_page_of(each.name)})", markdown(each.summary)) for each in found]
    return ["## Scripted players", table(("player", "what it does"), rows)] if rows else []


# ------------------------------------------------------------------------------------------------------------ players


def player_pages() -> Made:
    """Returns the page of every model, learners first, and the page that lists them."""
    made: Made = {}
    rows: dict[str, list[tuple[str, str]]] = {kind: [] for kind in KINDS}
    for name, path in sorted(shipped("agents").items(), key=lambda each: (KINDS.index(kind_of(each[1])), each[0])):
        cls = find_class(name, "agents", BaseModel)
        kind = kind_of(path)
        entry = read_entry(path)
        made[player_page_of(name)] = _player(name, kind, cls, path)
        rows[kind].append((f"[`{name}`]({name}.md)", markdown(entry.summary)))
    parts = [
        "# The players",
        "Whatever can sit in a slot of a world: a name for `model:` in a config and for `--others` of `play`. Each is one "
        "file, and each page is made of its file; [Writing a model](../models.md) says how.",
    ]
    for kind, title in zip(KINDS, ("Learners", "Scripted players", "Others"), strict=True):
        parts += [f"## {title}", table(("name", "what it is"), rows[kind])]
    made["players/index.md"] = "\n\n".join(parts) + "\n"
    return made


def kind_of(path: Path) -> str:
    """Returns what a file of ``agents/`` holds: ``learner``, ``bot`` or ``player``."""
    return {"learners": "learner", "bots": "bot"}.get(path.parent.name, "player")


def _player(name: str, kind: str, cls: type[BaseModel], path: Path) -> str:
    module = inspect.getmodule(cls)
    first, _, rest = (inspect.getdoc(module) or "").partition("\n\n")
    own = (inspect.getdoc(cls) or "").partition("\nArgs:")[0].partition("\nRaises:")[0]
    title, colon, said = first.partition(": ")
    if not colon or len(title) > 20 or kind != "learner":
        title, said = name, first
    parts = [f"# {title}", prose(said[:1].upper() + said[1:]), prose(rest), prose(own)]
    if kind == "learner":
        parts += [*_curve(name), *_networks(cls)]
    settings = settings_of(cls.Config)
    mine = [each for each in settings if each.owner.__module__ == cls.__module__]
    shared = [each for each in settings if each not in mine]
    if settings:
        parts += ["## Settings", "Under `config:` of its seat.", rows_of(mine) if mine else ""]
    if mine and shared:
        parts.append("### Shared with others like it")
    if shared:
        parts.append(rows_of(shared))
    parts += _runs(name, "model")
    parts += ["## The file", f"[`{relative(path)}`]({_up(f'source/{relative(path)}.md')})"]
    return "\n\n".join(filter(None, parts)) + "\n"


def _curve(name: str) -> list[str]:
    curve = pictures.learning_curve(name)
    if not curve:
        return []
    return [
        curve,
        f"*Treasure hunt by `configs/treasure_hunt_{name}.yaml`, one seed: exploring agents while they learn.*",
    ]


def _networks(cls: type[BaseModel]) -> list[str]:
    world = sorrelsim.make(TRIED_IN, n_worlds=2, seed=0, compiled=False)
    model = cls(world.observations, world.action_names, n_streams=2 * world.n_agents)
    drawn = pictures.networks(model, world)
    if not drawn:
        return []
    return ["## Its networks", f"The default ones, in [{TRIED_IN}](../worlds/{TRIED_IN}.md):", drawn,
            "[Networks of one's own](../models.md#networks-of-ones-own) take their place when it is made from Python."]  # fmt: skip
