"""What a world declares of its slots: things by slot or range of slots, and what slots take things for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sorrelsim.authoring.codes import Codebook
from sorrelsim.authoring.kinds import EMPTY, Kinds
from sorrelsim.settings import whole


def spread_out(given: Mapping[Any, Any], what: str, world: str) -> dict[int, Any]:
    """Returns what is declared for each slot, of a mapping from slots and ranges of slots.

    Slots that a smaller number of agents leaves out do no harm.

    Args:
        given: As declared.
        what: The attribute that declares it, for errors.
        world: The world's name, for errors.

    Raises:
        ValueError: If a key is no slot or range of slots, or a slot is named twice.
    """
    found: dict[int, Any] = {}
    for key, value in given.items():
        for slot in key if isinstance(key, range) else [whole(key, f"{world}: a slot in {what}", 0, 2**31 - 1)]:
            if slot in found:
                raise ValueError(f"{world}: {what} names slot {slot} twice")
            found[slot] = value
    return found


def taken_for(
    seen_as: Mapping[Any, Mapping[Any, Any]], kinds: type[Kinds], codes: Codebook, n_agents: int, world: str
) -> np.ndarray:
    """Returns what every slot sees in place of every id: ``uint8[n_agents, n_codes]``.

    Args:
        seen_as: As declared: by slot or range of slots, kinds to kinds of the same layer, or to 0 for nothing.
        kinds: The world's enumeration.
        codes: What the ids mean.
        n_agents: Number of slots.
        world: The world's name, for errors.

    Raises:
        ValueError: If a slot is named twice, or something is no kind, or of another layer.
    """
    table = np.tile(np.arange(codes.n_codes, dtype=np.uint8), (n_agents, 1))
    for slot, looks in spread_out(seen_as, "seen_as", world).items():
        if not isinstance(looks, Mapping):
            raise ValueError(f"{world}: seen_as of slot {slot} is {looks!r}; allowed: {{Kind.TREE: Kind.SHRUB}}")
        for there, seen in looks.items():
            for each in (there,) if seen == EMPTY else (there, seen):
                if not isinstance(each, kinds):
                    raise ValueError(f"{world}: seen_as of slot {slot} names {each!r}, which is no {kinds.__name__}")
            if seen != EMPTY and codes.layer[there] != codes.layer[seen]:
                raise ValueError(
                    f"{world}: slot {slot} cannot see {there.name} as {seen.name}, which lies in another layer; "
                    "allowed: a kind of the same layer, or 0 for nothing"
                )
            if slot < n_agents:
                table[slot, there] = seen
    return table
