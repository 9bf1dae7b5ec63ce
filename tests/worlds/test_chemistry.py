"""Chemistry: who tries, what it takes, what becomes of it and when, who is paid, and carrying things about."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.testing import check_world
from sorrelsim.worlds.chemistry import GRAPH, LAST, MOLECULES, ROWS, Chemistry, Kind, graph

FIELD = "~~~~~~~\n" * 5
FAR = (4, 6, "W")


def rates(**tries):
    """Nobody tries but those named: (lying, carried) probabilities."""
    return [tries.get(name, (0.0, 0.0)) for name in MOLECULES]


def make(map=FIELD, n_agents=1, *, tries=None, **settings):
    tried = {"rates": rates(**tries)} if tries is not None else {}
    return sorrelsim.make("chemistry", map=map, n_agents=n_agents, compiled=False, **tried, **settings)


def board(*cells):
    """A field with molecules: (row, col, glyph)."""
    lines = [list(line) for line in FIELD.splitlines()]
    for row, col, glyph in cells:
        lines[row][col] = glyph
    return "\n".join("".join(line) for line in lines) + "\n"


def carry(world, i, name):
    world.copies.state["carried"][:, i] = MOLECULES.index(name)
    return world


def carried(world, i=0, copy=0):
    number = world.copies.state["carried"][copy, i]
    return "white" if number == Kind.WHITE else MOLECULES[number]


def lying(world, copy=0):
    """What lies where, by cell."""
    layer = world.grid[copy, ..., world.codes.layers.index("object")]
    names = [*MOLECULES, "white"]
    return {tuple(cell): names[layer[tuple(cell)]] for cell in np.argwhere(layer).tolist()}


def counted(world, agent=0):
    return {name: float(n) for name, n in zip(world.events, world.event_counts[0, agent], strict=True) if n}


def test_keeps_the_contract():
    check_world("chemistry", compiled=False, steps=20)


@pytest.mark.parametrize(
    ("name", "z", "x"),
    [
        ("two_cycles", 0, 0),
        ("three_cycles", 3, 0),
        ("two_cycles_distractors", 0, 4),
        ("three_cycles_distractors", 3, 10),
    ],
)
def test_maps_have_their_contents(name, z, x):
    world = sorrelsim.make("chemistry", preset=name, compiled=False)
    assert (world.width, world.height, world.n_agents, world.n_actions) == (25, 14, 8, 8)
    laid = list(lying(world).values())
    assert len(laid) == 12 + 7 + z + x
    assert laid.count("energy") == 7
    assert laid.count("distractor") == x
    assert all(laid.count(f"{a}{b}") == 2 for a in "abc" for b in "xy")
    assert len(world.map.sites["spawns"]) == 25 * 14  # agents start anywhere
    start = {"ax": [(11, 0), (9, 11)], "bx": [(11, 2), (7, 12)], "cx": [(8, 1), (7, 10)]}
    start |= {"ay": [(21, 4), (0, 6)], "by": [(23, 6), (1, 8)], "cy": [(3, 6), (20, 6)]}
    start |= {"energy": [(col, 6) for col in range(8, 15)]}
    start |= {"az": [(20, 11)], "bz": [(22, 13)], "cz": [(24, 11)]} if z else {}
    distractors = {4: [(2, 1), (19, 2), (2, 11), (21, 11)]}
    distractors[10] = [(13, 0), (21, 1), (2, 2), (7, 4), (18, 5), (3, 7), (13, 8), (19, 9), (1, 11), (13, 13)]
    start |= {"distractor": distractors[x]} if x else {}
    assert lying(world) == {(row, col): name for name, cells in start.items() for col, row in cells}


def test_default_numbers():
    params = make().copies.params
    often, carried_often, rare = [0.9, 0.9], [0.001, 0.25], [0.005, 0.0025]
    cycles = [f"{a}{x}" for x in "xyz" for a in "abc"]
    expected = {"empty": [1e-5, 0.0], "energy": rare, **dict.fromkeys([*cycles, "ix", "iy"], often)}
    expected |= dict.fromkeys(["x", "y", "food1", "food2", "food3", "distractor"], carried_often)
    assert dict(zip(MOLECULES, params["rates"][0].tolist(), strict=True)) == expected
    numbers = {name: params[name][0].item() for name in ("rest", "io_cooldown", "io_rest", "max_steps")}
    assert numbers == {"rest": 2, "io_cooldown": 2, "io_rest": 3, "max_steps": 1000}


def test_carried_food_reacts_then_holds_its_carrier_for_a_step_and_pays_in_the_one_after():
    """What is there from the start tries from step 2 on: it reacts in 2, stuck in 3, +1 in 4."""
    world = carry(seat(make(tries={"food1": (0.0, 1.0)}), (2, 1, "E")), 0, "food1")
    told = []
    for _ in range(5):
        reward = act(world, "forward")[0]
        told.append((carried(world), int(world.pos[0, 0, 1]), reward))
    assert told == [("food1", 2, 0), ("white", 3, 0), ("empty", 3, 0), ("empty", 4, 1), ("empty", 5, 0)]
    assert counted(world) == {"reactions": 1, "metabolize_food1": 1}


def test_what_lies_there_goes_before_what_is_carried_and_pays_nobody():
    world = carry(seat(make(board((2, 2, "F")), tries={"food1": (0.0, 1.0)}), (2, 1, "E")), 0, "food1")
    rewards = [act(world, "noop")[0] for _ in range(2)]
    assert lying(world) == {(2, 2): "white"}
    assert carried(world) == "food1"
    world.copies.params["rates"][:] = 0
    rewards += [act(world, "noop")[0] for _ in range(4)]
    assert rewards == [0] * 6
    assert lying(world) == {}
    assert counted(world) == {"reactions": 1}


def test_x_in_the_hand_and_y_beside_become_energy_both_for_10():
    world = carry(seat(make(board((2, 2, "Y")), tries={"x": (0.0, 1.0)}), (2, 1, "E")), 0, "x")
    rewards = [act(world, "noop")[0] for _ in range(4)]
    assert rewards == [0, 0, 0, 10]
    assert carried(world) == "energy"
    assert lying(world) == {(2, 2): "energy"}


def test_both_who_carry_a_reactant_are_paid_whoever_set_it_off():
    world = seat(make(n_agents=2, tries={"y": (0.0, 1.0)}), (2, 1, "E"), (1, 1, "E"))
    carry(carry(world, 0, "x"), 1, "y")
    rewards = [act(world, "noop", "noop") for _ in range(4)]
    assert rewards == [[0, 0]] * 3 + [[10, 10]]


def test_distractors_pay_a_tenth_in_gaps_of_6_on_average():
    """White in t, back in t + 1, and it tries from t + 3 on with 1/4: 3 and then 3 on average."""
    n, steps = 30, 200
    world = carry(seat(make(n_worlds=n, seed=1), (2, 1, "E")), 0, "distractor")
    total = sum(act(world, "noop") and world.reward.sum() for _ in range(steps))
    # A gap has variance (3/4) / (1/4)^2 = 12, so s steps hold s / 6 gaps within sqrt(12 s / 6^3); one may be cut off.
    expected = n * steps / 6
    assert abs(total / 0.1 - expected) < 4 * np.sqrt(12 * n * steps / 6**3) + n


CASES = {  # what lies round (2, 3), who tries there, and what is to be seen two steps later
    "r1x": ({(2, 3): "a", (2, 2): "b"}, "ax", {"bx", "cx", "food1"}),
    "r1y": ({(2, 3): "1", (2, 2): "2"}, "ay", {"by", "cy", "food2"}),
    "r1z": ({(2, 3): "4", (2, 2): "5"}, "az", {"bz", "cz", "food3"}),
    "r2y": ({(2, 3): "2", (2, 2): "3", (1, 3): "h"}, "by", {"cy", "ay", "energy"}),
    "r2x": ({(2, 3): "b", (2, 2): "c", (1, 3): "h"}, "bx", {"cx", "ax", "energy"}),
    "r2z": ({(2, 3): "5", (2, 2): "6", (1, 3): "h"}, "bz", {"cz", "az"}),
    "r3x": ({(2, 3): "c", (2, 2): "a"}, "cx", {"ax", "bx", "x", "iy"}),
    "r3y": ({(2, 3): "3", (2, 2): "1"}, "cy", {"ay", "by", "y", "ix"}),
    "r3z": ({(2, 3): "6", (2, 2): "4"}, "cz", {"az", "bz", "food1", "food2"}),
    "decay_x": ({(2, 3): "X", (2, 2): "i"}, "x", set()),
    "decay_y": ({(2, 3): "Y", (2, 2): "j"}, "y", set()),
    "decay_ix": ({(2, 3): "i", (2, 2): "i"}, "ix", set()),
    "decay_iy": ({(2, 3): "j", (2, 2): "j"}, "iy", set()),
    "decay_energy": ({(2, 3): "h"}, "energy", set()),
}


@pytest.mark.parametrize("name", CASES)
def test_reactions(name):
    cells, molecule, expected = CASES[name]
    world = seat(make(board(*((*cell, glyph) for cell, glyph in cells.items())), tries={molecule: (1.0, 0.0)}), FAR)
    act(world, "noop")
    before = lying(world)
    act(world, "noop")
    whites = {cell for cell, what in lying(world).items() if what == "white"}
    assert set(before) <= whites
    assert len(whites) == sum(number >= 0 for number in GRAPH["reactants"][GRAPH["events"].index(name) - 1])
    act(world, "noop")
    assert set(lying(world).values()) == expected
    # Each reactant has become the product of its place.
    if name == "r1x":
        assert (lying(world)[2, 3], lying(world)[2, 2]) == ("bx", "cx")


def test_reactants_are_within_one_cell_and_none_is_used_twice():
    for far in ((2, 5), (1, 2), (4, 3)):  # two cells off, and one off at a corner
        world = seat(make(board((2, 3, "j"), (*far, "j")), tries={"iy": (1.0, 0.0)}), FAR)
        for _ in range(4):
            act(world, "noop")
        assert len(lying(world)) == 2
    world = seat(make(board((2, 2, "j"), (2, 3, "j"), (2, 4, "j")), tries={"iy": (1.0, 0.0)}), FAR)
    act(world, "noop")
    act(world, "noop")
    assert sorted(lying(world).values()) == ["iy", "white", "white"]


def test_one_that_tries_need_not_take_part_itself():
    """The carried x tries; with y beside it, it is the lying x that goes into energy with it."""
    world = carry(seat(make(board((2, 2, "Y"), (1, 1, "X")), tries={"x": (0.0, 1.0)}), (2, 1, "E")), 0, "x")
    rewards = [act(world, "noop")[0] for _ in range(3)]
    assert lying(world) == {(2, 2): "energy", (1, 1): "energy"}
    assert carried(world) == "x"
    assert rewards == [0, 0, 0]


def test_of_what_is_possible_any_reaction_and_any_reactant_is_as_likely():
    n = 600
    # c with a, b and carried energy beside: r3x takes c, a and the two bare cells, r2x b, c and the energy.
    world = make(board((2, 3, "c"), (2, 2, "a"), (2, 4, "b")), n_worlds=n, seed=3, tries={"cx": (1.0, 0.0)})
    carry(seat(world, (1, 3, "N")), 0, "energy")
    act(world, "noop")
    act(world, "noop")
    layer = world.grid[..., world.codes.layers.index("object")]
    assert share_ok((world.copies.state["carried"][:, 0] == Kind.WHITE).sum(), n, 0.5)
    assert ((layer[:, 3, 3] == Kind.WHITE) != (layer[:, 2, 4] == Kind.WHITE)).all()
    # y with three x about: each is taken by a third.
    world = make(board((2, 3, "Y"), (2, 2, "X"), (2, 4, "X"), (1, 3, "X")), n_worlds=n, seed=3, tries={"y": (1.0, 0.0)})
    seat(world, FAR)
    act(world, "noop")
    act(world, "noop")
    layer = world.grid[..., world.codes.layers.index("object")]
    for cell in ((2, 2), (2, 4), (1, 3)):
        assert share_ok((layer[:, cell[0], cell[1]] == Kind.WHITE).sum(), n, 1 / 3)


def test_molecules_try_with_their_rates_and_rest_first():
    n = 1500
    world = seat(make(board((2, 3, "F")), n_worlds=n, seed=5), FAR)
    carry(world, 0, "food2")
    act(world, "noop")
    assert (world.grid[:, 2, 3, 0] == Kind.FOOD1).all()  # in step 1 nothing tries
    act(world, "noop")
    assert share_ok((world.grid[:, 2, 3, 0] == Kind.WHITE).sum(), n, 0.001)
    assert share_ok((world.copies.state["carried"][:, 0] == Kind.WHITE).sum(), n, 0.25)


def test_food_appears_on_bare_cells():
    n, steps = 50, 60
    world = seat(make(n_worlds=n, seed=6, tries={"empty": (0.01, 0.0)}), FAR)
    for _ in range(steps):
        act(world, "noop")
    seen = [what for copy in range(n) for what in lying(world, copy).values() if what != "white"]
    assert set(seen) == {"food1", "food2"}
    # Each of 35 cells fills with 0.01 a step from step 2 on: a share of 1 - 0.99^59 tried, but for those that were
    # taken as the empty cell of a neighbour's try, which only shifts where it appears.
    assert abs(len(seen) / (35 * n) - (1 - 0.99**59)) < 0.08
    assert share_ok(seen.count("food1"), len(seen), 0.5)


def test_io_swaps_what_is_carried_with_what_lies_there_every_third_step():
    world = seat(make(board((2, 1, "F")), tries={}), (2, 1, "E"))
    act(world, "noop")
    told = []
    for _ in range(7):
        act(world, "io")
        told.append((carried(world), lying(world).get((2, 1), "empty")))
    assert told == [("food1", "empty")] * 3 + [("empty", "food1")] * 3 + [("food1", "empty")]
    hand = world.codes.layers.index("hand")
    assert world.grid[0, 2, 1, hand] == Kind.HELD_FOOD1
    act(world, "forward")
    assert world.grid[0, 2, :3, hand].tolist() == [0, 0, Kind.HELD_FOOD1]


def test_io_is_in_vain_in_step_1_and_where_something_changed_less_than_3_steps_ago():
    world = seat(make(board((2, 1, "F")), tries={}), (2, 1, "E"))
    act(world, "io")
    assert carried(world) == "empty"
    world = seat(make(board((2, 1, "F")), tries={}, io_cooldown=0), (2, 1, "E"))
    act(world, "noop")
    told = []
    for _ in range(5):
        act(world, "io")
        told.append(carried(world))
    assert told == ["food1"] * 3 + ["empty"] * 2  # taken in 2, given back in 5


def test_io_is_in_vain_while_either_reacts():
    world = carry(seat(make(tries={"food1": (0.0, 1.0)}), (2, 1, "E")), 0, "food1")
    act(world, "noop")
    act(world, "io")  # it reacts in this step, before
    assert carried(world) == "white"
    assert lying(world) == {}
    world = seat(make(board((2, 1, "F")), tries={"food1": (1.0, 0.0)}, io_cooldown=0), (2, 1, "E"))
    act(world, "noop")
    for _ in range(2):
        act(world, "io")
        assert carried(world) == "empty"


@pytest.mark.parametrize("action", ["turn_left", "io"])
def test_who_holds_what_is_white_neither_turns_nor_swaps(action):
    """White at the end of step 2; in 3 the food is gone, and only then can it turn."""
    world = carry(seat(make(board((2, 1, "h")), tries={"food1": (0.0, 1.0)}), (2, 1, "E")), 0, "food1")
    told = []
    for name in ("noop", "noop", action, "noop" if action == "io" else action):
        act(world, name)
        told.append((carried(world), lying(world)[2, 1], int(world.facing[0, 0])))
    assert told[1:3] == [("white", "energy", 1), ("empty", "energy", 1)]
    assert told[3] == ("empty", "energy", 1 if action == "io" else 0)


def test_what_was_made_or_laid_tries_from_two_steps_later_on():
    """Distractor: white in 2, back in 3, tries in 5, so white again in 5 and 8."""
    world = seat(make(board((2, 3, "x")), tries={"distractor": (1.0, 0.0)}), FAR)
    white = []
    for step in range(1, 10):
        act(world, "noop")
        if lying(world)[2, 3] == "white":
            white.append(step)
    assert white == [2, 5, 8]


def test_reactions_of_ones_own_are_a_text():
    world = make(board((2, 3, "a")), **{k: v for k, v in graph("burn: ax > energy pays 3").items() if k != "events"})
    world.copies.params["rates"][:, MOLECULES.index("ax")] = 1.0
    seat(carry(world, 0, "ax"), (2, 5, "E"))
    rewards = [act(world, "noop")[0] for _ in range(4)]
    assert rewards == [0, 0, 0, 3]
    assert lying(world) == {(2, 3): "energy"}

    class Burning(Chemistry):
        presets = {"burning": {"map": "two_cycles", **graph("burn: ax > energy pays 3")}}

    world = Burning(1, 0, preset="burning", compiled=False)
    assert world.events == ("reactions", "burn")
    assert world.copies.params["pays"][0].tolist() == [3.0] + [0.0] * (ROWS - 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("burn: ash > ax", "no molecules are .'ash'.; allowed: empty, ax,"),
        ("burn: ax > ax bx", "write NAME: A B > C D pays 1"),
        ("ax > bx", "write NAME"),
        ("burn: ax > bx\nburn: bx > ax", "'burn: bx > ax': write NAME"),
        ("\n".join(f"r{k}: ax > bx" for k in range(ROWS + 1)), "33 reactions; allowed: at most 32"),
    ],
)
def test_what_is_no_reaction_is_said(line, message):
    with pytest.raises(ValueError, match=message):
        graph(line)


def test_the_table_of_reactions():
    assert len(GRAPH["events"]) == 22  # 21, and their sum
    assert LAST == 18
    by_name = dict(zip(GRAPH["events"][1:], GRAPH["reactants"], strict=False))
    names = [MOLECULES[number] for number in by_name["r3x"]]
    assert names == ["cx", "ax", "empty", "empty"]
    assert [pay for pay in GRAPH["pays"] if pay] == [1, 1, 10, 10, 0.1]
