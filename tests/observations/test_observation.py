"""Windows and forms: what is seen, turned to the facing, at the edge of the map, on a torus, as channels and pixels."""

import dataclasses

import numpy as np
import pytest
from forms_by_hand import one_hot

import sorrelsim
from sorrelsim import Gridworld, Kinds, Window, kind, rule
from sorrelsim.rules import movement


class Kind(Kinds):
    WALL = kind("W", solid=True)
    TREE = kind("T")
    POND = kind("O", layer="ground")


@dataclasses.dataclass(frozen=True)
class Params:
    facing: int = 0


@rule
def stand(w):
    """The first two spawn cells, in order, all agents facing as the params say."""
    for i in range(w.n_agents):
        w.facing[i] = w.p.facing
        w.out[i] = 0
        movement.place(w, i, w.spawns[i, 0], w.spawns[i, 1])


@rule
def see_turn(w, i, out):
    out[0] = w.turn
    out[1] = i


class Garden(Gridworld):
    kinds, params = Kind, Params
    maps = {"garden": "WTOW\nWP W\n PTW", "ring": "TOO\nOPO\nOOO\nPOO"}
    torus = ("ring",)
    actions = movement.ABSOLUTE
    start = (stand,)
    window = Window(forward=1, back=1, left=1, right=2)
    n_agents = 2


def seen(world, agent):
    """One agent's window as text, ``#`` outside the map."""
    spec = dataclasses.replace(world.observations, form="ascii")
    return spec.convert(world.symbolic, world.looks_table())[0, agent].tolist()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    ("facing", "window"),
    [
        # The agent at row 1, column 1 sees 1 ahead, 1 behind, 1 to its left and 2 to its right, ahead being up.
        (0, ["WTOW", "W@ W", " &TW"]),
        (1, ["O T#", "T@&#", "WW #"]),
        (2, ["T& #", " @W#", "OTW#"]),
        (3, [" WW#", "&@T#", "T O#"]),
    ],
)
def test_window_turns_with_the_agent(facing, window, compiled):
    world = Garden(facing=facing, compiled=compiled)
    assert seen(world, 0) == window


def test_north_up_and_whole_map():
    world = Garden(facing=2, window=Window.centred(1), compiled=False)
    assert seen(world, 0) == ["WTO", "W@ ", " &T"]
    assert seen(world, 1) == ["W& ", " @T", "###"]
    world = Garden(facing=3, window=Window.full(), compiled=False)
    assert seen(world, 0) == ["WTOW", "W@ W", " &TW"]
    assert seen(world, 1) == ["WTOW", "W& W", " @TW"]


@pytest.mark.parametrize("compiled", [False, True])
def test_torus_wraps_even_when_the_view_is_wider_than_the_map(compiled):
    world = Garden(map="ring", window=Window.centred(3), compiled=compiled)
    # Agent 0 stands at (1, 1) of a 4 x 3 ring. A view of 7 x 7 shows the ring again and again, the agent itself
    # included: only the middle is marked as self.
    rows = ["TOO", "O&O", "OOO", "&OO"]
    expected = [[rows[(1 + dr) % 4][(1 + dc) % 3] for dc in range(-3, 4)] for dr in range(-3, 4)]
    expected[3][3] = "@"
    assert seen(world, 0) == ["".join(row) for row in expected]


def test_individual_looks_and_facing():
    world = Garden(facing=1, looks="individual", show_facing=True, window=Window.centred(1), compiled=False)
    codes = world.codes
    layer = codes.agent_layer
    assert world.symbolic[0, 0, 1, 1, layer] == codes.self_code + 1
    assert world.symbolic[0, 0, 2, 1, layer] == codes.agent_code + 4 * 1 + 1  # agent 1, facing east
    turned = Garden(facing=1, show_facing=True, compiled=False)
    # In a window that turns with an agent facing east, another that faces east looks straight ahead.
    agents = turned.symbolic[0, 0, ..., layer]
    assert codes.names[codes.agent_code + 5] == "agent 1 facing east"
    assert set(agents[agents >= turned.codes.agent_code].tolist()) == {turned.codes.agent_code + 0}


def test_one_hot_channels():
    world = Garden(observation="one_hot", compiled=False, window=Window.centred(1))
    channels = world.obs[0, 0]
    codes = world.codes
    assert channels.shape == world.observations.shape == (codes.n_codes - 1, 3, 3)
    assert channels.max() == 1
    assert channels[Kind.TREE - 1].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert channels[codes.self_code - 1].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert channels[:, 1, 2].sum() == 0  # nothing there: all zeros
    edge = world.obs[0, 1]
    assert edge[codes.outside - 1].tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]  # outside has a channel of its own


def test_one_hot_of_random_ids_equals_comparison():
    rng = np.random.default_rng(0)
    symbolic = rng.integers(0, 4, (5, 3, 2, 2)).astype(np.uint8)
    symbolic[..., 1] += np.uint8(4) * (symbolic[..., 1] > 0)  # ids of a second layer are other ids
    expected = np.stack([(symbolic == k).any(-1) for k in range(1, 8)], 1)
    np.testing.assert_array_equal(one_hot(symbolic, 8), expected)


def test_rgb_is_the_rendered_picture():
    world = Garden(observation="rgb", window=Window.full(), compiled=False)
    assert world.obs.shape == (1, 2, 24, 32, 3)
    picture = world.render()
    empty = np.s_[8:16, 16:24]
    np.testing.assert_array_equal(world.obs[0, 0][empty], picture[empty])


def test_scalars_stand_beside_the_grid():
    class Counting(Garden):
        scalars = {"turn": 1, "slot": 1}
        observe = see_turn

    world = Counting(compiled=False)
    obs, *_ = world.step(np.zeros((1, 2), int))
    assert list(obs) == ["grid", "turn", "slot"]
    assert obs["turn"][0, :, 0].tolist() == [1.0, 1.0]
    assert obs["slot"][0, :, 0].tolist() == [0.0, 1.0]
    assert world.observations.parts["slot"].shape == (1,)
    assert world.observations.input_size == 3 * 4 * (world.codes.n_codes - 1) + 2


def test_cleanup_sees_its_readiness():
    world = sorrelsim.make("cleanup", compiled=False)
    zap = np.full((1, 7), 7)
    obs, *_ = world.step(zap)
    ready = obs["ready_to_shoot"][0, :, 0]
    present = world.out[0] == 0
    np.testing.assert_array_equal(ready[present], 0.0)
    obs, *_ = world.step(np.zeros((1, 7), int))
    still = (world.out[0] == 0) & present
    np.testing.assert_allclose(obs["ready_to_shoot"][0, still, 0], 0.1)
