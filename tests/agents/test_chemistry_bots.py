"""Chemistry's players: who assembles, who only eats, who holds on to what pays little."""

import fakes
import numpy as np
import pytest

import sorrelsim
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model


@pytest.mark.parametrize("name", ["chemistry_assembler", "chemistry_eater", "chemistry_holder"])
def test_keeps_the_contract(name):
    check_model(name, world="chemistry", steps=12)


def play(steps, *names, **settings):
    """Counts by name and returns, each per slot, after some steps of players in the slots of a world."""
    world = sorrelsim.make("chemistry", n_agents=len(names), compiled=False, **settings)
    agents = []
    for slot, name in enumerate(names):
        model = find_class(name, "agents", BaseModel).to_play(world.observations, world.action_names)
        agents.append(Agent(world, [slot], model, learn=False))
    fakes.play(agents, world, steps)
    return dict(zip(world.events, world.event_counts[0].T, strict=True)), world.episode_return[0]


def test_an_eater_fetches_food_and_digests_it():
    counts, returns = play(60, "chemistry_eater", map="~~~F~~~\n~~~~~~~\n~G~~~~~\n", seed=1)
    assert counts["metabolize_food1"] + counts["metabolize_food2"] == 2
    assert returns.tolist() == [2]


def test_a_holder_keeps_its_distractor():
    counts, returns = play(80, "chemistry_holder", map="~~~x~~~\n~~~~~~~\n~~~~~~~\n", seed=1)
    assert counts["holding"][0] > 5  # about one in six steps
    np.testing.assert_allclose(returns, 0.1 * counts["holding"], atol=0.11)


def test_an_assembler_lays_a_cycle_at_energy_and_eats_what_comes_of_it():
    field = "~~~~~~~~~\n~a~hhh~b~\n~~~~~~~~~\n~~~~c~~~~\n"
    made, earned = play(200, *["chemistry_assembler"] * 2, map=field, seed=2)
    left, least = play(200, *["chemistry_eater"] * 2, map=field, seed=2)
    assert made["reactions"].sum() > 10 > left["reactions"].sum()
    assert earned.sum() > least.sum() == 0
