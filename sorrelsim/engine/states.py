"""States from outside, held against the table of a copy's arrays before anything of them is taken over.

Rules index without asking, so that a compiled step is fast. What a step finds in a copy must therefore be what steps
leave there: positions on the map, occupants that exist, cells of known ids. Here is where that is seen to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from sorrelsim.authoring.state import limit
from sorrelsim.engine.copies import Copies, Entry, names_in_limits
from sorrelsim.engine.declared import Declared
from sorrelsim.errors import unknown

State = Mapping[str, np.ndarray]


def fitting(world: Declared, copies: Copies, state: Any) -> dict[str, np.ndarray]:
    """Returns the arrays of a state by name, all there, none too many, and of the right types and shapes.

    Raises:
        ValueError: Else.
    """
    if not isinstance(state, Mapping):
        raise ValueError(f"{world.name}: a state is a mapping of arrays by name, not {type(state).__name__}")
    own = copies.saved()
    for name in own:
        if name not in state:
            raise ValueError(f"{world.name}: the state lacks {name!r}; it is of another world")
    for name in state:
        if name not in own:
            raise ValueError(f"{world.name}: {unknown('array in a state', name, own)}")
    return {name: _array(world, name, state[name], array) for name, array in own.items()}


def _array(world: Declared, name: str, given: Any, own: np.ndarray) -> np.ndarray:
    try:
        array = np.asarray(given)
    except Exception:  # a ragged list, or whatever else says that it is an array and is none
        raise ValueError(f"{world.name}: {name} of the state is {type(given).__name__}, no array") from None
    if array.shape != own.shape:
        raise ValueError(
            f"{world.name}: {name} has shape {array.shape} in the state, here {own.shape}; "
            "it is of another map or number of copies or agents"
        )
    if array.dtype != own.dtype:
        raise ValueError(f"{world.name}: {name} is {array.dtype} in the state; allowed: {own.dtype}")
    return array


def checked(world: Declared, copies: Copies, state: Any) -> dict[str, np.ndarray]:
    """Returns the arrays of a state by name, if a step can go on from them.

    Raises:
        ValueError: If not; the message names the array, the index, the value and what is allowed.
    """
    arrays = fitting(world, copies, state)
    known: dict[str, Any] = dict(names_in_limits(world))
    # Others' limits may be params or the turn, so these come first.
    entries = sorted((e for e in copies.entries if e.saved), key=lambda e: e.name != "turn" and "params" not in e.seen)
    for entry in entries:
        array = arrays[entry.saved]
        _in_range(world, entry, array, known)
        if entry.number:
            known.setdefault(entry.name.removeprefix("params."), array.reshape(-1))
    _random_stream(world, arrays["rng"])
    _cells(world, copies, arrays["cells"])
    _bodies(world, arrays["pos"], arrays["out"], arrays["occupant"])
    return arrays


def _refuse(world: Declared, name: str, index: Any, value: Any, allowed: str) -> NoReturn:
    at = ", ".join(str(int(k)) for k in index)
    raise ValueError(f"{world.name}: {name}[{at}] of the state is {value}; allowed: {allowed} (copies come first)")


def _in_range(world: Declared, entry: Entry, array: np.ndarray, known: Mapping[str, Any]) -> None:
    if array.dtype.kind == "f":
        wrong = ~np.isfinite(array)
        if wrong.any():
            index = np.argwhere(wrong)[0]
            _refuse(world, entry.saved, index, array[tuple(index)], "a finite number")
    if array.dtype == np.bool_:  # a byte that is neither 0 nor 1 is a bool to nobody but NumPy
        wrong = np.ascontiguousarray(array).view(np.uint8) > 1
        if wrong.any():
            _refuse(world, entry.saved, np.argwhere(wrong)[0], "neither", "False or True")
    low, high = (None if each is None else limit(each, known, array.ndim - 1) for each in (entry.low, entry.high))
    wrong = (low is not None and array < low) | (high is not None and array > high)
    if np.any(wrong):
        index = tuple(np.argwhere(wrong)[0])
        least = "" if low is None else f"{np.broadcast_to(low, array.shape)[index]} "
        most = "" if high is None else f"to {np.broadcast_to(high, array.shape)[index]}"
        _refuse(world, entry.saved, index, array[index], f"{least}{most}".strip() + _why(entry))


def _why(entry: Entry) -> str:
    named = [str(bound) for bound in (entry.low, entry.high) if isinstance(bound, str | tuple)]
    return f" ({' and '.join(named)})" if named else ""


def _random_stream(world: Declared, rng: np.ndarray) -> None:
    even = np.flatnonzero(rng[:, 1] % np.uint64(2) == 0)
    if len(even):
        _refuse(
            world, "rng", (even[0], 1), rng[even[0], 1], "an odd number, by which a stream goes on without repeating"
        )


def _cells(world: Declared, copies: Copies, cells: np.ndarray) -> None:
    """Ids are known and lie in their layers, in the padding too; off a torus the padding is bare."""
    codes, pad = world.codes, copies.pad
    ids = np.ascontiguousarray(cells).view(np.uint8).reshape(*cells.shape, cells.itemsize)
    numbers = np.arange(256)
    laid = (numbers > 0) & (numbers < codes.n_codes) & (numbers != codes.outside)
    laid &= (numbers < codes.self_code) | (numbers >= codes.agent_code)
    layer = np.full(256, 255)
    layer[: codes.n_codes] = codes.layer
    allowed = laid[None] & (layer[None] == np.arange(cells.itemsize)[:, None])
    allowed[:, 0] = True
    wrong = ~allowed[np.arange(cells.itemsize), ids]
    if not world.wraps:
        bare = copies.template.view(np.uint8).reshape(*copies.template.shape, cells.itemsize)
        inner = np.s_[:, pad : pad + world.height, pad : pad + world.width]
        inside = wrong[inner].copy()
        wrong = ids != bare
        wrong[inner] = inside
    if wrong.any():
        copy, row, col, z = np.argwhere(wrong)[0]
        place = codes.layers[z] if z < len(codes.layers) else "no"
        names = ", ".join(f"{k} {codes.names[k]}" for k in np.flatnonzero(allowed[z]))
        where = f"{place} layer of row {row - pad}, column {col - pad} of the map"
        if not (0 <= row - pad < world.height and 0 <= col - pad < world.width) and not world.wraps:
            names = f"{bare[row, col, z]}, for it lies beyond the map"
        _refuse(world, "cells", (copy, row, col), f"{ids[copy, row, col, z]} in the {where}", names)


def _bodies(world: Declared, pos: np.ndarray, out: np.ndarray, occupant: np.ndarray) -> None:
    """Agents on the grid stand on the cells that say so, and nobody else does."""
    copies, slots = np.nonzero(out == 0)
    rows, cols = pos[copies, slots, 0], pos[copies, slots, 1]
    there = occupant[copies, rows, cols]
    wrong = np.flatnonzero(there != slots)
    if len(wrong):
        k = wrong[0]
        allowed = f"{slots[k]}, for agent {slots[k]} stands there (pos and out say so)"
        _refuse(world, "occupant", (copies[k], rows[k], cols[k]), there[k], allowed)
    bare = occupant.copy()
    bare[copies, rows, cols] = -1
    if (bare >= 0).any():
        index = tuple(np.argwhere(bare >= 0)[0])
        _refuse(world, "occupant", index, bare[index], "-1, for that agent does not stand there (pos and out say so)")
