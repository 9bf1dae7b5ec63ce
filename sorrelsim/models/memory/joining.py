"""One memory's steps on their way into another: the rows that are written, boundaries before and behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from sorrelsim.models.memory.replay_kernels import EMPTY, GOES_ON
from sorrelsim.models.memory.ring import MASK, Ring


class Ringed(Protocol):
    """A memory of steps, as far as its rows are asked for; a ``Buffer`` is one."""

    ring: Ring
    n_streams: int

    def __len__(self) -> int: ...


def rows_of(other: Ringed, into: Ringed) -> Iterator[tuple[Any, ...]]:
    """Yields what ``into`` is to write to hold the steps of ``other``: parts, action, reward, kind and final frames.

    Raises:
        ValueError: If the other memory holds other streams or observations, or is the same one.
    """
    if other is into:
        raise ValueError("a memory cannot be added to itself")
    ours, theirs = into.ring, other.ring
    named = {name: part for name, part in ours.parts.items() if name != MASK}
    found = {name: part for name, part in theirs.parts.items() if name != MASK}
    acted, wanted = (f"{ring.actions.dtype}{list(ring.actions.shape[2:])}" for ring in (theirs, ours))
    if acted != wanted:
        raise ValueError(f"the other memory holds actions {acted}; this one {wanted}")
    if other.n_streams != into.n_streams or named != found:
        raise ValueError(
            f"the other memory holds {other.n_streams} streams of {_shown(found)}; this one {into.n_streams} of "
            f"{_shown(named)}"
        )
    if len(into):
        yield _boundary(into)
    for age in range(theirs.size):
        row = (theirs.head - theirs.size + age) % theirs.n_rows
        parts = {name: frames[row] for name, frames in theirs.frames.items()}
        kind, entries = theirs.kind[row], theirs.final_index[row]
        if MASK in parts:
            ours.keep_masks(parts[MASK].shape[-1])
        elif ours.has_mask:
            parts[MASK] = np.ones((into.n_streams, *ours.parts[MASK][0]), bool)
        if (kind == EMPTY).all():
            yield _boundary(into)
            continue
        kept = entries[kind != GOES_ON]
        finals = {name: table[kept] for name, table in theirs.final.items()} if (kept >= 0).all() else None
        yield parts, theirs.actions[row], theirs.rewards[row], kind, finals
    if theirs.size:
        yield _boundary(into)


def _boundary(into: Ringed) -> tuple[Any, ...]:
    return {name: np.zeros_like(frames[0]) for name, frames in into.ring.frames.items()}, 0, 0.0, EMPTY, None


def _shown(parts: Mapping[str, tuple[tuple[int, ...], np.dtype]]) -> str:
    return ", ".join(f"{name}{list(shape)} {dtype}" for name, (shape, dtype) in parts.items())
