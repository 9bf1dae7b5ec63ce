"""Tables of steps, which are written as Parquet by code of our own, against those that pyarrow writes of plain rows."""

import io
from dataclasses import dataclass
from enum import auto

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import steps_by_hand

import sorrelsim
from sorrelsim import EventLog, Events, Gridworld, Kinds, kind, param, rule, sprites
from sorrelsim.rules import episode, movement
from sorrelsim.tables.chunks import Chunks
from sorrelsim.tables.parquet import ParquetFile, RowGroup, levels, varint
from sorrelsim.tables.steps import StepRows


class Kind(Kinds):
    WALL = kind("W", solid=True, sprite=sprites.WALL)


@dataclass(frozen=True)
class Params:
    max_steps: int = param(7, low=1)


class Event(Events):
    WALKED = auto()


@rule
def pay(w):
    """Rewards that are never the same, zero with either sign, and agents out for longer and longer."""
    for i in range(w.n_agents):
        much = 0.1 * w.pos[i, 1] + 0.001 * w.turn + 0.00001 * w.p.max_steps
        w.reward[i] = (w.pos[i, 0] - 1) * much * (1 - 2 * (i % 2))
        w.events[i, Event.WALKED] += w.reward[i] / 3
        if i == 2:
            w.out[i] = 100 * w.turn - 1


class Payments(Gridworld):
    kinds, params = Kind, Params
    maps = {"yard": "WWWWWWWW\nWPPPPPPW\nWPPPPPPW\nWWWWWWWW"}
    n_agents = 3
    actions = movement.EGOCENTRIC
    events = Event
    start = (movement.scatter,)
    rules = (movement.move, pay, episode.time_limit)


WIDE = "W" * 300 + "\n" + ("W" + "P" * 298 + "W\n") * 3 + "W" * 300 + "\n"
WORLDS = {
    "agents that are out": lambda: sorrelsim.make("cleanup", 3, 0, compiled=False, max_steps=9, zap_timeout=3),
    "few fractions": lambda: Payments(2, 0, compiled=False),
    "more copies than a byte": lambda: sorrelsim.make("tag", 300, 0, max_steps=4),
    "a wide map": lambda: sorrelsim.make("tag", 5, 0, map=WIDE, max_steps=6, compiled=False),
    "one agent": lambda: sorrelsim.make("treasure_hunt", 2, 0, n_agents=1, compiled=False),
    "fractions, one after the other": lambda: Payments(60, 0, compiled=False, max_steps=[3 + b % 9 for b in range(60)]),
}


def both(world_of, path, n, episodes=None, disturb=None):
    """The same steps in the library's table and in that of plain rows; returns where both lie."""
    ours, plain = world_of(), world_of()
    rows, rng = steps_by_hand.Steps(plain), np.random.default_rng(0)
    with EventLog(path, ours, "steps", episodes=episodes) as log:
        for turn in range(n):
            actions = rng.integers(ours.n_actions, size=(ours.n_worlds, ours.n_agents))
            for world, collects in ((ours, log), (plain, rows)):
                world.step(actions)
                collects.step(world)
                if disturb:
                    disturb(turn, world)
    other = path.with_name("plain" + path.suffix)
    steps_by_hand.write(rows.table(plain, episodes), other)
    return path, other


@pytest.mark.parametrize("name", WORLDS)
def test_steps_are_those_of_plain_rows(tmp_path, name):
    ours, plain = both(WORLDS[name], tmp_path / "ours.parquet", 25)
    one, other = pd.read_parquet(ours), pd.read_parquet(plain)
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    for column in one.select_dtypes("float64"):  # the sign of a zero too
        np.testing.assert_array_equal(np.signbit(one[column]), np.signbit(other[column]))
    assert pyarrow.parquet.read_schema(ours).equals(pyarrow.parquet.read_schema(plain))


def test_many_values_are_written_in_full(tmp_path):
    full = {}
    for name in ("few fractions", "fractions, one after the other"):
        ours, _ = both(WORLDS[name], tmp_path / "ours.parquet", 25)
        group = pyarrow.parquet.ParquetFile(ours).metadata.row_group(0)
        columns = [group.column(k) for k in range(group.num_columns)]
        full[name] = {each.path_in_schema for each in columns if not each.has_dictionary_page}
    # Agents that are out for up to 100 steps a turn, seven turns: more than 256 numbers wherever there are fractions.
    assert full["few fractions"] == {"episode_ended", "out"}
    assert full["fractions, one after the other"] == {"episode_ended", "out", "reward", "walked"}


def test_the_texts_are_the_same(tmp_path):
    for name in ("agents that are out", "fractions, one after the other"):
        ours, plain = both(WORLDS[name], tmp_path / "ours.csv", 12)
        assert ours.read_text() == plain.read_text()


@pytest.mark.parametrize("episodes", [1, 2])
def test_later_episodes_are_left_out(tmp_path, episodes):
    world = WORLDS["fractions, one after the other"]
    ours, plain = both(world, tmp_path / "ours.parquet", 25, episodes)
    one = pd.read_parquet(ours)
    pd.testing.assert_frame_equal(one, pd.read_parquet(plain), check_exact=True)
    assert set(one["episode"]) == set(range(1, episodes + 1))
    # Copy b ends after 3 + b % 9 steps, each with 3 agents: 60 copies, of b % 9 = 0, ..., 5 seven each, of 6, 7, 8 six.
    lengths = [3 + b % 9 for b in range(60)]
    assert len(one) == 3 * sum(min(25, episodes * length) for length in lengths)


def test_resets_and_other_states_between_steps(tmp_path):
    kept = {}

    def disturb(turn, world):
        if turn == 4:
            world.reset()
        if turn == 6:
            kept[id(world)] = world.get_state()
        if turn == 9:
            world.set_state(kept[id(world)])

    ours, plain = both(WORLDS["agents that are out"], tmp_path / "ours.parquet", 15, disturb=disturb)
    pd.testing.assert_frame_equal(pd.read_parquet(ours), pd.read_parquet(plain), check_exact=True)


def test_many_row_groups_are_one_table(tmp_path, monkeypatch):
    monkeypatch.setattr(StepRows, "enough", 100)
    ours, plain = both(WORLDS["fractions, one after the other"], tmp_path / "ours.parquet", 20)
    assert pyarrow.parquet.ParquetFile(ours).num_row_groups == 20  # a step has 180 rows
    pd.testing.assert_frame_equal(pd.read_parquet(ours), pd.read_parquet(plain), check_exact=True)


# ------------------------------------------------------------------------------------------- the format, byte by byte


def test_numbers_of_seven_bits():
    assert varint(0) == b"\x00"
    assert varint(127) == b"\x7f"
    assert varint(300) == b"\xac\x02"  # 300 = 2 * 128 + 44, and 44 | 128 = 0xAC: the example of Protocol Buffers


def test_who_has_a_value():
    assert levels(5) == b"\x02\0\0\0" + b"\x0a\x01"  # a run of five: 5 << 1, then the value 1 in a byte
    # One group of eight bits: 1 << 1 | 1, then 1, 0, 1, 1, 0 from the lowest bit: 0b01101.
    assert levels(5, np.array([1, 0, 1, 1, 0], bool)) == b"\x02\0\0\0" + b"\x03\x0d"


def test_indices_bit_by_bit_and_runs():
    # The format's own example: 0 to 7 in three bits each are 10001000 11000110 11111010, read from the lowest bit.
    chunk = Chunks(64).indices(np.arange(8, dtype=np.uint8), levels(8), range(8), "int32")
    assert chunk.values == bytes([3, 1 << 1 | 1, 0b10001000, 0b11000110, 0b11111010])
    # 24 ones are a run, 24 << 1 = 48, whose value takes a byte; then 0 and 1 in one bit each, and six to fill up.
    codes = np.array([1] * 24 + [0, 1], np.uint8)
    assert Chunks(64).indices(codes, levels(26), range(2), "int32").values == bytes([1, 48, 1, 3, 0b10])
    # Values 5, 5 and 7, each for two rows: runs of 4 and 2 of the words 5, 6, 7, indices 0 and 2 in two bits.
    chunk = Chunks(64).repeated(np.array([5, 5, 7], np.int32), 2)
    assert (chunk.values, chunk.n_words) == (bytes([2, 8, 0, 4, 2]), 3)
    assert chunk.words == np.array([5, 6, 7], "<i4").tobytes()


@pytest.mark.parametrize("n_words", [1, 2, 3, 16, 17, 200, 256, 300])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 1000])
def test_indices_of_any_width_are_read_back(n_words, n):
    rng = np.random.default_rng(n)
    words = [f"word {k}" for k in range(n_words)]
    # Half of it in runs, half of it at random.
    codes = np.concatenate([np.repeat(rng.integers(n_words, size=n // 50 + 1), 25)[: n // 2]] * 2)[:n]
    codes = np.concatenate([codes, rng.integers(n_words, size=n - len(codes))])
    codes[n // 2 :] = rng.integers(n_words, size=n - n // 2)
    chunk = Chunks(max(n, 1)).indices(codes.astype(np.uint8 if n_words <= 256 else np.uint16), levels(n), words, "text")
    table = RowGroup(n, {"said": "text"}, (chunk,)).table()
    assert table["said"].to_pylist() == [words[code] for code in codes]


def test_values_far_apart_and_a_table_without_rows():
    # From 1 to a million there are more values than rows: only those that are there become words.
    chunk = Chunks(8).repeated(np.array([1, 10**6, 1], np.int32), 2)
    assert RowGroup(6, {"step": "int32"}, (chunk,)).table()["step"].to_pylist() == [1, 1, 10**6, 10**6, 1, 1]
    with io.BytesIO() as file:
        ParquetFile(file, {"step": "int32", "facing": "text"}).close()
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(file.getvalue()))
    assert table.num_rows == 0
    assert table.schema.names == ["step", "facing"]
