"""Externality Mushrooms: who is paid, what grows, digestion, spoiling, zaps."""

import numpy as np
import pytest

import sorrelsim
from sorrelsim.worlds.mushrooms import MEADOW, Kind

NOOP, FORWARD, BACKWARD, LEFT, RIGHT, TURN_LEFT, TURN_RIGHT, ZAP = range(8)
FACINGS = "NESW"
RED, GREEN, BLUE, ORANGE, DESTROYED, FIRED, RECEIVED, REMOVALS = range(8)
BARREN = ((0.0,) * 4,) * 4


def meadow(text, agents, n_worlds=1, **settings):
    """A scene: dots are bare floor, spaces grow mushrooms; a row of soil for respawns lies below."""
    width = max(len(line) for line in text.splitlines())
    lines = [line.replace(".", ",").ljust(width, ",") for line in text.splitlines()]
    text = "\n".join([*lines, "," * width, " " * width])
    world = sorrelsim.make("mushrooms", n_worlds, map=text + "\n", n_agents=len(agents), compiled=False, **settings)
    world.occupant[...] = -1
    world.grid[..., world.codes.agent_layer] = 0
    for i, (row, col, facing) in enumerate(agents):
        world.pos[:, i] = row, col
        world.facing[:, i] = FACINGS.index(facing)
        world.occupant[:, row, col] = i
        world.grid[:, row, col, world.codes.agent_layer] = world.codes.agent_code
    return world


def act(world, *actions):
    return world.step(np.tile(np.array(actions), (world.n_worlds, 1)))


def count(world, kind):
    return (world.grid[..., 0] == kind).sum((1, 2))


def share_ok(found, n, p, sigmas=4.5):
    return abs(found - n * p) <= sigmas * np.sqrt(n * p * (1 - p)) + 1e-9


def test_the_map_has_its_contents():
    rows = MEADOW.strip("\n").splitlines()
    assert (len(rows[0]), len(rows)) == (23, 14)
    world = sorrelsim.make("mushrooms", compiled=False)
    assert [count(world, kind)[0] for kind in (Kind.RED, Kind.GREEN, Kind.BLUE, Kind.ORANGE)] == [3, 3, 3, 1]
    assert len(world.map.sites["spawns"]) == 221
    assert len(world.map.sites["soil"]) == 231
    assert world.n_agents == 5


@pytest.mark.parametrize(
    ("mushroom", "rewards"),
    [("R", [1, 0, 0]), ("G", [2 / 3] * 3), ("B", [0, 1.5, 1.5]), ("O", [-1 / 3] * 3)],
)
def test_who_is_paid(mushroom, rewards):
    world = meadow(f".{mushroom}.....", [(0, 0, "E"), (0, 4, "N"), (0, 6, "N")], sprout=BARREN)
    _, reward, *_ = act(world, FORWARD, NOOP, NOOP)
    np.testing.assert_allclose(reward[0], rewards)
    assert world.event_counts[0, 0, "RGBO".index(mushroom)] == 1
    assert (world.grid[0, 0, :, 0] == 0).all()


def test_the_share_of_one_who_is_out_goes_to_nobody():
    world = meadow(".G.....", [(0, 0, "E"), (0, 4, "N"), (0, 6, "N")], sprout=BARREN)
    world.out[:, 2] = 30
    world.occupant[:, 0, 6] = -1
    _, reward, *_ = act(world, FORWARD, NOOP, NOOP)
    np.testing.assert_allclose(reward[0], [2 / 3, 2 / 3, 0])


@pytest.mark.parametrize(("mushroom", "steps"), [("R", 0), ("G", 10), ("B", 15), ("O", 15)])
def test_digestion_freezes_the_eater(mushroom, steps):
    world = meadow(f".{mushroom}.....", [(0, 0, "E"), (0, 6, "N")], sprout=BARREN)
    act(world, FORWARD, NOOP)
    still = 1
    while world.pos[0, 0, 1] == 1:
        act(world, FORWARD, NOOP)
        still += world.pos[0, 0, 1] == 1
    assert still == max(steps, 1)  # the step of the meal included


def test_who_digests_can_still_zap():
    world = meadow(".G.....", [(0, 0, "E"), (0, 4, "N")], sprout=BARREN)
    act(world, FORWARD, NOOP)
    act(world, ZAP, NOOP)
    assert world.event_counts[0, 0, FIRED] == 1


@pytest.mark.parametrize(
    ("eaten", "spores", "chances"),
    [
        ("R", 3, [0.25, 0, 0, 0]),
        ("G", 3, [0.25, 0.4, 0, 0]),
        ("B", 3, [0.25, 0.4, 0.6, 0]),
        ("O", 1, [0, 0, 0, 1]),
    ],
)
def test_spores_sprout_with_their_probabilities(eaten, spores, chances):
    n = 250
    world = meadow(f".{eaten}..." + " " * 40, [(0, 0, "E"), (0, 3, "N")], n_worlds=n, seed=7)
    act(world, FORWARD, NOOP)
    for kind, p in zip((Kind.RED, Kind.GREEN, Kind.BLUE, Kind.ORANGE), chances, strict=True):
        assert share_ok(count(world, kind).sum(), n * spores, p)


def test_spores_fall_uniformly_on_empty_soil_and_in_vain_where_an_agent_stands():
    n = 500
    sprout = (*BARREN[:3], (0.0, 0.0, 0.0, 1.0))
    text = ",O,, B,"
    world = sorrelsim.make("mushrooms", n, 8, map=text + "\n  ,,,,,\n", n_agents=2, compiled=False, sprout=sprout)
    world.occupant[...] = -1
    world.grid[..., world.codes.agent_layer] = 0
    for i, (row, col, facing) in enumerate([(0, 0, 1), (1, 1, 0)]):
        world.pos[:, i] = row, col
        world.facing[:, i] = facing
        world.occupant[:, row, col] = i
    act(world, FORWARD, NOOP)
    grown = world.grid[..., 0] == Kind.ORANGE
    assert not grown[:, 1, 1].any()  # agent 1
    assert not grown[:, 0, 1].any()  # the eater
    for row, col in ((0, 4), (1, 0)):
        assert share_ok(grown[:, row, col].sum(), n, 1 / 3)
    assert share_ok(n - grown.sum(), n, 1 / 3)
    assert (world.grid[:, 0, 5, 0] == Kind.BLUE).all()


def test_orange_kills_each_red_with_probability_one_quarter_but_none_that_is_being_eaten():
    n = 300
    world = meadow("O.RRRRRRRR.R", [(0, 1, "W"), (0, 10, "E")], n_worlds=n, seed=9, sprout=BARREN)
    _, reward, *_ = act(world, FORWARD, FORWARD)
    np.testing.assert_allclose(reward, [[-0.5, 0.5]] * n)
    assert share_ok(8 * n - count(world, Kind.RED).sum(), 8 * n, 0.25)


@pytest.mark.parametrize(("mushroom", "steps"), [("R", 200), ("G", 100), ("B", 75)])
def test_mushrooms_spoil(mushroom, steps):
    world = meadow(f".{mushroom}", [(0, 0, "N")])
    for _ in range(steps - 1):
        act(world, NOOP)
    assert (world.grid[0, 0, :, 0] > 0).sum() == 1
    act(world, NOOP)
    assert (world.grid[0, 0, :, 0] > 0).sum() == 0


def test_orange_never_spoils():
    world = meadow(".O", [(0, 0, "N")], min_steps=5000)
    for _ in range(600):
        act(world, NOOP)
    assert count(world, Kind.ORANGE)[0] == 1


def test_one_zap_destroys_every_mushroom_in_its_way_and_goes_on_to_an_agent():
    world = meadow(".RG.....", [(0, 0, "E"), (0, 3, "N")], beam_radius=0)
    act(world, ZAP, NOOP)
    assert (world.grid[0, 0, :, 0] == 0).all()
    assert world.event_counts[0, 0, [DESTROYED, FIRED]].tolist() == [2, 1]
    assert world.event_counts[0, 1, RECEIVED] == 1


def test_a_second_zap_takes_out_for_50_steps_and_51_observations():
    world = meadow("........", [(0, 0, "E"), (0, 2, "N")])
    act(world, ZAP, NOOP)
    assert world.out[0, 1] == 0
    assert (world.grid[0, 0, 2] == Kind.MARK).any()
    for _ in range(3):
        act(world, NOOP, FORWARD)
    assert tuple(world.pos[0, 1]) == (0, 2)  # frozen
    act(world, ZAP, NOOP)
    unseen = 0
    while world.out[0, 1] != 0:
        act(world, NOOP, NOOP)
        unseen += 1
    assert unseen == 51  # the loop began at the observation of the zap
    assert world.pos[0, 1, 0] == 2  # back on the soil


def test_a_meal_on_return_counts():
    world = meadow("....", [(0, 0, "E"), (0, 2, "N")], zap_cooldown=0, zap_timeout=1, sprout=BARREN)
    world.grid[:, 2, :, 0] = Kind.RED
    act(world, ZAP, NOOP)
    act(world, ZAP, NOOP)
    act(world, NOOP, NOOP)
    _, reward, *_ = act(world, NOOP, NOOP)
    assert world.out[0, 1] == 0
    assert reward[0, 1] == 1


def test_rewards_equal_the_meals_under_random_play():
    world = sorrelsim.make("mushrooms", 3, 10, compiled=False)
    rng = np.random.default_rng(2)
    for _ in range(200):
        actions = rng.choice(7, (3, 5), p=[0, 0.6, 0, 0.1, 0.1, 0.1, 0.1])  # no zaps, so that nobody is ever out
        before = world.event_counts[..., :4].copy()
        _, reward, *_ = world.step(actions)
        meals = world.event_counts[..., :4] - before
        everybody = meals.sum(1, keepdims=True)
        expected = meals[..., RED] + (2 * everybody[..., GREEN] - everybody[..., ORANGE]) / 5
        expected = expected + 3 / 4 * (everybody[..., BLUE] - meals[..., BLUE])
        np.testing.assert_allclose(reward, expected, atol=1e-12)
    assert world.event_counts[..., :4].sum() > 10


def test_compiled_equals_interpreted():
    worlds = [sorrelsim.make("mushrooms", 2, seed=6, compiled=c, zap_cooldown=1) for c in (False, True)]
    rng = np.random.default_rng(1)
    for _ in range(200):
        actions = rng.choice(8, (2, 5), p=[0, 0.5, 0, 0.1, 0.1, 0.1, 0.1, 0.1])
        for world in worlds:
            world.step(actions)
        np.testing.assert_array_equal(worlds[0].obs["grid"], worlds[1].obs["grid"])
        np.testing.assert_array_equal(worlds[0].reward, worlds[1].reward)
    states = [world.get_state() for world in worlds]
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name], err_msg=name)
