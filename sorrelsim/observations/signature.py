"""What tells two observations apart, by their signatures: plain data, as ``ObservationSpec.signature`` gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sorrelsim.authoring.window import SIDES

_OF_WINDOW = (*SIDES, "rotate", "whole_map")


def differences(given: Mapping[str, Any], ours: Mapping[str, Any], there: str, here: str) -> list[str]:
    """Returns what tells a signature from ours, an item each, such as "id 5 is 'apple' there, 'agent 0' here".

    Args:
        given: The other signature.
        ours: Ours.
        there: Where the other is met, for the texts, such as ``in the checkpoint``.
        here: Where ours is.
    """
    found = [
        f"{name} is {given[name]!r} {there}, {ours[name]!r} {here}"
        for name in ("form", "sprite_size", "looks", "show_facing")
        if None not in (given.get(name), ours.get(name)) and given[name] != ours[name]
    ]
    found += _of_parts(given["parts"], ours["parts"], there, here)
    for what, key in (("id", "ids"), ("layer", "layers")):
        if given.get(key) is not None and ours.get(key) is not None:
            found += of_names(what, given[key], ours[key], there, here)
    theirs, window = given.get("window"), ours.get("window")
    if theirs is not None and window is not None:
        found += [
            f"window.{name} is {theirs.get(name)} {there}, {window[name]} {here}"
            for name in _OF_WINDOW
            if theirs.get(name) != window[name] and not (theirs.get("whole_map") and window.get("whole_map"))
        ]
    return found


def _of_parts(given: Mapping[str, Any], ours: Mapping[str, Any], there: str, here: str) -> list[str]:
    found = [f"part {name!r} is only {there}" for name in given if name not in ours]
    found += [f"part {name!r} is only {here}" for name in ours if name not in given]
    found += [
        f"part {name!r} has {what} {given[name].get(key)} {there}, {ours[name][key]} {here}"
        for name in given
        if name in ours
        for what, key in (("shape", "shape"), ("dtype", "dtype"), ("a number of ids of", "n_codes"))
        if given[name].get(key) != ours[name][key]
    ]
    if not found and list(given) != list(ours):
        found.append(f"the parts come as {', '.join(given)} {there}, as {', '.join(ours)} {here}")
    return found


def of_names(what: str, given: Sequence[str], ours: Sequence[str], there: str, here: str) -> list[str]:
    """Returns what tells two lists of names apart, an item each; ``what`` is what one of them names."""
    found = []
    for k in range(max(len(given), len(ours))):
        theirs, mine = (names[k] if k < len(names) else None for names in (given, ours))
        if theirs != mine:
            told = ["not there" if name is None else repr(name) for name in (theirs, mine)]
            found.append(f"{what} {k} is {told[0]} {there}, {told[1]} {here}")
    return found


def listed(items: Sequence[str], most: int = 12) -> str:
    """Returns items as lines of an error, and how many are left out."""
    lines = [f"\n  {item}" for item in items[:most]]
    return "".join(lines) + (f"\n  and {len(items) - most} more" if len(items) > most else "")
