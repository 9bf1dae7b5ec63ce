"""Collaborative Cooking: dispensers, counters, pots, deliveries, whom each serves in a step, and the kitchens."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.collaborative_cooking import DISH, EMPTY, KITCHENS, SOUP, TOMATO, Kind

GALLEY = """
##C##O##
T P  P D
#   P  #
##=#####
"""
NOOP = "noop"
CARRIED = {"t": TOMATO, "d": DISH, "s": SOUP, "-": EMPTY}


def make(hands="-", map=GALLEY, **settings):
    world = sorrelsim.make("collaborative_cooking", map=map, n_agents=len(hands), compiled=False, **settings)
    world.copies.state["held"][:] = [CARRIED[letter] for letter in hands]
    return world


def held(world, copy=0):
    return "".join("-tds"[h] for h in world.copies.state["held"][copy])


def lies(world, row, col, copy=0):
    """The name of the item, or of the look of the pot, in a cell; empty if there is none."""
    kind = world.grid[copy, row, col, world.codes.layers.index("item")]
    return world.codes.names[kind] if kind else ""


def fill(world, n, row=0, col=2):
    world.copies.state["tomatoes"][:, row, col] = n


def test_keeps_the_contract():
    check_world("collaborative_cooking", compiled=False, steps=40)


@pytest.mark.parametrize(
    ("name", "walkable", "counts"),
    [
        # Counts of tomato dispensers, dish dispensers, pots and deliveries.
        ("cramped", 6, (2, 1, 1, 1)), ("asymmetric", 14, (2, 2, 2, 2)), ("circuit", 14, (2, 1, 2, 1)),
        ("forced", 6, (2, 1, 2, 1)), ("ring", 8, (2, 1, 2, 1)), ("crowded", 65, (2, 1, 2, 1)),
        ("figure_eight", 48, (2, 2, 4, 2)),
    ],
)  # fmt: skip
def test_kitchens_have_their_sizes_and_counts(name, walkable, counts):
    world = sorrelsim.make("collaborative_cooking", preset=name, compiled=False)
    sizes = {"crowded": (13, 9), "figure_eight": (16, 9)}
    assert (world.width, world.height) == sizes.get(name, (9, 5))
    assert world.n_agents == KITCHENS[name]
    things = world.grid[0, ..., 0]
    assert (things == 0).sum() == walkable
    kinds = (Kind.TOMATOES, Kind.DISHES, Kind.POT, Kind.DELIVERY)
    assert tuple((things == kind).sum() for kind in kinds) == counts
    assert len(world.map.sites["spawns"]) == (12 if name == "crowded" else world.n_agents)
    assert world.obs.shape == (1, world.n_agents, 5, 5, 3)


@pytest.mark.parametrize("name", KITCHENS)
def test_everything_can_be_used_from_where_agents_start(name):
    """Each kind of thing is beside a walkable cell; only in the forced kitchen not all can be reached by each."""
    world = sorrelsim.make("collaborative_cooking", preset=name, compiled=False)
    things = world.grid[0, ..., 0]
    reached = []
    for spawn in world.map.sites["spawns"]:
        seen, found = {tuple(spawn)}, set()
        todo = [tuple(spawn)]
        while todo:
            row, col = todo.pop()
            for cell in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
                if things[cell] == 0 and cell not in seen:
                    seen.add(cell)
                    todo.append(cell)
                elif things[cell] > Kind.COUNTER:
                    found.add(int(things[cell]))
        reached.append(found)
    everything = {Kind.TOMATOES, Kind.DISHES, Kind.POT, Kind.DELIVERY}
    if name == "forced":
        assert reached == [{Kind.TOMATOES, Kind.DISHES}, {Kind.POT, Kind.DELIVERY}]
    else:
        assert all(found == everything for found in reached)


def test_a_soup_from_the_first_tomato_to_the_delivery():
    # One agent in (1, 2) below the pot (0, 2); its cooldown of 1 is why each interact is followed by another action.
    world = seat(make("t-"), (1, 2, "N"), (2, 5, "N"))
    assert act(world, "interact", NOOP) == [0.0, 0.0]
    assert (held(world), lies(world, 0, 2)) == ("--", "filled_1")
    for n, look in ((2, "filled_2"), (3, "cooking_0")):
        world.copies.state["held"][0, 0] = TOMATO
        act(world, NOOP, NOOP)
        act(world, "interact", NOOP)
        assert (held(world), lies(world, 0, 2), world.copies.state["tomatoes"][0, 0, 2]) == ("--", look, n)
    world.copies.state["held"][0, 0] = DISH
    looks = []
    for _ in range(19):
        act(world, NOOP, NOOP)
        looks.append(lies(world, 0, 2))
    # The bar shows half of the steps since the third tomato, rounded down: 1 step, 2 steps, ... 19 steps.
    assert looks == [f"cooking_{k // 2}" for k in range(1, 20)]
    act(world, "interact", NOOP)  # 20 steps after the third tomato: one too early
    assert (held(world), lies(world, 0, 2)) == ("d-", "cooked")
    act(world, NOOP, NOOP)
    act(world, "interact", NOOP)
    assert (held(world), lies(world, 0, 2), lies(world, 1, 2)) == ("s-", "", "soup")
    for way in ("turn_left", "forward"):
        act(world, way, NOOP)
    assert (lies(world, 1, 1), lies(world, 1, 2)) == ("soup", "")
    assert act(world, "interact", NOOP) == [20.0, 20.0]  # at the delivery in (1, 0)
    assert held(world) == "--"
    assert world.event_counts[0].tolist() == [[3, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(("after", "gets"), [(20, "d"), (21, "s")])
def test_a_dish_takes_the_soup_from_step_21_on(after, gets):
    world = seat(make("td"), (1, 2, "N"), (2, 5, "N"))
    fill(world, 2)
    act(world, "interact", NOOP)
    seat(world, (2, 5, "N"), (1, 2, "N"))
    for _ in range(after - 1):
        act(world, NOOP, NOOP)
    act(world, NOOP, "interact")
    assert held(world) == "-" + gets


def test_a_soup_never_burns():
    world = seat(make("d", cooking_steps=1), (1, 2, "N"))
    fill(world, 3)
    for _ in range(50):
        act(world, NOOP)
    assert lies(world, 0, 2) == "cooked"
    act(world, "interact")
    assert held(world) == "s"


def test_hands_and_pots_are_emptied_in_no_other_way():
    cooked = {"cooking_steps": 1}
    for carried, tomatoes in (("-", 1), ("-", 3), ("t", 3), ("d", 0), ("d", 2), ("s", 0), ("s", 3)):
        world = seat(make(carried, **cooked), (1, 2, "N"))
        fill(world, tomatoes)
        act(world, NOOP)
        act(world, NOOP)
        act(world, "interact")
        assert (held(world), world.copies.state["tomatoes"][0, 0, 2]) == (carried, tomatoes)
    for carried in "td":
        for place in ((1, 1, "W"), (1, 5, "N"), (1, 6, "E")):  # delivery, tomatoes, dishes
            world = seat(make(carried), place)
            assert act(world, "interact") == [0.0]
            assert held(world) == carried
    world = seat(make("-"), (1, 1, "W"))
    assert act(world, "interact") == [0.0]
    assert held(world) == "-"


def test_dispensers_fill_an_empty_hand():
    for place, gets in (((1, 5, "N"), "t"), ((1, 6, "E"), "d")):
        world = seat(make("-"), place)
        act(world, "interact")
        assert held(world) == gets


def test_a_counter_holds_one_item():
    world = seat(make("t"), (2, 2, "S"))  # both # and = are counters
    act(world, "interact")
    assert (held(world), lies(world, 3, 2), lies(world, 2, 2)) == ("-", "tomato", "")
    world.copies.state["held"][0, 0] = DISH
    act(world, NOOP)
    act(world, "interact")  # taken already: nothing happens
    assert (held(world), lies(world, 3, 2)) == ("d", "tomato")
    world.copies.state["held"][0, 0] = EMPTY
    act(world, NOOP)
    act(world, "interact")
    assert (held(world), lies(world, 3, 2), lies(world, 2, 2)) == ("t", "", "tomato")


def test_items_are_carried_along():
    world = seat(make("ts"), (2, 2, "E"), (1, 5, "S"))
    act(world, "forward", "turn_left")
    assert (lies(world, 2, 2), lies(world, 2, 3), lies(world, 1, 5)) == ("", "tomato", "soup")


def test_every_second_step():
    world = seat(make("-"), (2, 2, "S"))  # at an empty counter: idle interacts count too
    served = []
    for _ in range(5):
        act(world, "interact")
        served.append(int(world.copies.state["served"][0, 3, 2]))
    assert served == [1, 1, 3, 3, 5]


def test_a_counter_serves_only_the_first_of_a_step():
    # 0 with empty hands and 1 with a tomato turn to the same empty counter from both sides. If 0 comes first it gets
    # nothing and 1 is not served; otherwise 1 lays the tomato down and 0 is not served: half of the time each.
    aisle = "#######\n#P # P#\n#######\n"
    n = 400
    world = seat(make("-t", aisle, n_worlds=n), (1, 2, "E"), (1, 4, "W"))
    act(world, "interact", "interact")
    laid = [lies(world, 1, 3, copy) == "tomato" for copy in range(n)]
    assert [held(world, copy) for copy in range(n)] == ["--" if done else "-t" for done in laid]
    assert share_ok(sum(laid), n, 0.5)


def test_a_dispenser_serves_only_the_first_of_a_step_and_a_pot_all():
    bar = "#######\n#P O P#\n#P C P#\n#######\n"
    n = 200
    world = seat(make("--", bar, n_worlds=n), (1, 2, "E"), (1, 4, "W"))
    act(world, "interact", "interact")
    hands = [held(world, copy) for copy in range(n)]
    assert set(hands) == {"t-", "-t"}
    assert share_ok(hands.count("t-"), n, 0.5)
    world = seat(make("tt", bar), (2, 2, "E"), (2, 4, "W"))
    act(world, "interact", "interact")
    assert (held(world), lies(world, 2, 3)) == ("--", "filled_2")


def test_a_dispenser_serves_the_first_even_if_that_one_takes_nothing():
    # 0 has its hands full: if it comes first, which it does half of the time, 1 gets nothing.
    bar = "#######\n#P O P#\n#######\n"
    n = 200
    world = seat(make("t-", bar, n_worlds=n), (1, 2, "E"), (1, 4, "W"))
    act(world, "interact", "interact")
    hands = [held(world, copy) for copy in range(n)]
    assert set(hands) == {"t-", "tt"}
    assert share_ok(hands.count("tt"), n, 0.5)


def test_a_pot_is_empty_at_once_and_can_be_filled_in_the_same_step():
    # 0 takes the soup with a dish, 1 comes with a tomato: if it comes later, the tomato goes in; else the pot was full.
    bar = "#######\n#P C P#\n#######\n"
    n = 200
    world = seat(make("dt", bar, n_worlds=n, cooking_steps=1), (1, 2, "E"), (1, 4, "W"))
    fill(world, 3, 1, 3)
    act(world, NOOP, NOOP)
    act(world, "interact", "interact")
    hands = [held(world, copy) for copy in range(n)]
    assert set(hands) == {"s-", "st"}
    assert [lies(world, 1, 3, copy) for copy in range(n)] == ["filled_1" if h == "s-" else "" for h in hands]
    assert share_ok(hands.count("s-"), n, 0.5)


def test_two_deliveries_in_a_step_are_both_paid():
    gate = "#######\n#P T P#\n#######\n"
    world = seat(make("ss", gate), (1, 2, "E"), (1, 4, "W"))
    assert act(world, "interact", "interact") == [40.0, 40.0]
    assert held(world) == "--"


def test_shaping_pays_who_did_it():
    bar = "#######\n#P C P#\n#######\n"
    world = seat(make("td", bar, tomato_value=3, soup_value=5, cooking_steps=1), (1, 2, "E"), (1, 4, "W"))
    fill(world, 2, 1, 3)
    assert act(world, "interact", NOOP) == [3.0, 0.0]
    act(world, NOOP, NOOP)
    assert act(world, NOOP, "interact") == [0.0, 5.0]


def test_who_handed_what_to_whom_is_noted():
    aisle = "#######\n#P # P#\n#######\n"
    world = seat(make("d-", aisle), (1, 2, "E"), (1, 4, "W"))
    world.note_events()
    act(world, "interact", NOOP)
    act(world, NOOP, "interact")
    [note] = world.happened()
    assert (note.what, note.agent, note.whom, note.row, note.col, note.item) == ("handed_over", 0, 1, 1, 3, DISH)
    act(world, NOOP, NOOP)
    act(world, NOOP, "interact")  # back on the counter ...
    act(world, NOOP, NOOP)
    act(world, NOOP, "interact")  # ... and taken by who laid it: nobody else is concerned
    assert (held(world), len(world.happened())) == ("-d", 0)


def test_where_agents_start_is_random():
    world = sorrelsim.make("collaborative_cooking", 200, 0, compiled=False)
    left = (world.pos[:, 0] == [1, 3]).all(1)
    assert share_ok(left.sum(), 200, 0.5)
    assert ((world.pos[:, 0] == [1, 5]).all(1) == ~left).all()


def test_default_numbers():
    world = sorrelsim.make("collaborative_cooking", compiled=False)
    numbers = {name: values[0].item() for name, values in world.copies.params.items()}
    assert numbers == {
        "delivery_value": 20.0, "tomato_value": 0.0, "soup_value": 0.0, "pot_size": 3, "cooking_steps": 20,
        "cooldown": 1, "max_steps": 1000,
    }  # fmt: skip
    assert (world.window.forward, world.window.back, world.window.left, world.window.right) == (3, 1, 2, 2)


@pytest.mark.slow
def test_random_play_agrees_with_the_reference():
    """Melting Pot's cramped kitchen, two random agents, 116 episodes of 1000 steps: mean and its standard error.

    Tomatoes dropped into the pot 2.23 +- .10, soups taken .155 +- .034, delivered .052 +- .021.
    """
    n = 1000
    world = sorrelsim.make("collaborative_cooking", n, 5)
    rng = np.random.default_rng(5)
    for _ in range(1000):
        world.step(rng.integers(world.n_actions, size=(n, 2)))
    counts = world.info["episode_events"].sum(1)
    assert world.info["ended"].all()
    mean, error = counts.mean(0), counts.std(0) / np.sqrt(n)
    expected, its_error = np.array([2.23, 0.155, 0.052]), np.array([0.10, 0.034, 0.021])
    assert (abs(mean - expected) < 3.5 * np.hypot(error, its_error)).all(), (mean, error)
