"""Keys by where they lie, not by what is printed on them: W A S D are the same four keys on a French keyboard.

A key's name is what a US keyboard has in its place. That is what key sets, files with keys and recordings hold, so they
mean the same on every machine; the window shows what is printed on the keyboard at hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pygame

_ELSEWHERE = {"APOSTROPHE": "'", "GRAVE": "`", "NONUSBACKSLASH": "<"}
"""Places whose keys pygame calls otherwise, or that a US keyboard has not."""


def _names_of_places() -> dict[int, str]:
    codes = {name[2:].lower(): getattr(pygame, name) for name in dir(pygame) if name.startswith("K_")}
    found = {}
    for constant in dir(pygame):
        place = constant.removeprefix("KSCAN_")
        if place != constant and (place in _ELSEWHERE or place.lower() in codes):
            name = _ELSEWHERE.get(place) or pygame.key.name(codes[place.lower()]).lower()
            if name:
                found[getattr(pygame, constant)] = name
    return found


PLACES: Mapping[int, str] = _names_of_places()
"""Names by scancode."""
KNOWN = frozenset(PLACES.values())
"""All names that a key may have."""


def name_of(event: pygame.event.Event) -> str:
    """Returns the name of the key that went down or up; an event that some program made may have no place."""
    return PLACES.get(event.scancode) or pygame.key.name(event.key).lower()


def printed() -> dict[str, str]:
    """Returns what is printed on keys, by their names, where that is something else; for the layout in use now."""
    places: Any = pygame.key.ScancodeWrapper(range(512))  # type: ignore[arg-type]  # by what is printed, the place
    codes = {getattr(pygame, name) for name in dir(pygame) if name.startswith("K_")} | set(range(0x21, 0x250))
    found = {}
    for code in sorted(codes, reverse=True):  # plain letters come last, and win
        name, mark = PLACES.get(places[code]), chr(code) if 0x80 < code < 0x250 else pygame.key.name(code).lower()
        if name and mark and name != mark:
            found[name] = mark
        elif name:
            found.pop(name, None)
    return found
