"""The scripted players of the matrix games: they gather one thing, meet, and are paid as theory says."""

import fakes
import numpy as np
import pytest

import sorrelsim
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model

PLAYED = 7  # first of the events "played_1", ...


def load(name):
    return find_class(name, "agents", BaseModel)


def play(preset, players, steps, n_worlds=1, **setup):
    """Play one model a slot, given as (name, config)."""
    world = sorrelsim.make("matrix_game", n_worlds, 5, preset=preset, compiled=False, **setup)
    agents = [
        Agent(
            world,
            [slot],
            load(name).from_config(world.observations, world.action_names, n_worlds, config, slot),
            learn=False,
        )
        for slot, (name, config) in enumerate(players)
    ]
    fakes.play(agents, world, steps)
    return world


@pytest.mark.parametrize("name", ["matrix_collector", "matrix_cooperator", "matrix_defector"])
def test_keeps_the_contract(name):
    check_model(name, "matrix_game", steps=25)


def test_against_a_cooperator_it_pays_to_defect_and_mutual_cooperation_beats_mutual_defection():
    def mean(one, two):
        world = play("prisoners_dilemma_repeated", [(one, {}), (two, {})], 400, n_worlds=2)
        interactions, payoffs = world.event_counts[..., 0].sum(axis=0), world.event_counts[..., 1].sum(axis=0)
        assert interactions.min() >= 2
        played = world.event_counts[..., PLAYED : PLAYED + 2].sum(axis=0)
        for slot, name in enumerate((one, two)):
            chosen = 0 if name == "matrix_cooperator" else 1
            assert played[slot, chosen] == interactions[slot]
        return payoffs / interactions

    cooperator, defector = "matrix_cooperator", "matrix_defector"
    both, mixed, neither = mean(cooperator, cooperator), mean(cooperator, defector), mean(defector, defector)
    # With five gathered of one resource the mix is 6 to 1 or purer, so payoffs come close to 3; 0 and 5; 1.
    assert both.min() > 2.4
    assert mixed[0] < 1.0
    assert mixed[1] > 3.7
    assert neither.max() < 1.6


def test_the_third_resource_can_be_gathered_where_there_is_one():
    players = [
        ("matrix_collector", {"resource": 3, "hoard": 2}),
        ("matrix_collector", {"resource": 1, "hoard": 2}),
    ]
    world = play("running_with_scissors_repeated", players, 200)
    collected = world.event_counts[0, :, 2:5]
    assert collected[0].argmax() == 2
    assert collected[1].argmax() == 0
    two = sorrelsim.make("matrix_game", compiled=False)
    with pytest.raises(ValueError, match="resource 3; this game has 1 to 2"):
        load("matrix_collector").from_config(two.observations, two.action_names, 1, {"resource": 3})


def test_in_a_game_of_roles_it_hunts_the_other_role_only():
    world = sorrelsim.make("matrix_game", preset="bach_or_stravinsky_arena", n_agents=3, compiled=False)
    model = load("matrix_cooperator")(world.observations, world.action_names)
    codes, kinds = world.codes, world.kinds
    interact = world.action_names.index("interact")
    for role, expected in ((kinds.COLUMN, True), (kinds.ROW, False)):
        grid = np.zeros(world.obs["grid"].shape[2:], np.uint8)
        own, other = (9, 5), (7, 5)
        grid[(*own, codes.agent_layer)] = codes.self_code
        grid[(*own, codes.layer[kinds.ROW])] = kinds.ROW
        grid[(*other, codes.agent_layer)] = codes.agent_code
        grid[(*other, codes.layer[kinds.ROW])] = role
        grid[(*other, codes.layer[kinds.READY])] = kinds.READY
        hands = {"ready_to_shoot": np.ones(1, np.float32), "inventory": np.array([9, 1], np.float32)}
        assert (model.take_action({"grid": grid, **hands}) == interact) == expected
