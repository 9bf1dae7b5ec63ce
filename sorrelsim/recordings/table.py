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
COLUMNS = {
    "turn": int, "episode": int, "step": int, "ms": float, "slot": int, "player": str, "human": bool, "since": int,
    "action": int, "action_name": str, "key_ms": float, "reward": float, "row": int, "col": int, "facing": str,
    "out": int, "episode_ended": bool,
}  # fmt: skip
"""The columns of the table, each with its type; ``key_ms``, ``row``, ``col`` and ``facing`` may be empty."""


def rows(replay: Replay) -> Iterator[dict[str, Any]]:
    """Plays a session, and yields one row per turn and slot: where the agent stood, what it did, what it got."""
    session, world = replay.recording, replay.world
    names = session.header["actions"]
    episode = step = 1
    for turn in range(len(session)):
        if session.restarts[turn + 1]:
            replay.restart()
            episode, step = episode + (step > 1), 1
        pos, facing, out = world.pos[0].tolist(), world.facing[0].tolist(), world.out[0].tolist()
        replay.forward()
        seating = session.seating(turn + 1)
        for slot in range(world.n_agents):
            here, action, pressed = out[slot] == 0, int(session.actions[turn, slot]), session.pressed[turn, slot]
            yield {
                "turn": turn + 1, "episode": episode, "step": step, "ms": float(session.ms[turn]), "slot": slot,
                "player": seating.players[slot], "human": slot in seating.people, "since": seating.joined[slot],
                "action": action, "action_name": names[action],
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
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(table)
        write_beside(path, file.getvalue())
    elif path.suffix == ".parquet":
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise ValueError(f"{path}: Parquet needs pyarrow (pip install pyarrow); or name a .csv file") from None
        types = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string(), bool: pyarrow.bool_()}
        schema = pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
        whole = pyarrow.Table.from_pylist(list(table), schema)
        write_beside(path, lambda file: pyarrow.parquet.write_table(whole, file))
    else:
        raise ValueError(f"{path}: a table ends in .csv or .parquet")


def to_buffer(replay: Replay, slots: Sequence[int] | None, n_frames: int, n_step: int) -> Buffer:
    """Plays a session into a memory that learners sample from; see ``Recording.to_buffer``."""
    session, world = replay.recording, replay.world
    always = slots if slots is not None else () if session.header["humans"] else range(session.header["n_agents"])
    chosen = list(always or session.header["humans"])
    length = max(len(session) + len(session.restarts) + len(session.seatings), n_step + n_frames + 1)
    buffer = Buffer(world.observations, length * len(chosen), len(chosen), n_frames, n_step)

    def pick(parts: Parts) -> Parts:
        return {name: part[0, chosen] for name, part in parts.items()}

    for turn in range(len(session)):
        moved = list(always or session.seating(turn + 1).people) != chosen
        if session.restarts[turn + 1]:
            replay.restart()
        if turn and (moved or session.restarts[turn + 1]):
            buffer.add_empty()  # a boundary: an episode, or one's place in it, was left unfinished
        chosen = list(always or session.seating(turn + 1).people)
        seen = pick(world.parts)
        replay.forward()
        final = world.final_parts
        buffer.add(
            seen, session.actions[turn, chosen], session.rewards[turn, chosen], world.terminated[0, chosen],
            world.truncated[0, chosen] & ~world.terminated[0, chosen], None if final is None else pick(final),
        )  # fmt: skip
    return buffer
