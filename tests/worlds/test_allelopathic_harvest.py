"""Allelopathic Harvest: ripening by colour, planting, tastes, and the sanction that costs ten."""

import numpy as np
import pytest

import sorrelsim
from sorrelsim.worlds.allelopathic_harvest import FIELD, Kind

NOOP, FORWARD, BACKWARD, LEFT, RIGHT, TURN_LEFT, TURN_RIGHT, ZAP, PLANT_RED, PLANT_GREEN, PLANT_BLUE = range(11)
FACINGS = "NESW"
PLANTED, FIRED, RECEIVED, REMOVALS = 3, 4, 5, 6


def orchard(text, agents, n_worlds=1, **settings):
    """A scene in which dots are spawn cells, and ``r``, ``g``, ``b`` berries that are ripe at once."""
    lines = text.splitlines()
    bare = text.replace(".", "P").translate(str.maketrans("rgb", "123"))
    made = {"ripening_rate": 0.0} | settings
    world = sorrelsim.make(
        "allelopathic_harvest", n_worlds, map=bare + "\n", n_agents=len(agents), compiled=False, **made
    )
    for row, line in enumerate(lines):
        for col, glyph in enumerate(line):
            if glyph in "rgb":
                world.grid[:, row, col, 0] = Kind.RIPE_RED + "rgb".index(glyph)
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


def share_ok(found, n, p, sigmas=4.5):
    return abs(found - n * p) <= sigmas * np.sqrt(n * p * (1 - p)) + 1e-9


def test_the_map_has_its_contents():
    rows = FIELD.strip("\n").splitlines()
    assert (len(rows[0]), len(rows)) == (29, 30)
    assert [FIELD.count(glyph) for glyph in "123P"] == [116, 116, 116, 522]
    world = sorrelsim.make("allelopathic_harvest", compiled=False)
    assert world.wraps
    assert world.n_agents == 16
    assert world.copies.state["berries"][0].tolist() == [116, 116, 116]
    assert world.action_names[7:] == ("zap", "plant_red", "plant_green", "plant_blue")


@pytest.mark.parametrize(("berry", "rewards"), [("r", [2, 1]), ("g", [1, 2]), ("b", [1, 1])])
def test_agents_prefer_red_and_green_by_turns(berry, rewards):
    world = orchard(f".{berry}.\n.{berry}.\n...", [(0, 0, "E"), (1, 0, "E")])
    _, reward, *_ = act(world, FORWARD, FORWARD)
    assert reward[0].tolist() == rewards
    assert (world.grid[0, :2, 1, 0] == Kind.UNRIPE_RED + "rgb".index(berry)).all()
    assert world.event_counts[0, :, "rgb".index(berry)].tolist() == [1, 1]


def test_tastes_are_a_parameter():
    world = orchard(".b.\n...", [(0, 0, "E")], tastes=(2, 2))
    assert act(world, FORWARD)[1][0, 0] == 2


def test_unripe_berries_are_not_eaten_and_nothing_stops_a_walk():
    world = orchard(".123.\n.....", [(0, 0, "E")])
    rewards = [act(world, FORWARD)[1][0, 0] for _ in range(3)]
    assert rewards == [0, 0, 0]
    assert world.pos[0, 0, 1] == 3


def test_berries_ripen_with_a_probability_proportional_to_their_colours_count():
    n, rate = 60, 0.004
    text = "\n".join(["1" * 20, "2" * 10 + "3" * 10, "." * 20])
    world = orchard(text, [(2, 0, "N")], n_worlds=n, seed=3, ripening_rate=rate, ripening_delay=0)
    act(world, NOOP)
    ripe = world.grid[..., 0]
    for kind, berries in ((Kind.RIPE_RED, 20), (Kind.RIPE_GREEN, 10), (Kind.RIPE_BLUE, 10)):
        assert share_ok((ripe == kind).sum(), n * berries, rate * berries)


def test_berries_ripen_independently_of_their_place():
    n = 400
    world = orchard("1213\n....", [(1, 0, "N")], n_worlds=n, seed=4, ripening_rate=0.2, ripening_delay=0)
    act(world, NOOP)
    ripe = world.grid[:, 0, :, 0] >= Kind.RIPE_RED
    for col, p in enumerate((0.4, 0.2, 0.4, 0.2)):
        assert share_ok(ripe[:, col].sum(), n, p)
    both = (ripe[:, 0] & ripe[:, 2]).sum()
    assert share_ok(both, n, 0.16)


def test_ripening_takes_10_steps_from_the_start_from_a_meal_and_from_planting():
    world = orchard(".1.2.\n.....", [(0, 0, "E"), (0, 4, "W")], ripening_rate=1.0)
    for _ in range(9):
        act(world, NOOP, NOOP)
    assert (world.grid[0, ..., 0] < Kind.RIPE_RED).all()
    act(world, NOOP, NOOP)
    assert world.grid[0, 0, 1, 0] == Kind.RIPE_RED
    act(world, FORWARD, NOOP)
    act(world, BACKWARD, NOOP)
    for _ in range(8):
        act(world, NOOP, NOOP)
        assert world.grid[0, 0, 1, 0] == Kind.UNRIPE_RED
    act(world, NOOP, NOOP)
    assert world.grid[0, 0, 1, 0] == Kind.RIPE_RED


def test_planting_starts_the_wait_anew():
    world = orchard(".1.2.\n.....", [(0, 0, "E"), (1, 4, "W")], ripening_rate=1.0)
    for _ in range(4):
        act(world, NOOP, NOOP)
    act(world, PLANT_BLUE, NOOP)
    for _ in range(9):
        act(world, NOOP, NOOP)
    assert world.grid[0, 0, 1, 0] == Kind.UNRIPE_BLUE
    act(world, NOOP, NOOP)
    assert world.grid[0, 0, 1, 0] == Kind.RIPE_BLUE


def test_a_berry_that_ripens_under_an_agent_is_eaten_at_once():
    world = orchard("1..\n...", [(0, 0, "E")], ripening_rate=1.0)
    rewards = [act(world, NOOP)[1][0, 0] for _ in range(21)]
    assert rewards == [0] * 9 + [2] + [0] * 9 + [2] + [0]
    assert world.grid[0, 0, 0, 0] == Kind.UNRIPE_RED


@pytest.mark.parametrize(("action", "kind"), [(PLANT_GREEN, Kind.UNRIPE_GREEN), (PLANT_BLUE, Kind.UNRIPE_BLUE)])
def test_a_plant_beam_recolours_the_first_berry_of_three_cells(action, kind):
    world = orchard("...11..\n.......", [(0, 1, "E")])
    act(world, action)
    assert world.grid[0, 0, 3:5, 0].tolist() == [kind, Kind.UNRIPE_RED]
    assert world.copies.state["berries"][0, 0] == 1
    assert world.copies.state["berries"][0].sum() == 2
    assert world.event_counts[0, 0, PLANTED] == 1
    far = orchard("....1..\n.......", [(0, 0, "E")])
    act(far, action)
    assert far.grid[0, 0, 4, 0] == Kind.UNRIPE_RED


def test_ripe_berries_stop_a_plant_beam_and_keep_their_colour():
    world = orchard(".r1....\n.......", [(0, 0, "E")])
    act(world, PLANT_BLUE)
    assert world.grid[0, 0, 1:3, 0].tolist() == [Kind.RIPE_RED, Kind.UNRIPE_RED]
    assert world.event_counts[0, 0, PLANTED] == 0


def test_an_agent_stops_a_plant_beam_and_the_berry_under_it_is_recoloured():
    world = orchard("..12...\n.......", [(0, 0, "E"), (0, 2, "N")])
    act(world, PLANT_BLUE, NOOP)
    assert world.grid[0, 0, 2:4, 0].tolist() == [Kind.UNRIPE_BLUE, Kind.UNRIPE_GREEN]


def test_planting_shares_one_cooldown_and_does_not_disturb_the_zap():
    world = orchard(".1......\n........", [(0, 0, "E")])
    planted = []
    for action in (PLANT_GREEN, PLANT_BLUE, PLANT_BLUE, PLANT_BLUE):
        act(world, action)
        planted.append(world.event_counts[0, 0, PLANTED])
    assert planted == [1, 1, 1, 2]
    act(world, ZAP)
    assert world.event_counts[0, 0, FIRED] == 1


def test_a_berry_is_recoloured_only_once_a_step():
    for seed in range(10):
        world = orchard(".1.....\n.......", [(0, 0, "E"), (0, 2, "W")], seed=seed)
        act(world, PLANT_GREEN, PLANT_BLUE)
        assert world.event_counts[0, :, PLANTED].sum() == 1


def test_beams_and_walks_wrap_round_the_torus():
    world = sorrelsim.make("allelopathic_harvest", map="field", n_agents=1, compiled=False, ripening_rate=0.0)
    row, col = next((r, c) for r, c in world.map.sites["orchard"] if c == 28 and world.grid[0, r, 0, 0] == 0)
    world.occupant[...] = -1
    world.grid[..., world.codes.agent_layer] = 0
    world.pos[:, 0] = row, 0
    world.facing[:, 0] = 3
    c = (world.grid[0, row, col, 0] - Kind.UNRIPE_RED + 1) % 3
    act(world, PLANT_RED + c)
    assert world.grid[0, row, col, 0] == Kind.UNRIPE_RED + c
    act(world, FORWARD)
    assert tuple(world.pos[0, 0]) == (row, 28)


def test_the_second_zap_costs_ten_and_takes_out_for_25_steps():
    world = orchard(".......\n.......", [(0, 0, "E"), (0, 2, "N")], zap_cooldown=0)
    _, reward, *_ = act(world, ZAP, NOOP)
    assert reward[0].tolist() == [0, 0]
    assert world.out[0, 1] == 0
    obs, reward, *_ = act(world, ZAP, NOOP)
    assert reward[0].tolist() == [0, -10]
    assert not obs["grid"][0, 1].any()
    unseen = 0
    while world.out[0, 1] != 0:
        _, reward, *_ = act(world, NOOP, NOOP)
        assert reward[0].tolist() == [0, 0]
        unseen += 1
    assert unseen == 26  # that of the zap, and one for each of the 25 steps
    assert world.event_counts[0, 1, [RECEIVED, REMOVALS]].tolist() == [2, 1]


def test_a_zap_passes_over_berries():
    world = orchard(".1r....\n.......", [(0, 0, "E"), (0, 3, "N")])
    act(world, ZAP, NOOP)
    assert world.event_counts[0, 1, RECEIVED] == 1


def test_a_sash_shows_what_was_planted_and_goes_where_its_wearer_goes():
    world = orchard("..1....\n.......", [(0, 0, "E")])
    sash = world.codes.layers.index("sash")
    act(world, PLANT_GREEN)
    assert world.grid[0, 0, 0, sash] == Kind.SASH_GREEN
    act(world, FORWARD)
    assert world.grid[0, 0, 1, sash] == Kind.SASH_GREEN
    assert (world.grid[0, ..., sash] > 0).sum() == 1


def test_a_meal_takes_the_sash_off_with_the_probability_of_another_colour():
    n = 500
    world = orchard("..1.r22\n.......", [(0, 0, "E")], n_worlds=n, seed=5)
    act(world, PLANT_GREEN)  # now three of four berries are green
    world.pos[:, 0] = 0, 3
    world.occupant[:, 0, 0] = -1
    act(world, FORWARD)
    assert (world.reward == 2).all()
    assert share_ok((world.copies.state["planter"][:, 0] == 0).sum(), n, 1 / 4)


def test_an_episode_lasts_2000_steps():
    world = sorrelsim.make("allelopathic_harvest", compiled=False, n_agents=1)
    world.turn[...] = 1998
    _, _, terminated, truncated, info = act(world, NOOP)
    assert not info["ended"].any()
    _, _, terminated, truncated, info = act(world, NOOP)
    assert truncated.all()
    assert not terminated.any()
    assert info["episode_length"].tolist() == [2000]


def test_counts_and_rewards_hang_together_under_random_play():
    world = sorrelsim.make("allelopathic_harvest", 1, 6, compiled=False, ripening_rate=5e-4)
    rng = np.random.default_rng(2)
    total = np.zeros((1, 16))
    orchard_cells = tuple(world.map.sites["orchard"].T)
    for _ in range(60):
        _, reward, *_ = world.step(rng.integers(0, 11, (1, 16)))
        total += reward
        colours = (world.grid[0, ..., 0][orchard_cells].astype(int) - Kind.UNRIPE_RED) % 3
        np.testing.assert_array_equal(np.bincount(colours, minlength=3), world.copies.state["berries"][0])
        sashes = world.grid[0, ..., world.codes.layers.index("sash")]
        on_grid = world.out[0] == 0
        assert (sashes > 0).sum() == (on_grid & (world.copies.state["planter"][0] > 0)).sum()
    eaten = world.event_counts[0, :, :3]
    preferred = eaten[np.arange(16), np.arange(16) % 2]
    np.testing.assert_array_equal(total[0], eaten.sum(1) + preferred - 10 * world.event_counts[0, :, REMOVALS])
    assert eaten.sum() > 20


def test_compiled_equals_interpreted():
    worlds = [sorrelsim.make("allelopathic_harvest", 2, seed=6, compiled=c, ripening_rate=1e-4) for c in (False, True)]
    rng = np.random.default_rng(1)
    for _ in range(100):
        actions = rng.integers(0, 11, (2, 16))
        for world in worlds:
            world.step(actions)
        np.testing.assert_array_equal(worlds[0].obs["grid"], worlds[1].obs["grid"])
        np.testing.assert_array_equal(worlds[0].reward, worlds[1].reward)
    states = [world.get_state() for world in worlds]
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name], err_msg=name)
