"""Fruit Market: harvest, meals and hunger, stamina, offers and trades, who holds whom."""

import boards
import numpy as np
import pytest
from boards import act, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.fruit_market import ACTIONS, OFFERS, Kind

YARD = """
WWWWWWWWWW
WPAB LLPPW
WP     PPW
WWWWWWWWWW
"""
NOTHING = (0.0, 0.0)


def make(map=YARD, n_agents=2, **settings):
    return sorrelsim.make(
        "fruit_market", map=map, n_agents=n_agents, compiled=False, **{"tree_probability": NOTHING} | settings
    )


def seat(world, *places):
    """Agents where a test wants them, without what showed their roles elsewhere."""
    world.grid[..., world.codes.layer[Kind.APPLE_FARMER]] = 0
    return boards.seat(world, *places)


def state(world, name, *values):
    for i, value in enumerate(values):
        world.copies.state[name][:, i] = value
    return world


def of(world, name):
    return world.copies.state[name][0].tolist()


def offer(apples, bananas):
    return ACTIONS[12 + 1 + OFFERS.index((apples, bananas))]


def test_keeps_the_contract():
    check_world("fruit_market", compiled=False, steps=40)


def test_map_sizes_counts_and_actions():
    world = sorrelsim.make("fruit_market", compiled=False, tree_probability=NOTHING)
    assert (world.width, world.height, world.n_agents, world.n_actions) == (31, 31, 16, 25)
    assert {site: len(cells) for site, cells in world.map.sites.items()} == {"spawns": 21, "soil": 534, "trees": 534}
    lies = world.grid[0, ..., world.codes.layer[Kind.WATER]]
    assert (lies == Kind.WATER).sum() == 168
    rows, cols = np.nonzero(lies != Kind.WALL)
    assert (np.ptp(rows) + 1, np.ptp(cols) + 1) == (26, 27)
    for side in (21, 15, 9):  # three square rings of water
        low, high = 15 - side // 2, 15 + side // 2
        ring = np.concatenate([lies[[low, high], low : high + 1].ravel(), lies[low : high + 1, [low, high]].ravel()])
        assert (ring == Kind.WATER).all()
    gives_apples = ((-3, 1), (-3, 2), (-2, 1), (-2, 2), (-1, 1), (-1, 2))
    assert (*gives_apples, (1, -3), (1, -2), (1, -1), (2, -3), (2, -2), (2, -1)) == OFFERS
    assert world.action_names[13] == "offer_3_apple_for_1_banana"
    assert world.action_names[24] == "offer_1_banana_for_2_apple"


def test_default_numbers():
    world = sorrelsim.make("fruit_market", compiled=False)
    numbers = {name: values[0].tolist() for name, values in world.copies.params.items()}
    assert numbers == {
        "tree_probability": [0.05, 0.05], "own_probability": 1.0, "other_probability": 0.04, "harvest": 2,
        "ripening": 50, "own_value": 1.0, "other_value": 8.0, "hunger_delay": 50, "hunger_cost": 1, "water_cost": 1,
        "max_stamina": 18, "moves_per_stamina": 2, "yellow_from": 1, "green_from": 7, "red_rest": 6, "yellow_rest": 2,
        "trade_radius": 4, "max_steps": 1000,
    }  # fmt: skip


def test_trees_are_drawn_afresh_half_of_each_kind():
    n = 40
    world = sorrelsim.make("fruit_market", n_worlds=n, compiled=False, seed=2)
    lies = world.grid[..., world.codes.layer[Kind.APPLE_TREE]]
    for tree in (Kind.APPLE_TREE, Kind.BANANA_TREE):
        assert share_ok((lies == tree).sum(), n * 534, 0.05)
    assert (lies[0] != lies[1]).any()


def test_the_picture_shows_roles_trees_and_water():
    world = seat(make(), (1, 1, "E"), (2, 5, "W"))
    act(world, "noop", "noop")
    assert world.text() == "WWWWWWWWWW\nW>AB LL  W\nW    <   W\nWWWWWWWWWW"
    role = world.grid[0, ..., world.codes.layer[Kind.APPLE_FARMER]]
    assert (role[1, 1], role[2, 5]) == (Kind.APPLE_FARMER, Kind.BANANA_FARMER)
    act(world, "turn_right", "forward")
    assert np.argwhere(world.grid[0, ..., world.codes.layer[Kind.APPLE_FARMER]] > 0).tolist() == [[1, 1], [2, 4]]


def test_harvest_and_meal_storyboard():
    world = seat(make(), (1, 1, "E"), (2, 7, "N"))
    act(world, "noop", "noop")
    act(world, "forward", "noop")  # 2: onto the apple tree
    assert of(world, "inventory") == [[0, 0], [0, 0]]
    act(world, "step_right", "noop")  # 3: off it, with two apples all the same
    assert world.pos[0, 0].tolist() == [2, 2]
    assert of(world, "inventory") == [[2, 0], [0, 0]]
    assert world.text().splitlines()[1] == "W aB LL  W"
    assert act(world, "noop", "noop") == [0.0, 0.0]
    assert act(world, "eat_apple", "eat_apple") == [1.0, 0.0]  # 5; the other has none
    assert of(world, "inventory") == [[1, 0], [0, 0]]
    assert of(world, "hunger") == [0, 5]
    state(world, "inventory", [1, 1], [1, 1])
    assert act(world, "eat_banana", "eat_apple") == [8.0, 8.0]
    assert act(world, "noop", "eat_banana") == [0.0, 1.0]


def test_who_stands_on_a_tree_harvests_every_51_steps():
    world = seat(make(), (1, 2, "E"), (2, 7, "N"))
    got, ripe = [], []
    for step in range(1, 105):
        before = of(world, "inventory")[0][0]
        act(world, "noop", "noop")
        if of(world, "inventory")[0][0] > before:
            got.append(step)
        if world.grid[0, 1, 2, world.codes.layer[Kind.APPLE_TREE]] == Kind.APPLE_TREE:
            ripe.append(step)
    assert got == [1, 52, 103]  # it stood there at the start
    assert ripe == [51, 102]


def test_the_other_fruit_comes_with_probability_4_percent_a_step():
    n, steps = 300, 6
    world = seat(make(n_worlds=n), (1, 3, "E"), (1, 2, "E"))
    tries = got = 0
    for _ in range(steps):
        before = world.copies.state["inventory"].copy()
        act(world, "noop", "noop")
        for agent, fruit in ((0, 1), (1, 0)):
            ready = before[:, agent, fruit] == 0
            tries += ready.sum()
            got += (world.copies.state["inventory"][ready, agent, fruit] == 2).sum()
    assert share_ok(got, tries, 0.04)


def test_tired_storyboard():
    # Seven are left. The second move costs one, and six is yellow: two steps of rest after each move from there on.
    world = state(seat(make(), (2, 1, "E"), (2, 8, "N")), "stamina", 7)
    steps = []
    for step in range(24, 32):
        before = world.pos[0, 0].tolist()
        act(world, "forward", "noop")
        if world.pos[0, 0].tolist() != before:
            steps.append(step)
        if step == 25:
            assert of(world, "stamina")[0] == 6
            np.testing.assert_allclose(world.obs["stamina"][0, :, 0], [6 / 18, 1.0])
    assert steps == [24, 25, 28, 31]


def test_red_rests_for_six_steps_and_eating_and_turning_are_rest():
    world = state(seat(make(), (2, 1, "E"), (2, 8, "N")), "stamina", 0)
    moved = []
    for step in range(1, 10):
        before = world.pos[0, 0].tolist()
        act(world, "forward", "noop")
        if world.pos[0, 0].tolist() != before:
            moved.append(step)
    assert moved == [1, 8]
    world = state(seat(make(), (2, 1, "E"), (2, 8, "N")), "stamina", 5, 5)
    act(world, "turn_left", "eat_apple")
    act(world, "turn_left", offer(-1, 1))
    assert of(world, "stamina") == [7, 7]


def test_a_bar_tells_of_12_or_less():
    world = state(seat(make(), (2, 1, "E"), (2, 8, "N")), "stamina", 12, 11)
    act(world, "noop", "noop")
    layer = world.codes.layer[Kind.BAR_0]
    assert (world.grid[0, 2, 1, layer], world.grid[0, 2, 8, layer]) == (0, Kind.BAR_12)


def test_hunger_storyboard():
    world = seat(make(), (2, 1, "E"), (2, 8, "N"))
    for _ in range(49):
        act(world, "noop", "noop")
    np.testing.assert_allclose(world.obs["hunger"][0, :, 0], 49 / 50)
    for _ in range(3):  # from 50 on a step costs one, and rest gives it back
        act(world, "forward", "noop")
    # Of three moves in steps 50 to 52 the second costs one: 18 - 3 - 1. The other: 17 and back to 18 each time.
    assert of(world, "stamina") == [14, 18]
    for _ in range(48):
        act(world, "noop", "noop")
    np.testing.assert_allclose(world.obs["hunger"][0, :, 0], 2.0)  # step 100, not clipped
    state(world, "inventory", [1, 0], [0, 0])
    act(world, "eat_apple", "noop")
    np.testing.assert_allclose(world.obs["hunger"][0, :, 0], [0.0, 101 / 50])


def test_water_costs_the_step_begun_on_it():
    world = state(seat(make(), (1, 4, "E"), (2, 8, "N")), "stamina", 16, 16)
    left = []
    for action in ("forward", "noop", "forward", "forward", "noop"):
        act(world, action, "noop")
        left.append(of(world, "stamina")[0])
    # Into the water 16; rest +1 and water -1; a second move -1, water -1: 14; out of it, water -1: 13; rest: 14.
    assert left == [16, 16, 14, 13, 14]


def test_no_rest_on_a_tree_picked_or_not():
    world = state(seat(make(), (1, 1, "E"), (2, 8, "N")), "stamina", 10)
    left = []
    for action in ("forward", "noop", "noop", "step_right", "noop"):
        act(world, action, "noop")
        left.append(of(world, "stamina")[0])
    assert left == [10, 10, 10, 9, 10]  # the second move of two costs one


def traders(*inventories, distance=3, **settings):
    world = make(n_agents=len(inventories), **settings)
    places = [(2, 1, "E"), (2, 1 + distance, "W"), (1, 1, "N"), (1, 4, "N")][: len(inventories)]
    return state(seat(world, *places), "inventory", *inventories)


def test_trade_storyboard():
    world = traders([2, 0], [0, 2])
    act(world, offer(-1, 1), "noop")
    assert of(world, "inventory") == [[2, 0], [0, 2]]
    assert world.obs["my_offer"][0].tolist() == [[-1, 1], [0, 0]]
    assert world.obs["offers"][0, 1, :4].tolist() == [-1, 1, 0, 0]
    world.note_events()
    act(world, "noop", offer(1, -2))
    assert of(world, "inventory") == [[1, 1], [1, 1]]  # the second would have given two for one; one was asked
    assert of(world, "offer") == [[0, 0], [0, 0]]
    trades = [event for event in world.happened() if event.what == "trade"]
    told = {(e.agent, e.whom): (e.apples, e.bananas, e.offered_apples, e.offered_bananas) for e in trades}
    assert told == {(0, 1): (-1, 1, -1, 1), (1, 0): (1, -1, 1, -2)}
    assert world.event_counts[0, :, world.events.index("trades")].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("first", "second", "swap"),
    [
        ((-1, 1), (1, -1), True),
        ((-3, 1), (2, -2), True),  # two apples for one banana
        ((-1, 2), (1, -1), False),  # asks two bananas of one who gives one
        ((-1, 1), (2, -3), False),
        ((-1, 1), (-1, 1), False),
        ((2, -1), (-3, 1), True),
    ],
)
def test_offers_meet_where_each_gives_what_the_other_wants(first, second, swap):
    world = traders([5, 5], [5, 5])
    act(world, offer(*first), offer(*second))
    changed = [[max(first[f], 0) - max(second[f], 0) for f in (0, 1)] if swap else [0, 0]][0]
    assert of(world, "inventory") == [[5 + changed[0], 5 + changed[1]], [5 - changed[0], 5 - changed[1]]]
    assert of(world, "offer") == ([[0, 0], [0, 0]] if swap else [list(first), list(second)])


def test_an_offer_stands_while_the_inventory_covers_it_and_nobody_is_too_far():
    world = traders([0, 0], [0, 1])
    act(world, offer(-1, 1), offer(1, -1))
    assert world.obs["my_offer"][0].tolist() == [[0, 0], [1, -1]]
    assert world.obs["offers"][0, 1].tolist() == [0.0] * 102
    state(world, "inventory", [1, 0])
    act(world, "noop", "noop")  # it stood all along, and now counts
    assert of(world, "inventory") == [[0, 1], [1, 0]]
    for distance, swap in ((4, True), (5, False)):
        world = traders([1, 0], [0, 1], distance=distance)
        act(world, offer(-1, 1), offer(1, -1))
        assert (of(world, "inventory") == [[0, 1], [1, 0]]) is swap
    world = traders([1, 0], [0, 1], distance=5)
    act(world, offer(-1, 1), offer(1, -1))
    act(world, "forward", "noop")  # comes near: they trade from where they stand at the end of the step before
    assert of(world, "inventory") == [[1, 0], [0, 1]]
    act(world, "noop", "noop")
    assert of(world, "inventory") == [[0, 1], [1, 0]]


@pytest.mark.parametrize(("place", "near"), [((5, 1, "N"), True), ((4, 3, "N"), True), ((4, 4, "N"), False)])
def test_near_is_within_four_cells_as_the_crow_flies(place, near):
    """Four rows are 4, three rows and two columns 3.6, three and three 4.2."""
    plaza = "WWWWWW\nWP   W\nW    W\nW    W\nW    W\nWP   W\nWWWWWW"
    world = state(seat(make(plaza), (1, 1, "E"), place), "inventory", [1, 0], [0, 1])
    act(world, offer(-1, 1), "noop")
    assert world.obs["offers"][0, 1, :2].tolist() == ([-1, 1] if near else [0, 0])
    act(world, "noop", offer(1, -1))
    assert of(world, "inventory") == ([[0, 1], [1, 0]] if near else [[1, 0], [0, 1]])


def test_offers_are_cancelled_and_replaced():
    world = traders([1, 0], [0, 1])
    act(world, offer(-1, 1), "noop")
    act(world, "cancel_offer", offer(1, -1))
    assert of(world, "inventory") == [[1, 0], [0, 1]]
    act(world, offer(-1, 2), "noop")
    act(world, offer(-1, 1), "noop")
    assert of(world, "inventory") == [[0, 1], [1, 0]]


def test_a_better_offer_shuts_out_a_worse_one_but_not_one_that_is_only_other():
    # 0 gives an apple for a banana; 1 gives one banana, 2 gives two: with two at hand 0 always takes the second.
    world = traders([1, 0], [0, 3], [0, 3], n_worlds=40)
    act(world, offer(-1, 1), offer(1, -1), offer(1, -2))
    assert (world.copies.state["inventory"] == [[0, 1], [0, 3], [1, 2]]).all()
    # 2 now gives two for two, which is neither better nor worse; but 0 has no two apples to want: only 1 fits.
    world = traders([1, 0], [0, 3], [0, 3], n_worlds=40)
    act(world, offer(-1, 1), offer(1, -1), offer(2, -2))
    assert (world.copies.state["inventory"] == [[0, 1], [1, 2], [0, 3]]).all()
    # Equally good ones: either, half of the time each.
    world = traders([1, 0], [0, 3], [0, 3], n_worlds=400)
    act(world, offer(-1, 1), offer(1, -1), offer(1, -1))
    assert share_ok((world.copies.state["inventory"][:, 1, 0] == 1).sum(), 400, 0.5)


def test_only_mutual_choices_trade():
    # 2 gives two bananas for an apple. For it 3, who gives two apples, is better than 0, who gives one, though for 0
    # it is the only one: 0 goes without, in whatever order they come.
    world = traders([1, 0], [0, 0], [0, 2], [2, 0], n_worlds=40)
    act(world, offer(-1, 1), "noop", offer(1, -2), offer(-2, 1))
    assert (world.copies.state["inventory"] == [[1, 0], [0, 0], [1, 1], [1, 1]]).all()


def test_holding_shoving_and_pulling():
    world = seat(make(), (2, 3, "E"), (2, 5, "N"))
    world.note_events()
    act(world, "pull", "noop")
    assert world.pos[0, 1].tolist() == [2, 4]
    assert world.obs["ready_to_shoot"][0, :, 0].tolist() == [1, 0]
    act(world, "forward", "forward")
    assert world.pos[0].tolist() == [[2, 3], [2, 4]]
    act(world, "shove", "noop")
    assert world.pos[0, 1].tolist() == [2, 5]
    held = [(event.agent, event.whom, event.push) for event in world.happened() if event.what == "hold"]
    assert held == [(0, 1, -1), (0, 1, 1)]


def test_the_episode_lasts_1000_steps():
    world = make(max_steps=7)
    for _ in range(6):
        act(world, "noop", "noop")
        assert not world.info["ended"].any()
    _, _, terminated, truncated, _ = world.step([[0, 0]])
    assert truncated.all()
    assert not terminated.any()
