"""What a replay is made into for those who count and learn: tables of turns and of episodes, a learner's memory.

:class:`~sorrelsim.recordings.read.Recording` hands its replay over; films are in ``film``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.models.memory.replay import Buffer
from sorrelsim.observations.parts import Parts
from sorrelsim.recordings.columns import Column, session_facts
from sorrelsim.recordings.replay import Recorded, Replay
from sorrelsim.writing import write_beside

FACINGS = ("north", "east", "south", "west")


def rows(replay: Replay) -> Iterator[dict[str, Any]]:
    """Plays a session, and yields one row per turn and slot: where the agent stood, what it did, what it got."""
    session, world = replay.recording, replay.world
    names, facts = session.header["actions"], session_facts(session.header)
    world.note_events()
    episode = step = 1
    for turn in range(len(session)):
        if session.restarts[turn + 1]:
            replay.restart()
            episode, step = episode + (step > 1), 1
        pos, facing, out = world.pos[0].tolist(), world.facing[0].tolist(), world.out[0].tolist()
        replay.forward()
        happened = _happened(world)
        for slot in range(world.n_agents):
            here, action = out[slot] == 0, int(session.actions[turn, slot])
            yield facts | {
                "turn": turn + 1, "episode": episode, "step": step, "ms": float(session.ms[turn]),
                "shown_ms": _or_none(session.seen[turn]), **_player(session, turn, slot),
                "since": session.seating(turn + 1).joined[slot], "action": action, "action_name": names[action],
                "key_ms": _or_none(session.pressed[turn, slot]), "reaction_ms": _reaction(session, turn, slot),
                "held": bool(session.held[turn, slot]), "reward": float(session.rewards[turn, slot]),
                "row": pos[slot][0] if here else None, "col": pos[slot][1] if here else None,
                "facing": FACINGS[facing[slot]] if here else None, "out": out[slot],
                "events": ";".join(happened.get(slot, ())), "episode_ended": bool(session.ends[turn]),
            }  # fmt: skip
        step += 1
        if session.ends[turn]:
            episode, step = episode + 1, 1


def episodes(session: Recorded) -> Iterator[dict[str, Any]]:
    """Yields one row per episode and slot: how long it was, what it brought, how fast the keys were."""
    facts, first, number = session_facts(session.header), 0, 0
    ends = {turn + 1 for turn in np.flatnonzero(session.ends).tolist()} | {turn - 1 for turn in session.restarts}
    for last in sorted({end for end in ends if end > 0} | {len(session)}):
        if last == first:
            continue
        number += 1
        part = range(first, last)
        returns = session.rewards[first:last].sum(0)
        for slot in range(session.rewards.shape[1]):
            reactions = [ms for turn in part if (ms := _reaction(session, turn, slot)) is not None]
            pressed = ~np.isnan(session.pressed[first:last, slot]) & ~session.held[first:last, slot]
            yield facts | {
                "episode": number, "first_turn": first + 1, "turns": last - first,
                "seconds": float(session.ms[last - 1] - session.ms[first]) / 1000,
                "ended": bool(session.ends[last - 1]), **_player(session, last - 1, slot),
                "return": float(returns[slot]), "rank": 1 + int((returns > returns[slot]).sum()),
                "keys": int(pressed.sum()), "reaction_ms": float(np.median(reactions)) if reactions else None,
            }  # fmt: skip
        first = last


def _player(session: Recorded, turn: int, slot: int) -> dict[str, Any]:
    """Returns who sat in a slot in a turn, counted from 0."""
    seating, partners = session.seating(turn + 1), session.header.get("partners", [])
    human = slot in seating.people
    partner = partners[slot] if not human and slot < len(partners) else ""
    return {"slot": slot, "player": seating.players[slot], "partner": partner, "human": human}


def _reaction(session: Recorded, turn: int, slot: int) -> float | None:
    """Returns the milliseconds from the picture to the key that chose an action."""
    ms = session.pressed[turn, slot] - session.seen[turn]
    return float(ms) if ms >= 0 and not session.held[turn, slot] else None


def _or_none(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _happened(world: Gridworld) -> dict[int, list[str]]:
    """Returns by slot what its agent did in the last turn, or what was counted for it."""
    found: dict[int, list[str]] = {}
    for event in world.happened():
        whom = f"({event.whom})" if event.whom >= 0 else ""
        times = f" x{event.amount:g}" if event.amount != 1 else ""
        found.setdefault(event.agent, []).append(f"{event.what}{whom}{times}")
    return found


def save(table: Iterable[dict[str, Any]], columns: Mapping[str, Column], path: str | Path) -> None:
    """Writes rows to a ``.csv`` file, or to a ``.parquet`` file if pyarrow is installed.

    Raises:
        ValueError: If the name ends in neither, or pyarrow is missing.
    """
    path = Path(path)
    if path.suffix == ".csv":
        file = io.StringIO(newline="")
        writer = csv.DictWriter(file, columns)
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
        schema = pyarrow.schema([(name, types[column.type]) for name, column in columns.items()])
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
