"""Players that are neither cooperators nor defectors: each does what it is named for."""

import fakes
import numpy as np
import pytest
from boards import seat
from fakes import CodeWorld

import sorrelsim
from sorrelsim.agents.idle import Idle
from sorrelsim.library.find import find_class
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import check_model


@pytest.mark.parametrize(
    "name",
    ["boat_race_conditional", "chemistry_maker", "factory_commons_waiter", "fruit_market_shover", "paintball_painter"],
)
def test_keeps_the_contract(name):
    check_model(name, name.rpartition("_")[0], steps=12)


def play(world, steps, *names, **config):
    """Steps a world with a player in each slot; returns counts by name, each per slot, and returns."""
    agents = []
    for slot, name in enumerate(names):
        cls = find_class(name, "agents", BaseModel)
        model = cls.to_play(world.observations, world.action_names, config=config if slot == 0 else None)
        agents.append(Agent(world, [slot], model, learn=False))
    fakes.play(agents, world, steps)
    counts = dict(zip(world.events, world.event_counts[0].T.tolist(), strict=True))
    return counts, world.episode_return[0].tolist()


def test_the_idle_do_nothing():
    world = sorrelsim.make("gathering", compiled=False)
    before = world.pos.copy()
    assert play(world, 5, "idle", "idle")[1] == [0, 0]
    assert np.array_equal(world.pos, before)
    with pytest.raises(ValueError, match="Idle needs an action noop; here are left, right"):
        Idle(CodeWorld().observations, ("left", "right"))


def boat(turns=1):
    """Two agents in a boat, who have sat for a step."""
    world = sorrelsim.make("boat_race", n_agents=2, compiled=False)
    seat(world, (25, 8, "N"), (25, 9, "N"))
    for _ in range(turns):
        world.step([[0, 0]])
    return world


@pytest.mark.parametrize(("patience", "strokes"), [(1, 1), (3, 3)])
def test_a_conditional_rower_rows_until_its_strokes_failed(patience, strokes):
    # It rows in its steps 1, 6, 11, .. and sees in the step after a stroke that it was alone with it: with a patience
    # of 3 it flails from step 12 on.
    counts, _ = play(boat(), 12 if patience == 3 else 2, "boat_race_conditional", "idle", patience=patience)
    assert counts["rowed"][0] == strokes
    assert counts["flailed"][0] == 1


def test_a_conditional_rower_goes_on_with_who_rows():
    counts, _ = play(boat(), 66, "boat_race_conditional", "boat_race_cooperator", patience=1)
    assert counts["flailed"] == [0, 0]
    assert counts["rowed"] == [13, 13]  # cells to the other bank: strokes in steps 1, 6, .., 61
    assert counts["finished"] == [1, 1]


def test_an_energy_maker_brings_x_to_y():
    # y metabolizes nothing alone; x carried beside it pays 10 to its carrier.
    world = sorrelsim.make("chemistry", map="~~~~~~~\n~X~~~Y~\n~~~~~~~\n", n_agents=1, seed=3, compiled=False)
    counts, (paid,) = play(world, 80, "chemistry_maker")
    assert counts["metabolize_xy"] == [1]
    assert paid == 10


def test_a_waiter_eats_what_a_keeper_makes():
    workshop = "WWWWWWW\nW lsC W\nW Oj  W\nW  z  W\nW Cx  W\nW     W\nWWWWWWW"
    world = sorrelsim.make("factory_commons", map=workshop, n_agents=2, seed=1, compiled=False)
    counts, _ = play(world, 300, "factory_commons_waiter", "factory_commons_cooperator")
    assert counts["apples_eaten"][0] >= 1  # the keeper takes what it is nearer to
    assert counts["cubes_kept"][0] == counts["cubes_burnt"][0] == 0


def test_a_shover_shoves_who_comes_before_it():
    world = sorrelsim.make("fruit_market", n_agents=2, map="WWWWWWW\nW     W\nW PP  W\nWWWWWWW", compiled=False)
    seat(world, (2, 2, "E"), (2, 3, "W"))
    counts, _ = play(world, 12, "fruit_market_shover", "idle")
    assert counts["holds"][0] >= 1
    assert world.pos[0, 1].tolist()[1] > 3


def test_a_painter_paints_the_ground_and_a_hill():
    field = "WWWWWWWWWWWW\nWPP,,,,,,QQW\nW,,,GG,,,,,W\nW,,,,,,,,,,W\nWWWWWWWWWWWW"
    world = sorrelsim.make("paintball", map=field, n_agents=2, seed=2, compiled=False)
    counts, returns = play(world, 60, "paintball_painter", "idle")
    assert counts["hills_captured"] == [1, 0]
    assert returns[0] > 0
    painted = np.isin(world.grid[0, ..., world.codes.layers.index("paint")], [
        world.codes.names.index(name) for name in ("red_paint", "red_hill")
    ])  # fmt: skip
    assert painted.sum() > 20  # of 30 cells
