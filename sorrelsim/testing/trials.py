"""Settings in which a world is tried: its maps and presets, other maps in its legend, few and many agents, extremes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.engine.gridworld import Gridworld

MANY = 24  # agents, where a map has room for more


@dataclass(frozen=True)
class Trial:
    """One way to make a world.

    Attributes:
        title: What is said of it.
        settings: What ``make`` is given.
    """

    title: str
    settings: dict[str, Any]


def trials(cls: type[Gridworld], rng: np.random.Generator) -> Iterator[Trial]:
    """Every way to make a world, the plain one first."""
    yield Trial("as it is", {})
    text = next(iter(cls.maps.values())).strip("\n")
    spawns = cls.sites.get("spawns", "")
    room = sum(text.count(glyph) for glyph in set(spawns)) if spawns else cls.n_agents
    crowds = [n for n in sorted({1, 2, min(room, MANY)} - {cls.n_agents}) if 1 <= n <= room]
    for n in crowds:
        yield Trial(_agents(n), {"n_agents": n})
    for name in cls.presets:
        yield Trial(f"preset {name}", {"preset": name})
    for name in list(cls.maps)[1:]:
        yield Trial(f"map {name}", {"map": name})
    for name, value in extremes(cls.params):
        yield Trial(f"{name}={value!r}, which {cls.params.__name__} allows", {name: value})
    small = smallest(cls, text)
    yield Trial("a small map of everything", {"map": small})
    for member in cls.kinds:
        if not member.spec.solid and member.spec.layer != "beam":
            glyph = member.spec.glyph
            full = filled(cls, text, glyph)
            yield Trial(f"a map full of {member.name}", {"map": full})
            for n in crowds:
                yield Trial(f"{_agents(n)} on a map full of {member.name}", {"map": full, "n_agents": n})
    for _ in range(4):
        yield Trial(*_mixed(cls.params, rng))


def _agents(n: int) -> str:
    return f"{n} agent{'s' if n > 1 else ''}"


def _mixed(params: type, rng: np.random.Generator) -> tuple[str, dict[str, Any]]:
    """Several params at an extreme at once."""
    values = [pair for pair in extremes(params) if rng.random() < 0.5]
    settings = dict(values)
    return ", ".join(f"{name}={value!r}" for name, value in settings.items()) or "as it is", settings


def extremes(params: type) -> list[tuple[str, Any]]:
    """The ends of the range of each param that is a number, and for those without ends some way below and above."""
    found: list[tuple[str, Any]] = []
    for field in dataclasses.fields(params):
        default = field.default
        if isinstance(default, bool):
            found.append((field.name, not default))
        elif isinstance(default, int | float):
            low, high = field.metadata.get("low", -math.inf), field.metadata.get("high", math.inf)
            beyond = 3 * abs(default) + 10
            ends = [low if math.isfinite(low) else min(-1, default), high if math.isfinite(high) else beyond]
            if math.isfinite(low) and not math.isfinite(high):
                ends[1] = max(beyond, low)
            if isinstance(default, int):
                ends = [math.ceil(ends[0]), math.floor(min(ends[1], 10_000))]
            found += [(field.name, type(default)(end)) for end in dict.fromkeys(ends) if end != default]
    return found


def filled(cls: type[Gridworld], text: str, glyph: str) -> str:
    """A map with a glyph on every cell but those of walls and spawns."""
    kept = {m.spec.glyph for m in cls.kinds if m.spec.solid} | set(cls.sites.get("spawns", "")) | {"\n"}
    return "".join(each if each in kept else glyph for each in text)


def smallest(cls: type[Gridworld], text: str) -> str:
    """A map in which every glyph of another stands at least once, and the spawns are close together."""
    lines = text.splitlines()
    edge = lines[0][0] if len(set(lines[0] + lines[-1])) == 1 else ""
    spawns = set(cls.sites.get("spawns", ""))
    start = next((glyph for glyph in text if glyph in spawns), " ")
    inner = [glyph for glyph in dict.fromkeys(text) if glyph not in {"\n", edge} | spawns]
    inner = [start] * cls.n_agents + [glyph for glyph in dict.fromkeys(text) if glyph in spawns - {start}] + inner
    width = max(2, math.ceil(math.sqrt(len(inner))) + 1)
    rows = ["".join(inner[k : k + width]).ljust(width) for k in range(0, len(inner), width)]
    if edge:
        rows = [edge * (width + 2), *(f"{edge}{row}{edge}" for row in rows), edge * (width + 2)]
    return "\n".join(rows) + "\n"
