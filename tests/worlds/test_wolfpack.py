"""Wolfpack: who is paid for a catch, what the prey does, and how the scripted wolves hunt."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.experiments.mixtures import mix, play_mixture, stage_of
from sorrelsim.experiments.players import player_of
from sorrelsim.testing import check_model, check_world
from sorrelsim.worlds.wolfpack import Kind

YARD = """
WWWWWWWWWWWW
WP        PW
W     W   PW
WWWWWWWWWWWW
"""


def make(n_agents=2, prey=None, map=YARD, **settings):
    """A yard where the prey sits still in a cell."""
    settings = {"prey_speed": 0.0, "compiled": False} | settings
    world = sorrelsim.make("wolfpack", map=map, n_agents=n_agents, **settings)
    return world if prey is None else lay(world, *prey)


def lay(world, row, col):
    layer = world.grid[..., world.codes.layer[Kind.PREY]]
    layer[layer == Kind.PREY] = 0
    layer[:, row, col] = Kind.PREY
    world.copies.state["prey"][:] = row, col
    return world


def prey_of(world):
    cells = world.grid[..., world.codes.layer[Kind.PREY]] == Kind.PREY
    return [(row, col) for _, row, col in np.argwhere(cells).tolist()]


def test_keeps_the_contract():
    check_world("wolfpack", compiled=False, steps=60)


def test_the_forest():
    world = sorrelsim.make("wolfpack", compiled=False)
    assert (world.height, world.width, world.n_agents) == (20, 20, 2)
    assert world.obs.shape[2:4] == (16, 21)
    assert world.action_names[-1] == "beam"
    numbers = {name: values[0].item() for name, values in world.copies.params.items()}
    assert numbers == {"team_value": 5.0, "lone_value": 1.0, "radius": 4, "prey_speed": 1.0, "max_steps": 1000}


@pytest.mark.parametrize(
    ("other", "rewards", "near"),
    [
        ((1, 7), [5.0, 5.0], 2),  # three from the prey at (1, 4), the other one from it: both within 4
        ((2, 7), [5.0, 5.0], 2),  # one row and three columns: just within
        ((1, 9), [1.0, 0.0], 1),  # five away
        ((2, 8), [1.0, 0.0], 1),  # one row and four columns
    ],
)
def test_a_catch_pays_the_pack_or_the_catcher(other, rewards, near):
    world = seat(make(prey=(1, 4)), (1, 3, "E"), (*other, "N"))
    world.note_events()
    assert act(world, "forward", "beam") == rewards
    assert world.event_counts[0].tolist() == [[1, near], [0, 0]]
    company = [(each.agent, each.whom, each.distance) for each in world.happened() if each.what == "caught_with"]
    assert company == ([(0, 1, abs(other[0] - 1) + other[1] - 4)] if near == 2 else [])
    assert len(prey_of(world)) == 1  # another one, which is not under a wolf
    assert prey_of(world)[0] not in {(1, 4), other}


def test_of_three_wolves_those_near_are_paid_and_distance_counts_after_the_moves():
    world = seat(make(3, prey=(1, 4)), (1, 5, "W"), (1, 9, "W"), (1, 10, "N"))
    assert act(world, "forward", "forward", "noop") == [5.0, 5.0, 0.0]


def test_beside_it_nothing_is_caught():
    world = seat(make(prey=(1, 4)), (1, 3, "E"), (1, 5, "W"))
    assert act(world, "noop", "beam") == [0.0, 0.0]
    assert prey_of(world) == [(1, 4)]


def test_the_prey_walks_each_way_as_often_and_stays_where_it_cannot():
    n = 800
    # At (1, 6): a wall above and one below, floor on the left, a wolf on the right.
    world = lay(seat(make(n_worlds=n, prey_speed=0.8), (1, 7, "N"), (2, 9, "N")), 1, 6)
    act(world, "noop", "noop")
    places = prey_of(world)
    assert set(places) == {(1, 5), (1, 6)}
    assert share_ok(places.count((1, 5)), n, 0.8 / 4)  # five standard errors: 0.07


def test_another_prey_appears_on_any_free_cell_alike():
    n = 900
    world = seat(make(n_worlds=n, prey=(1, 2)), (1, 1, "E"), (2, 10, "N"))
    act(world, "forward", "noop")
    free = [(1, col) for col in range(1, 11) if col != 2] + [(2, col) for col in range(1, 10) if col != 6]
    places = prey_of(world)
    assert set(places) == set(free)
    assert all(share_ok(places.count(place), n, 1 / len(free)) for place in free)


def test_without_room_there_is_no_prey_until_there_is():
    world = make(n_agents=2, map="WWWWW\nWPP W\nWWWWW\n", prey_speed=1.0)
    seat(world, (1, 1, "E"), (1, 2, "E"))
    lay(world, 1, 3)
    act(world, "noop", "forward")
    assert prey_of(world) == [(1, 2)]
    world = make(n_agents=2, map="WWWWW\nWPPWW\nWWWWW\n")
    assert prey_of(world) == []
    assert act(world, "noop", "noop") == [0.0, 0.0]


# ------------------------------------------------------------------------------------------------------- players


@pytest.mark.parametrize("who", ["cooperator", "defector"])
def test_players_keep_the_contract(who):
    check_model(f"wolfpack_{who}", "wolfpack", steps=12)


def played(*names):
    """Returns by slot, catches and wolves near in all, of a player in each slot."""
    stage = stage_of("wolfpack", ["compiled=false"]).lasting(200)
    seats = [([slot], player_of(f"wolfpack_{name}")) for slot, name in enumerate(names)]
    found = play_mixture(stage, mix(seats, 2), 3, 3).episodes
    return found.returns.mean(0), *found.events.mean(0).sum(axis=0)


def test_who_waits_catches_in_company_and_who_chases_alone():
    returns, catches, near = played("cooperator", "cooperator")
    assert near > 1.8 * catches > 0  # the prey may slip away at the last moment
    assert returns.min() > 4 * catches
    _, chased, company = played("defector", "defector")
    assert chased > catches
    assert company < 2 * chased
    lone, *_ = played("cooperator", "defector")
    assert lone[1] >= lone[0]
