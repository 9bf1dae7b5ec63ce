"""States from outside: what no step could go on from is refused before anything changes, in every world and array."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sorrelsim
from sorrelsim.library.find import names

sys.path.insert(0, str(Path(__file__).parents[1]))
import hostile

WORLDS = names("worlds")
SCRIPT = Path(hostile.__file__)


def played(name, **settings):
    world = hostile.make(name, None, False, **settings)
    rng = np.random.default_rng(0)
    for _ in range(10):
        world.step(rng.integers(world.n_actions, size=world.submitted.shape))
    return world


def spoilt(array):
    """What an array could be instead: of another type, another shape, or no array at all."""
    yield from (None, "nothing", {}, [], array.tolist()[:1], array[None], array[:1], array.ravel()[:0], [[1], [2, 3]])
    for dtype in ("float64", "int64", "int32", "uint8", "bool", "U5", "object", "complex128", ">i4"):
        other = np.zeros(array.shape, dtype)
        if other.dtype != array.dtype:
            yield other


def extremes(array):
    """The least and the greatest number of its type, and what is no number."""
    if array.dtype.kind == "f":
        return [np.nan, np.inf, -np.inf]
    if array.dtype == np.bool_:
        return []
    return [np.iinfo(array.dtype).min, np.iinfo(array.dtype).max]


def refused(world, state, match):
    before = world.get_state()
    with pytest.raises(ValueError, match=match) as error:
        world.set_state(state)
    for name, array in world.get_state().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    return str(error.value)


@pytest.mark.parametrize("name", WORLDS)
def test_every_array_is_held_to_its_type_and_shape(name):
    world = played(name)
    state = world.get_state()
    for key, array in state.items():
        refused(world, {k: v for k, v in state.items() if k != key}, f"lacks '{key}'")
        for other in spoilt(array):
            refused(world, state | {key: other}, key.replace(".", r"\."))
    refused(world, state | {"dirtt": np.zeros(3)}, "no array in a state 'dirtt'")
    for no_state in (None, [], 3, "state"):
        refused(world, no_state, "a state is a mapping of arrays")


@pytest.mark.parametrize("name", WORLDS)
def test_every_array_is_held_to_its_range(name):
    """Whatever a rule could stumble over is refused, with the array, the index, the value and what is allowed."""
    world = played(name)
    state = world.get_state()
    free = {"rng"}  # any number is a state of the stream; its other half is odd
    for entry in world.copies.entries:
        array = state.get(entry.saved)
        if array is None or not array.size:
            continue
        rng = np.random.default_rng(len(entry.name))
        for value in extremes(array):
            spoilt = array.copy()
            index = tuple(int(rng.integers(size)) for size in array.shape)
            spoilt[index] = value
            if entry.name in free or (array.dtype.kind == "u" and not value and entry.low is None):
                continue
            said = refused(world, state | {entry.saved: spoilt}, "allowed: ")
            assert f"{name}: " in said
            if entry.name not in ("out", "pos", "cells"):  # which others may contradict first
                assert f"{entry.saved}[{', '.join(map(str, index))}]" in said, said
                assert str(value) in said


@pytest.mark.parametrize("name", WORLDS)
def test_whole_numbers_have_limits_in_every_world(name):
    """No array of a world is left to its type: what is not limited cannot be trusted."""
    world = played(name, n_worlds=1)
    for entry in world.copies.entries:
        if entry.saved and np.dtype(world.copies.of[entry.name].dtype).kind == "i":
            assert entry.low is not None, entry.name
            assert entry.high is not None, entry.name


def test_agents_cells_and_streams_are_held_against_each_other():
    world = played("harvest", n_worlds=1)
    state = world.get_state()

    def with_(key, index, value):
        spoilt = state[key].copy()
        spoilt[index] = value
        return state | {key: spoilt}

    row, col = (int(k) for k in state["pos"][0, 2])
    free = tuple(int(k) for k in np.argwhere(state["occupant"][0] < 0)[0])
    pad = world.copies.pad
    refused(world, with_("occupant", (0, row, col), -1), rf"occupant\[0, {row}, {col}\] of the state is -1; allowed: 2")
    refused(world, with_("occupant", (0, *free), 2), r"is 2; allowed: -1")
    refused(world, with_("pos", (0, 2), free), "pos and out say so")
    refused(world, with_("pos", (0, 2), state["pos"][0, 3]), "pos and out say so")
    refused(world, with_("out", (0, 2), 5), "pos and out say so")
    refused(world, with_("pos", (0, 2, 1), world.width), rf"allowed: 0 to {world.width - 1} .*width - 1")
    refused(world, with_("facing", (0, 2), 77), r"facing\[0, 2\] of the state is 77; allowed: 0 to 3")
    refused(world, with_("rng", (0, 1), 4), "odd")
    refused(world, with_("cells", (0, 0, 0), 0), "it lies beyond the map")
    refused(world, with_("cells", (0, pad + 1, pad + 2), 200), "200 in the ground layer of row 1, column 2")
    wall = int(world.kinds.WALL)
    refused(world, with_("cells", (0, pad + 1, pad + 2), wall), "allowed: 0 nothing, 2 grass")
    self_code = world.codes.self_code << 8 * world.codes.agent_layer
    refused(world, with_("cells", (0, pad + 1, pad + 2), self_code), "agent layer")
    refused(world, with_("params.zap_cooldown", 0, -1), r"params.zap_cooldown\[0\] of the state is -1")
    refused(world, with_("params.regrowth", (0, 1), 1.5), "allowed: 0.0 to 1.0")
    bools = state["params.forked_beam"].copy()
    bools.view(np.uint8)[0] = 7
    refused(world, state | {"params.forked_beam": bools}, "False or True")


def test_limits_may_be_names_and_are_known_when_the_world_is_made():
    tag = played("tag", n_worlds=1, n_agents=3)
    state = tag.get_state()
    state["state.it"][0, 0] = 3
    refused(tag, state, r"state.it\[0, 0\] of the state is 3; allowed: 0 to 2 \(n_agents - 1\)")
    from sorrelsim import per_world

    cls = type(
        "Odd", (type(tag),), {"state": type(tag).state | {"odd": per_world(high="n_agent")}, "__module__": __name__}
    )
    with pytest.raises(ValueError, match="no limit of a state 'n_agent'; did you mean 'n_agents'"):
        cls(1, compiled=False)


def test_a_torus_and_its_padding():
    world = hostile.make("allelopathic_harvest", None, False)
    world.set_state(world.get_state())
    state = world.get_state()
    state["cells"][1, 0, 0] = 255
    refused(world, state, "255 in the object layer")


@pytest.mark.parametrize("name", WORLDS)
def test_own_states_are_taken(name):
    for preset in (None, *type(sorrelsim.make(name, compiled=False)).presets):
        world = hostile.make(name, preset, False, n_worlds=1)
        rng = np.random.default_rng(1)
        for turn in range(40):
            if turn % 8 == 0:
                world.set_state(world.get_state())
            world.step(rng.integers(world.n_actions, size=world.submitted.shape))


IN_ALL = ("coins", "harvest")
"""Worlds that are played in every run of the tests; a process for each takes its time."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_ALL else pytest.mark.slow) for name in WORLDS]
)
def test_steps_go_on_from_whatever_is_taken(name):
    """50 steps from states drawn at will within their limits: interpreted, where an index beyond raises, and compiled.

    In a process of its own, because what this is about takes a process down.
    """
    done = subprocess.run([sys.executable, SCRIPT, name, "none", "4", "3"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "4 states" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "preset"),
    [
        *((name, "none") for name in WORLDS),
        ("cleanup", "classic"),
        ("harvest", "socialjax"),
        ("harvest", "classic"),
        ("matrix_game", "running_with_scissors_arena"),
        ("matrix_game", "bach_or_stravinsky_one_shot"),
    ],
)
def test_steps_go_on_from_hundreds(name, preset):
    done = subprocess.run([sys.executable, SCRIPT, name, preset, "120", "11"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
