"""Paintball's attacker and guard: what they were written for, they do."""

import pytest
from boards import seat

import sorrelsim
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model

FIELD = """
WWWWWWWWWWWW
WPP,,,,,,QQW
WF,,,,,,,,GW
W,,,,,,,,,,W
WWWWWWWWWWWW
"""
HILL = FIELD.replace("WF", "W,").replace("GW", ",W").replace(",,,,,,,,,W", ",,GGG,,,,W", 1)


@pytest.mark.parametrize("name", ["paintball_attacker", "paintball_guard"])
def test_keeps_the_contract(name):
    check_model(name, world="paintball")


def play(world, steps, *names):
    """Steps a world with a bot in each slot; a slot without one stands still."""
    agents = []
    for slot, name in enumerate(names):
        if name:
            model = find_class(name, "agents", BaseModel).to_play(world.observations, world.action_names)
            agents.append(Agent(world, [slot], model, learn=False))
    for _ in range(steps):
        world.submit([slot for slot, name in enumerate(names) if not name], [[0] * names.count(None)])
        for agent in agents:
            agent.transition(world)
        world.step()
        for agent in agents:
            agent.remember(world)
    return {name: world.event_counts[0, :, k].tolist() for k, name in enumerate(world.events)}


def test_an_attacker_carries_the_flag_home():
    world = sorrelsim.make("paintball", map=FIELD, n_agents=2, compiled=False)
    seat(world, (2, 3, "E"), (3, 1, "S"))
    # Seven steps to the flag at (2, 10), two turns and nine steps home: a shot in between costs one more.
    counts = play(world, 25, "paintball_attacker", None)
    assert counts["flags_captured"] == [1, 0]
    assert world.episode_return[0].tolist() == [1, -1]


def test_an_attacker_takes_a_hill():
    world = sorrelsim.make("paintball", map=HILL, n_agents=2, compiled=False)
    seat(world, (1, 1, "S"), (1, 9, "N"))
    counts = play(world, 20, "paintball_attacker", None)
    assert counts["hills_captured"] == [1, 0]


def test_a_guard_goes_to_its_flag_and_shoots_who_comes_near():
    world = sorrelsim.make("paintball", map=FIELD, n_agents=2, compiled=False, healing=0.0)
    seat(world, (2, 4, "W"), (2, 6, "W"))
    world.copies.state["flag"][0, 0] = 2, 2  # it lies about, and is sent home by who walks onto it
    counts = play(world, 25, "paintball_guard", None)
    assert counts["flags_returned"] == [1, 0]
    assert world.pos[0, 0].tolist() == [2, 1]
    assert counts["removals"] == [1, 0]
    assert counts["flags_picked_up"] == [0, 0]
