"""Level-based foraging: who gets food and what it pays, where food is laid, and how the scripted players forage."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.experiments.mixtures import mix, play_mixture, stage_of
from sorrelsim.experiments.players import player_of
from sorrelsim.testing import check_model, check_world
from sorrelsim.worlds.level_based_foraging import Kind

FIELD = """
PPPPPP
PP3PPP
PPPPPP
PPPPPP
"""


def make(levels=(1, 2), map=FIELD, **settings):
    """A field with nothing but the food of the map, and agents of given levels."""
    settings = {"n_food": 0, "n_agents": len(levels), "compiled": False} | settings
    world = sorrelsim.make("level_based_foraging", map=map, **settings)
    world.copies.state["level"][:] = levels
    return world


def place(world, *cells):
    """Agents on cells, with their badges."""
    world.grid[..., world.codes.layer[Kind.LEVEL_1]] = 0
    return seat(world, *((*cell, "N") for cell in cells))


def socialjax(levels, map=FIELD, **settings):
    rules = {"normalized": False, "failed_value": -0.1, "lots": True, "max_steps": 100}
    return make(levels, map, **rules | settings)


def food_of(world, copy=0):
    """Level by cell."""
    things = world.grid[copy, ..., world.codes.layer[Kind.FOOD_1]].astype(int)
    return {(r, c): things[r, c] - Kind.WALL for r, c in np.argwhere(things >= Kind.FOOD_1).tolist()}


def test_keeps_the_contract():
    check_world("level_based_foraging", compiled=False, steps=60)


def test_the_default_numbers_and_names():
    world = sorrelsim.make("level_based_foraging", compiled=False)
    assert (world.height, world.width, world.n_agents, world.window.forward) == (8, 8, 2, 8)
    assert world.action_names == ("noop", "up", "down", "left", "right", "load")
    numbers = {name: values[0].item() for name, values in world.copies.params.items()}
    assert numbers == {
        "max_level": 2, "max_food_level": 0, "coop": False, "n_food": 3, "apart": True, "tries": 1000,
        "normalized": True, "failed_value": 0.0, "lots": False, "max_steps": 50,
    }  # fmt: skip


def test_together_they_share_by_level_and_the_last_food_ends_the_episode():
    # The food of level 3 at (1, 2) needs 1 + 2; of an all of 3 it is all, so 1/3 and 2/3.
    world = place(make(), (1, 1), (0, 2))
    world.note_events()
    assert act(world, "load", "load") == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert world.terminated.all()
    assert world.info["episode_events"][0].tolist() == [[1, 0], [1, 0]]
    noted = [(each.agent, each.whom, each.food) for each in world.happened() if each.what == "loaded_with"]
    assert noted == [(0, 1, 3.0), (1, 0, 3.0)]
    assert act(place(socialjax((1, 2)), (1, 1), (0, 2)), "load", "load") == [1.0, 2.0]


def test_pay_is_a_share_of_all_the_food_of_the_episode():
    # Food of 3, 1 and 4: 8 in all. Agent 1, level 2, takes the 1 alone: 2 * 1 / (2 * 8); together they take the 3.
    world = place(make(map="PPPPPP\nPP3P1P\nPPPPPP\nPPP4PP\n"), (1, 1), (1, 3))
    # Beside two, it loads the first of above, below, left, right: that on its left, for which it is too weak.
    assert act(world, "noop", "load") == [0.0, 0.0]
    assert world.event_counts[0, 1].tolist() == [0, 1]
    assert act(world, "load", "load") == [pytest.approx(1 / 8), pytest.approx(2 / 8)]
    assert act(world, "noop", "load") == [0.0, pytest.approx(1 / 8)]
    assert food_of(world) == {(3, 3): 4}
    assert not world.terminated.any()


def test_too_weak_alone():
    for made, reward in ((make, 0.0), (socialjax, -0.1)):
        world = place(made((1, 2)), (1, 1), (3, 5))
        assert act(world, "load", "noop") == [reward, 0.0]
        assert world.event_counts[0, 0].tolist() == [0, 1]
        assert food_of(world) == {(1, 2): 3}


def test_loading_where_no_food_is_does_nothing():
    world = place(socialjax((1, 2)), (0, 1), (3, 5))
    assert act(world, "load", "load") == [0.0, 0.0]
    assert world.event_counts.sum() == 0


def test_only_those_share_who_load_in_this_step_and_stand_straight_beside():
    world = place(make((2, 2, 3), max_level=3), (1, 1), (0, 2), (0, 3))
    # Agent 2 stands at a corner of the food, so 0 and 1 load it: 2 * 3 / (4 * 3) each.
    assert act(world, "load", "load", "load") == [0.5, 0.5, 0.0]
    world = place(make((2, 2, 3), max_level=3), (1, 1), (0, 2), (1, 3))
    assert act(world, "noop", "load", "load") == [0.0, pytest.approx(2 / 5), pytest.approx(3 / 5)]


def test_moves_come_before_loads_and_food_is_in_the_way():
    world = place(make((3, 3), max_level=3), (1, 1), (0, 1))
    assert act(world, "right", "right") == [0.0, 0.0]
    assert world.pos[0].tolist() == [[1, 1], [0, 2]]
    assert act(world, "noop", "load") == [0.0, 1.0]


def test_a_cell_that_two_head_for_stays_empty_and_two_may_swap():
    world = place(make(), (0, 0), (0, 2))
    act(world, "right", "left")
    assert world.pos[0].tolist() == [[0, 0], [0, 2]]
    place(world, (0, 0), (0, 1))
    act(world, "right", "noop")
    assert world.pos[0].tolist() == [[0, 0], [0, 1]]
    act(world, "right", "left")
    assert world.pos[0].tolist() == [[0, 1], [0, 0]]
    act(world, "right", "right")  # agent 1 follows
    assert world.pos[0].tolist() == [[0, 2], [0, 1]]


def test_in_socialjax_one_of_two_gets_the_cell_and_nobody_swaps():
    n = 300
    world = place(socialjax((1, 2), n_worlds=n), (0, 0), (0, 2))
    act(world, "right", "left")
    winners = world.occupant[:, 0, 1]
    assert set(winners) == {0, 1}
    assert share_ok((winners == 0).sum(), n, 0.5)
    place(world, (0, 0), (0, 1))
    act(world, "right", "left")
    assert (world.pos == [[[0, 0], [0, 1]]]).all()


def test_badges_go_with_agents():
    world = place(make((1, 2)), (0, 0), (3, 3))
    act(world, "down", "right")
    badges = world.grid[0, ..., world.codes.layer[Kind.LEVEL_1]]
    assert {(r, c): int(badges[r, c]) for r, c in np.argwhere(badges).tolist()} == {
        (1, 0): Kind.LEVEL_1,
        (3, 4): Kind.LEVEL_2,
    }


def test_time_is_up():
    for made, steps in ((make, 50), (socialjax, 100)):
        world = made((1, 2))
        for _ in range(steps - 1):
            act(world, "noop", "noop")
        assert not world.truncated.any()
        act(world, "noop", "noop")
        assert world.truncated.all()


# ---------------------------------------------------------------------------------------------------------- layout


def test_food_lies_apart_off_the_border_and_not_under_agents():
    n = 200
    world = sorrelsim.make("level_based_foraging", n_worlds=n, preset="10x10-3p-3f", compiled=False)
    cells = np.zeros((10, 10), int)
    for copy in range(n):
        food = food_of(world, copy)
        assert len(food) == 3
        assert not {tuple(cell) for cell in world.pos[copy].tolist()} & set(food)
        for one in food:
            cells[one] += 1
            for other in set(food) - {one}:
                down, right = abs(one[0] - other[0]), abs(one[1] - other[1])
                assert max(down, right) > 1
                assert not (min(down, right) == 0 and max(down, right) == 2)
    assert cells[[0, -1]].sum() == cells[:, [0, -1]].sum() == 0
    # All 64 inner cells are about as likely; corners of the inner field a little more, as they have fewer neighbours.
    assert (cells[1:-1, 1:-1] > 0).all()
    assert cells.max() < 3 * cells.sum() / 64


def test_levels_are_drawn_up_to_the_three_weakest_together():
    n = 150
    world = sorrelsim.make("level_based_foraging", n_worlds=n, preset="15x15-4p-3f", compiled=False)
    levels = world.copies.state["level"]
    assert share_ok((levels == 1).sum(), 4 * n, 0.5)
    assert set(levels.ravel()) == {1, 2}
    shown = []
    for copy in range(n):
        top = int(np.sort(levels[copy])[:3].sum())
        found = food_of(world, copy).values()
        assert all(1 <= level <= top for level in found)
        shown += [level for level in found if top == 4]
    assert all(share_ok(shown.count(level), len(shown), 1 / 4) for level in range(1, 5))


def test_forced_cooperation_needs_the_three_weakest():
    world = sorrelsim.make("level_based_foraging", n_worlds=50, preset="8x8-2p-2f-coop", max_level=3, compiled=False)
    for copy in range(50):
        both = int(world.copies.state["level"][copy].sum())
        assert list(food_of(world, copy).values()) == [both] * 2


def test_every_episode_is_drawn_anew():
    world = sorrelsim.make("level_based_foraging", n_worlds=10, max_steps=1, compiled=False)
    before = [food_of(world, copy) for copy in range(10)]
    world.step(np.zeros((10, 2), int))
    assert [food_of(world, copy) for copy in range(10)] != before


def test_socialjax_tries_four_cells_of_which_few_are_bare():
    n = 1000
    world = sorrelsim.make("level_based_foraging", n_worlds=n, preset="socialjax", compiled=False)
    assert (world.height, world.width, world.n_agents) == (7, 8, 4)
    assert world.obs.shape[2:4] == (8, 8)
    assert (world.obs[:, :, 4, 4, world.codes.agent_layer] == world.codes.self_code).all()
    food = [food_of(world, copy) for copy in range(n)]
    # Of 56 cells 26 are bare: none of four tries finds one with probability (30 / 56)^4 = 0.082.
    none = np.array([not found for found in food])
    assert share_ok(none.sum(), n, (30 / 56) ** 4)
    assert share_ok(sum(len(found) == 4 for found in food), n, 26 * 25 * 24 * 23 / 56**4)
    levels = [level for found in food for level in found.values()]
    assert all(share_ok(levels.count(level), len(levels), 1 / 3) for level in (1, 2, 3))
    world.step(np.zeros((n, 4), int))
    assert np.array_equal(world.terminated.all(axis=tuple(range(1, world.terminated.ndim))), none)


@pytest.mark.parametrize(
    ("preset", "size", "n_agents", "reach"),
    [("2s-8x8-2p-2f-coop", 8, 2, 2), ("15x15-3p-5f", 15, 3, 15), ("2s-15x15-4p-5f", 15, 4, 2)],
)
def test_presets_are_what_their_names_say(preset, size, n_agents, reach):
    world = sorrelsim.make("level_based_foraging", preset=preset, compiled=False)
    assert (world.height, world.width, world.n_agents, world.window.left) == (size, size, n_agents, reach)
    assert len(food_of(world)) == int(preset.split("f")[0][-1])


# --------------------------------------------------------------------------------------------------------- players

WORLD = "level_based_foraging"


@pytest.mark.parametrize("who", ["cooperator", "defector", "nearest"])
def test_players_keep_the_contract(who):
    check_model(f"{WORLD}_{who}", WORLD, steps=12)


def played(*names, changes=()):
    """Mean return of each slot, and events by name, over 20 episodes."""
    stage = stage_of(WORLD, ["compiled=false", *changes])
    seats = [([slot], player_of(f"{WORLD}_{name}")) for slot, name in enumerate(names)]
    found = play_mixture(stage, mix(seats, len(names)), 20, 3).episodes
    return found.returns.mean(0), dict(zip(found.event_names, found.events.mean(0).T, strict=True))


def test_players_find_partners_or_only_what_they_can_load_alone():
    together, events = played("cooperator", "cooperator", changes=["preset=8x8-2p-2f-coop"])
    assert together.sum() > 0.95
    assert events["failed_loads"].sum() == 0
    alone, events = played("defector", "defector", changes=["preset=8x8-2p-2f-coop"])
    assert alone.sum() == 0
    assert events["failed_loads"].sum() == 0
    some, events = played("defector", "defector")
    assert 0.1 < some.sum() < 0.9
    assert events["failed_loads"].sum() == 0
    _, events = played("nearest", "nearest")
    assert events["failed_loads"].sum() > 1
