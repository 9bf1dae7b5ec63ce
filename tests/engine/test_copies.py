"""The table of a copy's arrays: the world, its states, hashes and the documentation all follow from it."""

from pathlib import Path

import numpy as np
import pytest

import sorrelsim
from sorrelsim.engine import copies

DOCS = Path(__file__).parents[2] / "docs" / "copy.md"


@pytest.fixture(scope="module")
def world():
    return sorrelsim.make("cleanup", n_worlds=3, compiled=False)


def test_docs_and_table_agree():
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("|")][2:]
    assert lines == [f"| {' | '.join(row)} |" for row in copies.rows()]


def test_arrays_are_as_the_table_says(world):
    sizes = {
        "agents": 7, "events": len(world.events), "height": world.height, "width": world.width,
        "padded height": world.height + 18, "padded width": world.width + 18, "layers": 4,
        "padded cells": (world.height + 18) * (world.width + 18),
    }  # fmt: skip
    for entry in world.copies.entries:
        array = world.copies.of[entry.name]
        assert array.shape == (3, *(sizes.get(size, size) for size in entry.shape)), entry.name
        assert array.dtype == ("uint32" if entry.dtype == "cell" else entry.dtype), entry.name
    assert np.shares_memory(world.grid, world.copies.of["cells"])


def test_state_and_hash_hold_what_they_always_held(world):
    """Recordings and checkpoints of earlier versions have these names."""
    own = {*(f"params.{name}" for name in world.copies.params), *(f"state.{name}" for name in world.copies.state)}
    assert "state.dirt" in own
    assert "params.max_steps" in own
    both = {"pos", "facing", "out", "frozen", "rng", "turn", *own}
    assert set(world.hashed_arrays()) == both | {"grid", "return", "events"}
    saved = {"cells", "occupant", "reward", "episode_return", "event_counts", "tallies", "ended"}
    assert set(world.get_state()) == both | saved


def test_what_a_saved_state_lacks_cannot_matter(world):
    """Whatever the arrays that are not saved hold, the future is the same."""
    one, two = (sorrelsim.make("cleanup", n_worlds=2, seed=seed, compiled=False) for seed in (1, 2))
    actions = np.random.default_rng(0).integers(0, one.n_actions, (20, 2, 7))
    for each in actions:
        two.step(each)
    for entry in two.copies.entries:
        if not entry.saved and entry.place == "copy":
            two.copies.of[entry.name][...] = 77
    two.set_state(one.get_state())
    for each in actions:
        obs, other = one.step(each)[0], two.step(each)[0]
        np.testing.assert_array_equal(obs["grid"], other["grid"])
    for name, array in one.get_state().items():
        np.testing.assert_array_equal(array, two.get_state()[name], err_msg=name)
