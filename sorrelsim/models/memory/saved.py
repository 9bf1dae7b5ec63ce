"""Memories from outside, held to what they must be: a compiled loop follows their indices without looking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sorrelsim.models import checked
from sorrelsim.models.memory.replay_kernels import EMPTY, GOES_ON

if TYPE_CHECKING:
    from sorrelsim.observations.kept import Kept

REPLAY_ENTRIES = (
    "shape", "frames", "actions", "rewards", "kind", "final_index", "final", "free", "n_free", "head", "size",
)  # fmt: skip
"""What a saved ring holds."""

_LEAD = {"frames": 2, "final": 1, "arrays": 2}
"""Axes before those of a state's part, by what holds it in a saved ring or rollout."""

PartShapes = Mapping[str, tuple[tuple[int, ...], np.dtype]]

_INT32 = 2**31 - 1


def check_ring(state: Mapping[str, Any], parts: PartShapes, actions: np.ndarray) -> None:
    """Checks a saved ring of a replay memory.

    Args:
        state: From ``Ring.state_dict``.
        parts: Shape and dtype of each part's frame.
        actions: The ring's own actions, [rows, streams, ...].

    Raises:
        ValueError: If an array, an index or a count is not sound. It and the value are named.
    """
    n_rows, n_streams = actions.shape[:2]
    size = checked.whole("size", state["size"], 0, n_rows)
    head = checked.whole("head", state["head"], 0, n_rows - 1)
    if size < n_rows and head != size:
        raise ValueError(f"head is {head}; with {size} of {n_rows} rows written it must be {size}")
    rows = (size, n_streams)
    for name, (shape, dtype) in parts.items():
        checked.array(f"frames {name}", state["frames"][name], (*rows, *shape), dtype)
    lowest = 0 if actions.dtype.kind == "i" else -np.inf
    checked.array("actions", state["actions"], (size, *actions.shape[1:]), actions.dtype, lowest)
    checked.array("rewards", state["rewards"], rows, np.float32)
    kind = checked.array("kind", state["kind"], rows, np.uint8, GOES_ON, EMPTY)
    free = state["free"]
    n_entries = len(free) if isinstance(free, np.ndarray) and free.ndim == 1 else 0
    checked.array("free", free, (n_entries,), np.int32, 0, max(0, n_entries - 1))
    n_free = checked.whole("n_free", state["n_free"], 0, n_entries)
    checked.names("final", state["final"], parts)
    for name, (shape, dtype) in parts.items():
        checked.array(f"final {name}", state["final"][name], (n_entries, *shape), dtype)
    index = checked.array("final_index", state["final_index"], rows, np.int32, -1, n_entries - 1)
    if ((index >= 0) & (kind == GOES_ON)).any():
        at = np.argwhere((index >= 0) & (kind == GOES_ON))[0].tolist()
        raise ValueError(f"final_index{at} is {index[tuple(at)]}, but no episode ended there")
    taken = np.bincount(np.concatenate([index[index >= 0], free[:n_free]]), minlength=n_entries)
    if (taken != 1).any():
        entry = int(np.flatnonzero(taken != 1)[0])
        raise ValueError(f"free and final_index name entry {entry} of the final frames {taken[entry]} times, not once")


def with_kept_frames(memory: Any, kept: Kept, n_frames: int) -> Any:
    """Returns a saved memory with frames as symbols; earlier versions kept them as they were observed.

    What is not sound is left as it is, for the memory to say so.

    Raises:
        ValueError: If pictures are not painted of the ids that there are.
    """
    if not isinstance(memory, Mapping):
        return memory
    found = dict(memory)
    for holder, lead in _LEAD.items():
        name, stacked = ("state grid", n_frames > 1) if holder == "arrays" else ("grid", False)
        held = found.get(holder)
        if isinstance(held, Mapping) and kept.is_observed(held.get(name), lead + stacked):
            found[holder] = {**held, name: kept.read(held[name])}
    return found


def check_priorities(state: Mapping[str, Any], n_nodes: int, written: int) -> None:
    """Checks a saved memory's priorities.

    Args:
        state: With ``tree``, which may be None, and ``top_priority``.
        n_nodes: Length of the tree.
        written: Places written; no other may have a priority.

    Raises:
        ValueError: If they are not sound. The place and the value are named.
    """
    top = state["top_priority"]
    if isinstance(top, bool) or not isinstance(top, int | float) or not 0 < top < np.inf:
        raise ValueError(f"top_priority must be a finite number above 0, not {top!r}")
    if state["tree"] is None:
        return
    tree = checked.array("tree", state["tree"], (n_nodes,), np.float64, 0)
    half = n_nodes // 2
    if (beyond := np.flatnonzero(tree[half + written :])).size:
        place = half + written + int(beyond[0])
        raise ValueError(f"tree[{place}] is {tree[place]}, but no step lies there")
    sums = tree[2::2] + tree[3::2]
    wrong = np.flatnonzero(np.abs(tree[1:half] - sums[: half - 1]) > 1e-6 * (1 + sums[: half - 1]))
    if wrong.size:
        node = 1 + int(wrong[0])
        raise ValueError(f"tree[{node}] is {tree[node]}, but what lies below it adds up to {sums[node - 1]}")


def check_rollout(size: Any, saved: Any, arrays: Mapping[str, np.ndarray], n_steps: int) -> None:
    """Checks a saved rollout.

    Args:
        size: Rows that it says are filled.
        saved: Its arrays by name.
        arrays: This rollout's, whose shapes and dtypes they must have.
        n_steps: Rows of the rollout.

    Raises:
        ValueError: If one is not sound. The array and the value are named.
    """
    n = checked.whole("size", size, 0, n_steps)
    wanted = dict(arrays)
    has_masks = isinstance(saved, Mapping) and "masks" in saved
    if has_masks and "masks" not in wanted:
        wanted["masks"] = np.empty((0, *np.shape(saved["masks"])[1:]), bool)
        if wanted["masks"].shape[1:-1] != arrays["rewards"].shape[1:]:
            raise ValueError(f"masks must have a row per step and stream, not shape {list(np.shape(saved['masks']))}")
    elif not has_masks:
        wanted.pop("masks", None)
    checked.names("the saved rollout's arrays", saved, wanted)
    for name, array in wanted.items():
        numbered = name == "actions" and array.dtype.kind == "i"
        lowest, highest = (0, _INT32) if numbered else (-np.inf, np.inf)
        checked.array(name, saved[name], (n, *array.shape[1:]), array.dtype, lowest, highest)
    if (saved["terminated"] & ~saved["ended"]).any():
        at = np.argwhere(saved["terminated"] & ~saved["ended"])[0].tolist()
        raise ValueError(f"terminated{at} is true, but ended{at} is not")


def carries_in_columns(state: Mapping[str, Any], length: int) -> Mapping[str, Any]:
    """Returns a saved state with the carries that sequences start from where they are now, in the rollout's columns.

    Earlier versions held them beside it, [sequences in time, n_streams, size]. What is not sound is left as it is, for
    the rollout to say so.
    """
    beside, memory = state.get("chunk_carries"), state.get("memory")
    if not isinstance(beside, Mapping) or not isinstance(memory, Mapping) or not isinstance(memory.get("arrays"), dict):
        return state
    arrays, size = dict(memory["arrays"]), memory.get("size")
    for name, kept in beside.items():
        kept = np.asarray(kept)
        if isinstance(size, int) and kept.ndim == 3:
            arrays[f"carry {name}"] = np.repeat(kept, length, 0)[:size]
    return {**state, "memory": {**memory, "arrays": arrays}}
