"""What a replay is made into for those who count and learn: a table with a row per turn and slot, a learner's memory.

:class:`~sorrelsim.recordings.read.Recording` hands its replay over; films are in ``film``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.models.memory.replay import Buffer
from sorrelsim.observations.parts import Parts
from sorrelsim.recordings.replay import Replay
from sorrelsim.writing import write_beside

FACINGS = ("north", "east", "south", "west")


def rows(replay: Replay) -> Iterator[dict[str, Any]]:
    """Plays a session, and yields one row per turn and slot: where the agent stood, what it did, what it got."""
    session, world = replay.recording, replay.world
    players, humans, names = (session.header[key] for key in ("players", "humans", "actions"))
    episode = step = 1
    for turn in range(len(session)):
        if session.restarts[turn + 1]:
            replay.restart()
            episode, step = episode + (step > 1), 1
        pos, facing, out = world.pos[0].tolist(), world.facing[0].tolist(), world.out[0].tolist()
        replay.forward()
        for slot in range(world.n_agents):
            here, action, pressed = out[slot] == 0, int(session.actions[turn, slot]), session.pressed[turn, slot]
            yield {
                "turn": turn + 1, "episode": episode, "step": step, "ms": float(session.ms[turn]), "slot": slot,
                "player": players[slot], "human": slot in humans, "action": action, "action_name": names[action],
                "key_ms": None if np.isnan(pressed) else float(pressed),
                "reward": float(session.rewards[turn, slot]),
                "row": pos[slot][0] if here else None, "col": pos[slot][1] if here else None,
                "facing": FACINGS[facing[slot]] if here else None,
                "out": out[slot], "episode_ended": bool(session.ends[turn]),
            }  # fmt: skip
        step += 1
        if session.ends[turn]:
            episode, step = episode + 1, 1


def save(table: Iterable[dict[str, Any]], path: str | Path) -> None:
    """Writes rows to a ``.csv`` file, or to a ``.parquet`` file if pyarrow is installed.

    Raises:
        ValueError: If the name ends in neither, or pyarrow is missing.
    """
    path = Path(path)
    if path.suffix == ".csv":
        file, writer = io.StringIO(newline=""), None
        for row in table:
            if writer is None:
                writer = csv.DictWriter(file, row)
                writer.writeheader()
            writer.writerow(row)
        write_beside(path, file.getvalue())
    elif path.suffix == ".parquet":
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise ValueError(f"{path}: Parquet needs pyarrow (pip install pyarrow); or name a .csv file") from None
        whole = pyarrow.Table.from_pylist(list(table))
        write_beside(path, lambda file: pyarrow.parquet.write_table(whole, file))
    else:
        raise ValueError(f"{path}: a table ends in .csv or .parquet")


def to_buffer(replay: Replay, slots: Sequence[int] | None, n_frames: int, n_step: int) -> Buffer:
    """Plays a session into a memory that learners sample from; see ``Recording.to_buffer``."""
    session, world = replay.recording, replay.world
    chosen = list(slots if slots is not None else session.header["humans"] or range(session.header["n_agents"]))
    length = max(len(session) + len(session.restarts), n_step + n_frames + 1)
    buffer = Buffer(world.observations, length * len(chosen), len(chosen), n_frames, n_step)

    def pick(parts: Parts) -> Parts:
        return {name: part[0, chosen] for name, part in parts.items()}

    for turn in range(len(session)):
        if session.restarts[turn + 1]:
            replay.restart()
            if turn:
                buffer.add_empty()  # a boundary: the episode before was left unfinished
        seen = pick(world.parts)
        replay.forward()
        final = world.final_parts
        buffer.add(
            seen, session.actions[turn, chosen], session.rewards[turn, chosen], world.terminated[0, chosen],
            world.truncated[0, chosen] & ~world.terminated[0, chosen], None if final is None else pick(final),
        )  # fmt: skip
    return buffer
