"""Pages of worlds, made of what their files say: docstring, params, presets, events, kinds, maps."""

from __future__ import annotations

import ast
import dataclasses
import io
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from make_pages import DOCS, table
from making import pictures
from making.library_pages import (
    Made,
    configs_with,
    file_section,
    line,
    player_page_of,
    prose,
    relative,
    runs_section,
    world_page_of,
)
from making.links import ROOT, source_page

import sorrelsim
from sorrelsim.authoring.events import event_names
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.catalogue import Entry, read_entry
from sorrelsim.library.find import find_class, shipped
from sorrelsim.library.pages import literal

HEAD = """---
hide: [toc]
---

# The worlds

Each is one file, read from top to bottom, and each page is made of its file. A world's name is what `sorrelsim play`,
`show` and `bench`, `sorrelsim.make` and `world:` in a config take. [Writing a world](../worlds.md) says how one is
made."""


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
            f"{line(entry.summary)}"
        )
    made["worlds/index.md"] = f"{HEAD}\n\n{_grid('worlds', cards)}\n"
    return made


def _grid(what: str, cards: list[str]) -> str:
    """Returns cards side by side, as many as the screen is wide."""
    return "\n\n".join([f'<div class="grid cards {what}" markdown>', *cards, "</div>"])


def _world(entry: Entry) -> Made:
    cls = find_class(entry.name, "worlds", Gridworld)
    source = entry.path.read_text(encoding="utf-8")
    title = (ast.get_docstring(ast.parse(source)) or entry.name).partition(":")[0]
    facts = f"{_counted(cls.n_agents, 'agent')}, {len(cls.actions)} actions, {_counted(len(cls.maps), 'map')}"
    maps, made = _maps(entry.name, cls)
    parts = [
        f"# {title.partition(' in space')[0]}",
        f"{line(entry.summary)}",
        f"![{entry.name} in play](../assets/worlds/{entry.name}.png){{.world}}",
        f"{facts}, version {cls.version}.",
        f"```sh\nsorrelsim show {entry.name}\nsorrelsim play {entry.name}\n```",
    ]
    for heading, text in entry.sections.items():
        if heading not in ("Parameters", "Versions"):
            parts += [f"## {heading}", prose(text)]
    parts += [
        "## Parameters", prose(entry.sections.get("Parameters", "")), _params(cls, source), *_presets(cls),
        *_events(cls, source), *_kinds(cls), *maps, *_schelling(entry.name, cls), *_played_by(entry.name),
        *_scenarios(entry.name), *runs_section(entry.name, "world"), *_learned(entry.name),
        "## Versions", prose(entry.sections.get("Versions", "")),
        *file_section(entry.path),
    ]  # fmt: skip
    made[world_page_of(entry.name)] = "\n\n".join(filter(None, parts)) + "\n"
    return made


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'s' * (n != 1)}"


def comments_in(source: str, name: str) -> dict[str, str]:
    """Returns what the comments in a class's body say of its fields: beside a field, or on the lines above it."""
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    tokens = [each for each in tokens if each.type == tokenize.COMMENT]
    comments = {each.start[0]: each.string.lstrip("# ") for each in tokens}
    alone = {each.start[0] for each in tokens if not each.line[: each.start[1]].strip()}
    found = {}
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef) or node.name != name:
            continue
        for field in node.body:
            target = field.target if isinstance(field, ast.AnnAssign) else getattr(field, "targets", [None])[0]
            if isinstance(target, ast.Name):
                above = field.lineno
                while above - 1 in alone:
                    above -= 1
                last = field.end_lineno or field.lineno
                said = [comments[k] for k in (*range(above, field.lineno), last) if k in comments]
                found[target.id] = " ".join(said).removeprefix("fmt: skip")
    return found


def _params(cls: type[Gridworld], source: str) -> str:
    """Returns the table of a world's params."""
    said = comments_in(source, cls.params.__name__)
    rows = []
    for field in dataclasses.fields(cls.params):
        low, high = field.metadata.get("low", -np.inf), field.metadata.get("high", np.inf)
        limits = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} or more" if np.isfinite(low) else ""
        rows.append((f"`{field.name}`", f"`{field.default}`", limits, line(said.get(field.name, ""))))
    return table(("param", "default", "range", "what it is"), rows)


def _presets(cls: type[Gridworld]) -> list[str]:
    if not cls.presets:
        return []
    rows = []
    for name, sets in cls.presets.items():
        said = [f"`{key}: {literal(value)}`" for key, value in sets.items() if _data(value)]
        rows.append((f"`{name}`", ", ".join(said) or "the defaults"))
    return ["## Presets", "`preset: NAME` under `world:` in a config, `--preset NAME` of `play` and `show`.",
            table(("preset", "what it sets"), rows)]  # fmt: skip


def _data(value: Any) -> bool:
    """Returns whether a value is plain data all through; rules and sprites are not."""
    if isinstance(value, tuple | list):
        return all(map(_data, value))
    return isinstance(value, bool | int | float | str)


def _events(cls: type[Gridworld], source: str) -> list[str]:
    """Returns the section of what a world counts, and of what it notes between two agents."""
    said = comments_in(source, getattr(cls.events, "__name__", ""))
    counted = event_names(cls.events)
    pairs = [name for name in (getattr(each, "name", each).lower() for each in cls.events) if name not in counted]
    parts = []
    for names, told in (
        (counted, "Columns of `metrics.csv`: the mean over agents, and `_0`, `_1` ... for each."),
        (pairs, "Between two agents, in tables of events:"),
    ):
        rows = [(f"`{name}`", line(said.get(name.upper(), ""))) for name in names]
        columns = 2 if any(text for _, text in rows) else 1
        if rows:
            parts += [told, table(("event", "what it is")[:columns], [row[:columns] for row in rows])]
    return ["## Events", *parts] if parts else []


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
    rows = [(f"[`{each.name}`](../{player_page_of(each.name)})", line(each.summary)) for each in found]
    return ["## Scripted players", table(("player", "what it does"), rows)] if rows else []


def _schelling(name: str, cls: type[Gridworld]) -> list[str]:
    """Returns the section of the Schelling diagrams that were drawn of a world or of one of its presets."""
    drawn = {path.stem.removeprefix("schelling_"): path.name for path in sorted(DOCS.glob("schelling_*.png"))}
    found = [
        file
        for game, file in drawn.items()
        if game.startswith(name) or any(preset.startswith(game) for preset in cls.presets)
    ]
    pictures_of = [f"![{each.removesuffix('.png').replace('_', ' ')}](../{each})" for each in found]
    return ["## Schelling diagrams", *pictures_of] if found else []


def _learned(name: str) -> list[str]:
    """Returns the section that shows what a learner makes of a world; nothing where it was not tried."""
    said = "One line a seed, while they explore and learn; the grey band is random play, from as many seeds."
    found = [(path, pictures.learning_curve(f"configs/{Path(path).stem}")) for path, _ in configs_with(name, "world")]
    parts = [text for path, curve in found if curve for text in (curve, f"*By `{path}`. {said}*")]
    return ["## What is learned", *parts] if parts else []


def _scenarios(name: str) -> list[str]:
    """Returns the section of a world's scenarios: what they are, and what they test."""
    rows = []
    for path in sorted((ROOT / "configs" / "scenarios" / name).glob("*.yaml")):
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        link = f"[`{path.stem}`](../{source_page(relative(path))})"
        rows.append((link, line(said.get("description", "")), line(said.get("tests", ""))))
    return ["## Scenarios", table(("scenario", "who meets whom", "what it tests"), rows)] if rows else []
