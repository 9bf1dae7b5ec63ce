"""What memories hold, once more on the device where it is learned from, so that nothing crosses to it twice.

The arrays of a memory stay what is saved, loaded, joined and drawn by; its mirror spares them the way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sorrelsim.models.memory.replay import Buffer
from sorrelsim.models.memory.replay_kernels import GOES_ON
from sorrelsim.models.memory.ring import MASK
from sorrelsim.models.torch.devices import to_device

if TYPE_CHECKING:
    from sorrelsim.models.memory.ring import Ring
    from sorrelsim.models.memory.rollout import Rollout


def is_mirrored(arrays: Mapping[str, np.ndarray], device: torch.device, wanted: str) -> bool:
    """Returns whether memory is to have a mirror: it is on a card, half of whose free memory holds it.

    Args:
        arrays: What would lie there.
        device: Where the networks live.
        wanted: A config's ``memory_device``.
    """
    if device.type != "cuda" or wanted == "cpu":
        return False
    return sum(array.nbytes for array in arrays.values()) < torch.cuda.mem_get_info(device)[0] / 2


def mirror_rollout(rollout: Rollout, device: torch.device, wanted: str) -> None:
    """Gives a rollout a mirror, if it is to have one."""
    if rollout is not None and is_mirrored(rollout.states, device, wanted):
        rollout.mirror = MirroredStates(rollout, device)


class MirroredStates:
    """The states of a rollout, written as they are acted on.

    Args:
        rollout: The rollout.
        device: Where.
    """

    def __init__(self, rollout: Rollout, device: torch.device) -> None:
        self._parts = {name: torch.from_numpy(np.zeros_like(a)).to(device) for name, a in rollout.states.items()}
        self._n_streams = rollout.n_streams
        self._written = np.zeros(rollout.n_steps, np.int64)  # streams of each row

    def write(self, row: int, rows: slice, states: Mapping[str, Tensor]) -> None:
        """Writes what some streams are in, in a row of the rollout."""
        for name, part in states.items():
            self._parts[name][row, rows] = part
        first, last, _ = rows.indices(self._n_streams)
        self._written[row] = last if first == 0 else self._written[row] + last - first

    def forget(self) -> None:
        """Says that the rollout has been filled otherwise."""
        self._written[:] = 0

    def take(self) -> dict[str, Tensor]:
        """Returns all states by part, and forgets them; nothing if some were filled in otherwise."""
        whole = bool((self._written == self._n_streams).all())
        self.forget()
        return self._parts if whole else {}


def rollout_on(device: torch.device, rollout: Rollout, arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Returns arrays of a rollout, its states as ``part ...`` among them, as tensors on a device."""
    there = {} if rollout.mirror is None else {f"part {name}": part for name, part in rollout.mirror.take().items()}
    return to_device({name: array for name, array in arrays.items() if name not in there}, device) | there


def mirror_replay(memory: Buffer, device: torch.device, wanted: str) -> None:
    """Gives a replay memory a mirror, if it is to have one; those that draw other than single steps have none."""
    if type(memory) is Buffer and is_mirrored(memory.ring.frames, device, wanted):
        memory.ring.mirror = MirroredRing(memory.ring, device)


class MirroredRing:
    """The frames of a replay memory's ring, the last frames of its episodes, and how they hang together.

    Args:
        ring: The ring.
        device: Where.
    """

    def __init__(self, ring: Ring, device: torch.device) -> None:
        self._ring, self._device = ring, device
        self._names = tuple(name for name in ring.parts if name != MASK)  # masks are few bytes: they are sent
        self._frames: dict[str, Tensor] = {}
        self._final: dict[str, Tensor] = {}
        self.all()

    def all(self) -> None:
        """Takes in everything anew."""
        for name in self._names:
            self._frames[name] = self._there(_as_bytes(self._ring.frames[name], 2))
            self.finals(name)
        self._kind, self._final_index = self._there(self._ring.kind), self._there(self._ring.final_index)

    def finals(self, name: str, entries: np.ndarray | None = None) -> None:
        """Takes in entries of a part's table of last frames, or the whole table where it has grown."""
        if name not in self._names:
            return
        table = _as_bytes(self._ring.final[name], 1)
        if entries is None:
            self._final[name] = self._there(table)
        else:
            given = to_device({"entries": entries.astype(np.int64), "frames": table[entries]}, self._device)
            self._final[name][given["entries"]] = given["frames"]

    def row(self, row: int) -> None:
        """Takes in a row."""
        ring = self._ring
        arrays = {name: _as_bytes(ring.frames[name], 2)[row] for name in self._names}
        given = to_device({"kind": ring.kind[row], "final": ring.final_index[row], **arrays}, self._device)
        self._kind[row], self._final_index[row] = given["kind"], given["final"]
        for name, frames in self._frames.items():
            frames[row] = given[name]

    def gather(self, rows: np.ndarray, streams: np.ndarray, depth: int) -> dict[str, Tensor]:
        """Returns stacks of all parts that end at given rows, [len(rows), depth, *shape]; see ``Ring.gather``."""
        ring, found = self._ring, {}
        given = to_device({"rows": rows, "streams": np.resize(streams, len(rows))}, self._device)
        place = stack_places(given["rows"], given["streams"], ring.head, ring.size, self._kind, depth)
        entries = self._final_index[place.rows[:, -1], given["streams"]].long()
        for name in self._names:
            frames = self._frames[name][place.rows, given["streams"].unsqueeze(1)]
            frames.masked_fill_(~place.there.unsqueeze(2), 0)
            last = torch.zeros_like(frames[:, -1])
            if len(self._final[name]):
                last = self._final[name][entries.clamp(min=0)].masked_fill_((entries < 0).unsqueeze(1), 0)
            frames[:, -1] = torch.where(place.is_final.unsqueeze(1), last, frames[:, -1])
            shape, dtype = ring.parts[name]
            found[name] = frames.view(torch.from_numpy(np.zeros(0, dtype)).dtype).view(len(rows), depth, *shape)
        return found

    def _there(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device, copy=True)


class Places(NamedTuple):
    """Where the frames of stacks lie.

    Attributes:
        rows: Rows of the ring, int64 [batch, depth], oldest first.
        there: Whether a frame belongs to the stack, bool [batch, depth]; what lies before an episode's first does not.
        is_final: Whether the newest frame is the one that the episode ended with, of its row, bool [batch].
    """

    rows: Tensor
    there: Tensor
    is_final: Tensor


def stack_places(rows: Tensor, streams: Tensor, head: int, size: int, kind: Tensor, depth: int) -> Places:
    """Returns where the frames of stacks lie, as the compiled ``stacks`` finds them, by torch's own means.

    Args:
        rows: Where the stacks end, int64 [batch]; -1 - row stands for the final frame after that row.
        streams: int64 [batch].
        head: Row that is written next.
        size: Rows written.
        kind: uint8 [rows, streams].
        depth: Frames in a stack.
    """
    n_rows, is_final = len(kind), rows < 0
    row = torch.where(is_final, -1 - rows, rows)
    places, there = [row], [torch.ones_like(is_final)]
    ended, still = torch.zeros_like(is_final), is_final  # before a final frame comes that of its own row
    for _ in range(depth - 1):
        back = (row - 1) % n_rows
        begun = ~still & ((row == (head - size) % n_rows) | (kind[back, streams] != GOES_ON))
        ended = ended | begun
        row = torch.where(still | ended, row, back)
        still = torch.zeros_like(is_final)
        places.append(row)
        there.append(~ended)
    return Places(torch.stack(places[::-1], 1), torch.stack(there[::-1], 1), is_final)


def _as_bytes(array: np.ndarray, n_leading: int) -> np.ndarray:
    """Returns the same memory as uint8 [*leading, bytes of one frame]."""
    leading = array.shape[:n_leading]
    return array.reshape(-1).view(np.uint8).reshape(*leading, math.prod(array.shape[n_leading:]) * array.itemsize)
