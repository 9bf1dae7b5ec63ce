"""Gathering: when apples come back, what hits do, and how the scripted players share or fight."""

import numpy as np
import pytest
from boards import act, seat

import sorrelsim
from sorrelsim.experiments.mixtures import mix, play_mixture, stage_of
from sorrelsim.experiments.players import player_of
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model, check_world
from sorrelsim.worlds.gathering import Kind

YARD = """
WWWWWWWW
WP A  PW
WP   W W
WWWWWWWW
"""


def make(n_agents=2, map=YARD, **settings):
    return sorrelsim.make("gathering", map=map, n_agents=n_agents, compiled=False, **settings)


def apple_hangs(world):
    return bool((world.grid[..., world.codes.layer[Kind.APPLE]] == Kind.APPLE).any())


def noops(world, steps):
    for _ in range(steps):
        act(world, *["noop"] * world.n_agents)


def test_keeps_the_contract():
    check_world("gathering", compiled=False, steps=60)


def test_the_field():
    world = sorrelsim.make("gathering", compiled=False)
    assert (world.height, world.width, world.n_agents) == (11, 33, 2)
    assert len(world.map.sites["bush"]) == 13  # a diamond of radius 2
    assert world.obs.shape[2:4] == (16, 21)
    numbers = {name: values[0].item() for name, values in world.copies.params.items()}
    assert numbers == {
        "apple_value": 1.0, "apple_delay": 10, "tagged_steps": 25, "tag_cooldown": 0, "beam_length": 40,
        "max_steps": 1000,
    }  # fmt: skip


def test_an_apple_eaten_in_step_t_is_back_in_step_t_plus_n():
    world = seat(make(apple_delay=3), (1, 2, "E"), (2, 1, "N"))
    noops(world, 1)
    assert act(world, "forward", "noop") == [1.0, 0.0]  # step 2
    assert act(world, "backward", "noop") == [0.0, 0.0]
    assert not apple_hangs(world)
    noops(world, 1)
    assert not apple_hangs(world)
    noops(world, 1)  # step 5
    assert apple_hangs(world)
    assert world.event_counts[0, 0, 0] == 1


def test_who_waits_under_a_bare_branch_eats_every_n_steps():
    world = seat(make(apple_delay=3), (1, 3, "E"), (2, 1, "N"))
    assert [act(world, "noop", "noop")[0] for _ in range(8)] == [1, 0, 0, 1, 0, 0, 1, 0]


def test_the_second_hit_sends_away_however_late_it_comes():
    world = seat(make(tagged_steps=2), (1, 1, "E"), (1, 6, "N"))
    away = []
    for step in range(1, 14):
        act(world, "tag" if step in (3, 9) else "noop", "noop")
        away.append(bool(world.out[0, 1]))
        cross = world.grid[0, ..., world.codes.layer[Kind.HIT]] == Kind.HIT
        assert np.argwhere(cross).tolist() == ([[1, 6]] if 3 <= step < 9 else [])
    # Out from 9 on, for 2 steps beside that of the hit, so back in 12.
    assert away == [9 <= step < 12 for step in range(1, 14)]
    assert world.event_counts[0].tolist() == [[0, 2, 0, 0], [0, 0, 2, 1]]
    # Back on the grid it is unhit: the next hit is a first one.
    seat(world, (1, 1, "E"), (1, 6, "N"))
    act(world, "tag", "noop")
    assert world.out[0].tolist() == [0, 0]


def test_beams_fly_to_the_first_wall_or_agent_and_both_may_land():
    world = seat(make(3), (2, 1, "E"), (2, 3, "W"), (2, 6, "W"))
    act(world, "tag", "noop", "tag")  # agent 2 looks at the wall beside it, and 0 at 1
    assert world.event_counts[0, :, 2].tolist() == [0, 1, 0]
    seat(world, (1, 1, "E"), (1, 4, "W"), (1, 6, "W"))
    act(world, "tag", "tag", "noop")  # 1 takes its second hit and lands its own; 2 stands behind it
    assert world.event_counts[0, :, 2].tolist() == [1, 2, 0]
    assert [out != 0 for out in world.out[0]] == [False, True, False]


def test_two_hits_in_one_step_are_two():
    world = seat(make(3), (1, 1, "E"), (1, 4, "N"), (1, 6, "W"))
    world.note_events()
    act(world, "tag", "noop", "tag")
    assert world.out[0, 1] != 0
    noted = [(each.agent, each.whom, each.removes) for each in world.happened() if each.what == "tag"]
    assert noted == [(0, 1, 0.0), (2, 1, 1.0)]


def test_the_beam_may_need_a_rest():
    world = seat(make(tag_cooldown=2), (1, 1, "E"), (2, 1, "N"))
    for _ in range(7):
        act(world, "tag", "noop")
    assert world.event_counts[0, 0, 1] == 3  # in steps 1, 4 and 7


# ------------------------------------------------------------------------------------------------------- players

BUSH = "WWWWWWWWW\\nWP AAA PW\\nWP AAA PW\\nWWWWWWWWW"


@pytest.mark.parametrize("who", ["cooperator", "defector", "retaliator"])
def test_players_keep_the_contract(who):
    check_model(f"gathering_{who}", "gathering", steps=12)


def played(*names):
    """Events by name, float64 [slots], and returns, of a player in each slot, in a small yard."""
    stage = stage_of("gathering", ["compiled=false", f'map="{BUSH}"', "apple_delay=20"]).lasting(200)
    seats = [([slot], player_of(f"gathering_{name}")) for slot, name in enumerate(names)]
    found = play_mixture(stage, mix(seats, 2), 2, 3).episodes
    return dict(zip(found.event_names, found.events.mean(0).T, strict=True)), found.returns.mean(0)


def test_eaters_share_taggers_drive_away_and_retaliators_answer():
    events, shared = played("cooperator", "cooperator")
    assert events["beams_fired"].tolist() == [0, 0]
    events, taken = played("defector", "cooperator")
    assert events["removals"][0] == 0
    assert events["removals"][1] >= 2
    assert taken[0] > shared[0] > taken[1]
    events, _ = played("retaliator", "cooperator")
    assert events["beams_fired"].tolist() == [0, 0]
    events, _ = played("retaliator", "defector")
    assert 0 < events["beams_fired"][0] <= events["hits_taken"][0]


def test_a_retaliator_owes_a_hit_for_each_that_it_took():
    world = make(tagged_steps=1)
    model = find_class("gathering_retaliator", "agents", BaseModel).to_play(world.observations, world.action_names)
    agent = Agent(world, [1], model, learn=False)
    seat(world, (1, 1, "E"), (2, 6, "S"))
    owed = []
    for at, shot in (((1, 6), False), ((1, 6), True), ((2, 6), False), ((1, 6), True), ((2, 6), False)):
        if not world.out[0, 1]:
            seat(world, (1, 1, "E"), (*at, "S"))
        agent.transition(world)
        world.submit([0], np.full((1, 1), world.action_names.index("tag" if shot else "noop")))
        world.submit([1], np.zeros((1, 1), np.int64))
        world.step()
        agent.remember(world)
        owed.append(int(agent.seat.carry["owed"][0]))
    # It acts on what it saw before the step: the hits of steps 2 and 4, the second of which sends it away.
    assert owed == [0, 0, 1, 1, 2]
