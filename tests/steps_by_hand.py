"""Tables of steps as plain Python and pyarrow write them: what the library's own way is held against."""

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from sorrelsim.rules.events import EPISODE, TURNS

FACINGS = ("north", "east", "south", "west")


class Steps:
    """Collects one row an agent and step of a world."""

    def __init__(self, world):
        world.note_events(False)
        world.copies.notes.follower = self.look
        self.steps = []
        self.look(world)

    def look(self, world):
        """Keeps where agents are, and what was counted so far."""
        of = world.copies.of
        self.before = tuple(of[name].copy() for name in ("pos", "facing", "out", "turn", "events"))

    def step(self, world):
        """Takes in one step."""
        noted, ended = world.copies.notes.noted, world.info["ended"]
        noted[:, TURNS] += 1
        pos, facing, out, turn, counts = self.before
        after = world.event_counts
        if "episode_events" in world.info:
            after = np.where(ended[:, None, None], world.info["episode_events"], after)
        self.steps.append(
            (
                noted.copy(), turn[:, 0] + 1, pos, facing, out, world.submitted.copy(), world.reward.copy(),
                ended.copy(), after - counts,
            )
        )  # fmt: skip
        noted[ended, EPISODE] += 1
        self.look(world)

    def table(self, world, episodes=None):
        """Returns what was collected, as a ``pyarrow.Table``."""
        noted, turn, pos, facing, out, action, reward, ended, counts = map(np.stack, zip(*self.steps, strict=True))
        shape = action.shape  # [turn, copy, agent]

        def spread(values, dtype):
            return np.broadcast_to(np.asarray(values, dtype), shape).reshape(-1)

        def named(numbers, names, none=None):
            return pyarrow.DictionaryArray.from_arrays(pyarrow.array(numbers, mask=none), pyarrow.array(names))

        gone = (out != 0).reshape(-1)
        columns = {
            "copy": spread(np.arange(world.n_worlds)[:, None], np.int32),
            "episode": spread(noted[:, :, EPISODE, None], np.int32),
            "turn": spread(noted[:, :, TURNS, None], np.int32),
            "step": spread(turn[:, :, None], np.int32),
            "agent": spread(np.arange(world.n_agents), np.int16),
            "row": pyarrow.array(spread(pos[..., 0], np.int16), mask=gone),
            "col": pyarrow.array(spread(pos[..., 1], np.int16), mask=gone),
            "facing": named(spread(facing, np.int8), FACINGS, gone),
            "out": spread(out, np.int32),
            "action": spread(action, np.int16),
            "action_name": named(spread(action, np.int16), world.action_names),
            "reward": spread(reward, np.float64),
            "episode_ended": spread(ended[:, :, None], np.bool_),
            **{name: spread(counts[..., k], np.float64) for k, name in enumerate(world.events)},
        }
        table = pyarrow.table(columns)
        few = None if episodes is None else pyarrow.array(np.asarray(table["episode"]) <= episodes)
        return table if few is None else table.filter(few)


def write(table, path: Path) -> None:
    """Writes it as Parquet or CSV, by the path's end."""
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path, store_schema=False)
