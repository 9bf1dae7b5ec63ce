"""What the card before a game says: what it is about, what there is, what it brings, which keys do what, who plays.

Made of what the world says of itself, so that every world has one: its page, its kinds and their pictures.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.authoring.kinds import payments
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.catalogue import read_entry
from sorrelsim.pictures.painting import stack
from sorrelsim.play.panel_info import ActionRow, signed, title_of

MOST_THINGS = 14


@dataclass(frozen=True, eq=False)
class CardInfo:
    """What the card says.

    Attributes:
        title: The world.
        about: What it is about, in a sentence.
        things: What lies in it, and what it pays who goes there: names and pictures ``uint8[SIZE, SIZE, 3]``.
        rewards: What is rewarded, in words.
        keys: The person's actions and keys.
        players: Slot, name, and whether it is a person, of everybody.
        foot: What to press.
    """

    title: str
    about: str
    things: tuple[tuple[str, np.ndarray], ...]
    rewards: str
    keys: tuple[ActionRow, ...]
    players: tuple[tuple[int, str, bool], ...]
    foot: str


def card_of(
    world: Gridworld, keys: tuple[ActionRow, ...], players: Sequence[str], people: Sequence[int], foot: str
) -> CardInfo:
    """Returns the card of a world.

    Args:
        world: The world.
        keys: The person's actions and keys.
        players: A label for each slot.
        people: The slots that people play.
        foot: What to press.
    """
    about, rewards = page_of(world)
    named = tuple(
        (slot, "you" if slot in people and len(people) == 1 else "person" if slot in people else label, slot in people)
        for slot, label in enumerate(players)
    )
    return CardInfo(title_of(world.name), about, _things(world), rewards, keys, named, foot)


def page_of(world: Gridworld) -> tuple[str, str]:
    """Returns what people are told that a world is about, and what it rewards: as its file says, or less by design."""
    return (world.told_instead, "") if world.told_instead else _page(type(world).__module__)


@cache
def _page(module: str) -> tuple[str, str]:
    """Returns what a world's file says that it is about, and what it rewards, read once, not for every frame."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return "", ""
    entry = read_entry(Path(file))
    return _plain(entry.summary), _plain(entry.sections.get("Rewards", ""))


def _plain(text: str) -> str:
    """Returns a page's text without its marks for code, as one line."""
    return " ".join(text.replace("``", "").split())


def _things(world: Gridworld) -> tuple[tuple[str, np.ndarray], ...]:
    """Returns what can lie in a cell, as it looks there; of several that only a number tells apart, the first."""
    looks, shown, paying = world.looks_table(), dict[str, np.ndarray](), set[str]()
    params = {name: value[0] for name, value in world.copies.params.items()}
    for code, kind in enumerate(world.kinds, 1):
        name = re.sub(r"_\d+$", "", kind.name).lower().replace("_", " ")
        if pays := "/".join(signed(value) for value in payments(kind, params)):
            name = name if world.told_instead else f"{name}  {pays}"
            paying.add(name)
        if looks[code, ..., 3].any():
            shown.setdefault(name, stack([sprites.GROUND.rgba, looks[code]]))
    return tuple(sorted(shown.items(), key=lambda thing: thing[0] not in paying))[:MOST_THINGS]  # what pays comes first
