"""The scripted predators and prey: each does what it is named for."""

import numpy as np
import pytest

import sorrelsim
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model

WORLD = "predator_prey"
APPLES, COLLECTED, ACORNS, SAFELY, EATEN = range(5)


def played(predator, prey, steps=150, seed=0, **settings):
    """The world after some steps, predators and prey played by one bot each; None stands still."""
    world = sorrelsim.make(WORLD, seed=seed, compiled=False, **settings)
    first = int(world.copies.params["n_predators"][0])
    agents, still = [], []
    for slots, role in ((range(first), predator), (range(first, world.n_agents), prey)):
        if role is None:
            still += slots
        else:
            bot = find_class(f"{WORLD}_{role}", "agents", BaseModel)
            model = bot.to_play(world.observations, world.action_names, len(slots))
            agents.append(Agent(world, slots, model, learn=False))
    for _ in range(steps):
        for agent in agents:
            agent.transition(world)
        world.submit(still, np.zeros((1, len(still)), np.int64))
        world.step()
        for agent in agents:
            agent.remember(world)
    return world, world.event_counts[0].sum(0)


@pytest.mark.parametrize("role", ["hunter", "loner", "herd", "acorn"])
def test_keeps_the_contract(role):
    check_model(f"{WORLD}_{role}", WORLD, steps=12)


LAWN = "WWWWWWWWWWW\nWX       PW\nW  ggg    W\nW  gGg    W\nW  ggg    W\nWWWWWWWWWWW\n"


def test_a_hunter_goes_round_grass_and_catches_who_stands_alone():
    world, counts = played("hunter", None, 40, map=LAWN, n_agents=2, n_predators=1, respawn_steps=500)
    assert counts[EATEN] == 1
    assert world.copies.state["stamina"][0, 0] >= 6


def test_a_hunter_lets_those_in_the_grass_be():
    den = LAWN.replace("gGg", "g*g").replace("PW", " W")
    world, counts = played("hunter", None, 60, map=den, n_agents=2, n_predators=1)
    assert counts[EATEN] == 0
    assert world.copies.state["stamina"][0, 0] > 5  # it rests, too


def test_a_herd_is_caught_less_often_than_loners():
    counts = {prey: played("hunter", prey)[1] for prey in ("herd", "loner")}
    assert counts["herd"][EATEN] < counts["loner"][EATEN]
    assert counts["herd"][APPLES] < counts["loner"][APPLES]


def test_an_acorn_eater_eats_in_the_grass():
    yard = "WWWWWWWWWWWWW\nWX W     A PW\nWWWWggggg  WW\nW  WgGGGg   W\nW  Wggggg   W\nWWWWWWWWWWWWW\n"
    _, counts = played(None, "acorn", 120, map=yard, n_agents=2, n_predators=1, acorn_regrowth=0.0)
    assert (counts[COLLECTED], counts[ACORNS], counts[SAFELY]) == (1, 1, 1)
