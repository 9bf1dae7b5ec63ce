"""``sorrelsim show``: the page of a world, a model or a reward transform.

A world's has its params, and its map as a picture made of coloured half blocks; the others' have their settings.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.authoring.sprites import SIZE
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import unknown
from sorrelsim.library.find import NotFound, find_class, names
from sorrelsim.library.make import make
from sorrelsim.library.pages import settings_of
from sorrelsim.library.transforms import find_transform, local_transforms
from sorrelsim.models.base import BaseModel
from sorrelsim.models.rewards import TRANSFORMS, RewardTransform


@dataclass(frozen=True)
class Picture:
    """A first moment of a world.

    Attributes:
        pixels: RGB uint8 [height * 8, width * 8, 3].
        text: The same as ASCII.
    """

    pixels: np.ndarray
    text: str


def kind_of(name: str) -> str:
    """Returns what a name or a file stands for: ``world``, ``model`` or ``transform``.

    Raises:
        NotFound: If it stands for none; the message has the nearest match.
    """
    bare = name.removeprefix("pkg:")
    known = {"world": names("worlds"), "model": names("agents"), "transform": [*TRANSFORMS, *local_transforms()]}
    for kind, found in known.items():
        if bare in found:
            return kind
    if not name.endswith(".py"):
        everything = [each for found in known.values() for each in found]
        raise NotFound(unknown("world, model or reward transform", name, everything))
    if not Path(name).is_file():
        raise NotFound(f"no file {name}")
    bases = {"world": ("worlds", Gridworld), "model": ("agents", BaseModel), "transform": ("rewards", RewardTransform)}
    for kind, (folder, base) in bases.items():
        try:
            find_class(name, folder, base)
        except NotFound:
            continue
        return kind
    raise NotFound(f"{name} defines neither one world, nor one model, nor one reward transform")


def describe_settings(name: str, kind: str) -> str:
    """Returns the page of a model or a reward transform: what its file and class say, and its settings.

    Args:
        name: Its name or file.
        kind: ``model`` or ``transform``.

    Raises:
        ValueError: If there is no such model or transform; the message has the nearest match.
    """
    cls: Any = find_transform(name) if kind == "transform" else find_class(name, "agents", BaseModel)
    module = sys.modules[cls.__module__]
    texts = [cls.__doc__] if kind == "transform" and cls in TRANSFORMS.values() else [module.__doc__, cls.__doc__]
    page = "\n\n".join(inspect.cleandoc(text) for text in texts if text) or f"{name} has no docstring."
    config = cls if kind == "transform" else cls.Config
    settings = settings_of(config) if hasattr(config, "__dataclass_fields__") else []
    lines = [page, "", "Settings" if settings else "No settings"]
    for setting in settings:
        lines.append(f"    {setting.name} = {setting.default}  ({setting.takes})")
        lines += textwrap.wrap(setting.doc, 100, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return "\n".join(lines)


def describe(name: str, map: str | None = None, preset: str | None = None, seed: int = 0) -> tuple[str, Picture]:
    """Returns a world's page and the picture of one copy at the start.

    Args:
        name: Name or file of the world.
        map: Name or file of a map, if not the first.
        preset: One of the world's presets.
        seed: Seed of the copy.

    Raises:
        ValueError: If there is no such world, map or preset; the message has the nearest match.
    """
    cls = find_class(name, "worlds", Gridworld)
    world = make(name, 1, seed, map=map, preset=preset, compiled=False)
    page = [inspect.cleandoc(sys.modules[cls.__module__].__doc__ or f"{name} has no docstring."), "", "Params"]
    for field in dataclasses.fields(cls.params):
        low, high = field.metadata.get("low", -np.inf), field.metadata.get("high", np.inf)
        limits = f"  ({low:g} to {high:g})" if np.isfinite(low) or np.isfinite(high) else ""
        page.append(f"    {field.name} = {field.default}{limits}")
    page += ["", f"Maps       {', '.join(cls.maps)}"]
    if cls.presets:
        page.append(f"Presets    {', '.join(cls.presets)}")
    shapes = ", ".join(f"{part} {list(spec.shape)}" for part, spec in world.observations.parts.items())
    page += [f"Observed   {shapes}", f"Counted    {', '.join(world.events) or 'nothing'}", ""]
    page.append(f"{world.map_name}, {world.height} x {world.width}, {world.n_agents} agents:")
    return "\n".join(page), Picture(world.render(0), world.text(0))


def paint_map(picture: Picture, colour: bool, columns: int) -> str:
    """Paints the picture for a terminal: half blocks in 24-bit colour, two pixels to a character; or the ASCII map.

    Args:
        picture: The picture.
        colour: Whether the terminal shows colours.
        columns: Its width in characters.
    """
    width = picture.pixels.shape[1] // SIZE
    if not colour or columns < width:
        return picture.text
    per_cell = max(n for n in (1, 2, 4, 8) if n == 1 or n * width <= min(columns, 160))
    k = SIZE // per_cell
    height, wide = picture.pixels.shape[0] // k, picture.pixels.shape[1] // k
    small = picture.pixels.reshape(height, k, wide, k, 3).mean((1, 3)).astype(np.uint8)
    if height % 2:
        small = np.concatenate([small, np.zeros((1, wide, 3), np.uint8)])
    lines = []
    for row in range(0, len(small), 2):
        marks = [
            f"\x1b[38;2;{t[0]};{t[1]};{t[2]};48;2;{b[0]};{b[1]};{b[2]}m▀"
            for t, b in zip(small[row].tolist(), small[row + 1].tolist(), strict=True)
        ]
        lines.append("".join(marks) + "\x1b[0m")
    return "\n".join(lines)
