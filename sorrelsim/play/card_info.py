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
from typing import NamedTuple

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.authoring.kinds import payments
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library.catalogue import read_entry
from sorrelsim.pictures.painting import stack
from sorrelsim.play.keys import specials_of
from sorrelsim.play.panel_info import ActionRow, in_words, signed, title_of

MOST_THINGS = 14


@dataclass(frozen=True, eq=False)
class CardInfo:
    """What the card says.

    Attributes:
        title: The world.
        about: What it is about, in a sentence.
        things: What lies in it, and what it pays who goes there: names and pictures ``uint8[SIZE, SIZE, 3]``.
        rewards: What is rewarded, in words.
        does: What the keys do that do more than walk, in words.
        keys: The person's actions and keys.
        players: Slot, name, and whether it is a person, of everybody.
        foot: What to press.
    """

    title: str
    about: str
    things: tuple[tuple[str, np.ndarray], ...]
    rewards: str
    does: str
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
    page = page_of(world)
    named = tuple(
        (slot, "you" if slot in people and len(people) == 1 else "person" if slot in people else label, slot in people)
        for slot, label in enumerate(players)
    )
    things, title = _things(world), title_of(world.name)
    return CardInfo(title, page.about, things, page.rewards, page.does, keys, named, foot)


class Page(NamedTuple):
    """What people are told of a world: what it is about, what it rewards, and what actions do beside walking."""

    about: str
    rewards: str
    does: str


def page_of(world: Gridworld) -> Page:
    """Returns what a world's file says, as far as it concerns the game at hand, or less by design."""
    about, rewards, actions = _page(type(world).__module__)
    does = _beside_walking(_here(actions, world), world)
    if world.told_instead:
        return Page(world.told_instead, "", _plain(does))
    return Page(_plain(about), _plain(_here(rewards, world)), _plain(does))


@cache
def _page(module: str) -> tuple[str, str, str]:
    """Returns a world's first line and what it says of rewards and actions, read once, not for every frame."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if not file:
        return "", "", ""
    entry = read_entry(Path(file))
    rewards, actions = (" ".join(entry.sections.get(name, "").split()) for name in ("Rewards", "Actions"))
    return entry.summary, rewards, actions


def _here(text: str, world: Gridworld) -> str:
    """Returns a page's text with the sentences that begin with this world's preset, and without those of others.

    Params that it names in code have their values beside them.
    """
    for preset in world.presets:
        if preset != world.preset:
            text = re.sub(rf"(?:^| )``{re.escape(preset)}``: .*?\.(?= |$)", "", text)
    text = text.replace(f"``{world.preset}``: ", "").strip()
    for name, values in world.copies.params.items():
        text = text.replace(f"``{name}``", f"{name} ({_numbers(values[0])})")
    return text


def _numbers(value: np.ndarray) -> str:
    """Returns the numbers of a param, a matrix row by row: ``3 0 / 5 1``."""
    if np.ndim(value) > 1:
        return " / ".join(map(_numbers, value))
    return " ".join(f"{number:g}" for number in np.atleast_1d(value))


def _beside_walking(text: str, world: Gridworld) -> str:
    """Returns a page's text of actions without lists of their names, a preset's too; theirs as people read them."""
    if not specials_of(world.action_names):
        return ""
    names = "|".join(map(re.escape, sorted({*world.action_names, *type(world).actions}, key=len, reverse=True)))
    text = re.sub(rf"(?:^|(?<=\. ))(?:(?:{names})(?:, |\.(?: |$)))+", "", text)
    return re.sub(rf"\b(?:{names})\b", lambda found: in_words(found[0]), text.strip())


def _plain(text: str) -> str:
    """Returns a page's text without its marks for code, in sentences."""
    return re.sub(r"(?:^|(?<=\. ))[a-z]", lambda found: found[0].upper(), text.replace("``", ""))


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
