"""Clean Up by the rules of Melting Pot: storyboards, and frequencies over many copies."""

from collections import Counter

import numpy as np
import pytest
from boards import act, seat

import sorrelsim
from sorrelsim.worlds.cleanup import RIVER, Kind

CREEK = """
WWWWWWWWW
WFFFP   W
WHHH BB W
WPP P P W
WWWWWWWWW
"""
QUIET = {"apple_probability": 0.0, "dirt_probability": 0.0}


def make(**settings):
    settings = {"map": CREEK, "n_agents": 2} | QUIET | settings
    return sorrelsim.make("cleanup", compiled=False, **settings)


def dirt(world):
    return world.copies.state["dirt"][0, 0]


def events(world, agent):
    counts = world.event_counts[0, agent].astype(int).tolist()
    return dict(zip(world.events, counts, strict=True))


def lay(world, row, col, kind):
    world.grid[:, row, col, world.codes.layer[kind]] = kind


def test_the_map_has_the_counts_of_the_reference():
    glyphs = Counter(RIVER)
    lines = RIVER.strip("\n").splitlines()
    assert (len(lines), {len(line) for line in lines}) == (21, {30})
    assert glyphs["B"] == 122
    assert (glyphs["F"], glyphs["H"]) == (79, 68)
    assert glyphs["P"] == 19


def test_an_apple_pays_once_to_whoever_steps_on_it():
    world = seat(make(), (3, 5, "N"), (3, 1, "N"))
    lay(world, 2, 5, Kind.APPLE)
    assert act(world, "forward", "noop") == [1.0, 0.0]
    assert act(world, "noop", "noop") == [0.0, 0.0]
    assert events(world, 0)["apples_eaten"] == 1


def test_agents_walk_on_water_and_dirt():
    world = seat(make(), (1, 4, "W"), (3, 7, "N"))
    act(world, "forward", "noop")
    assert world.pos[0, 0].tolist() == [1, 3]
    act(world, "step_left", "noop")
    assert world.pos[0, 0].tolist() == [2, 3]


def test_the_clean_beam_takes_the_first_dirt_of_each_column():
    # Facing west from (2, 4), the columns are rows 2, 3 (left) and 1 (right); row 1 holds three dirts, one goes a shot.
    world = seat(make(), (2, 4, "W"), (3, 7, "N"))
    assert dirt(world) == 3
    act(world, "clean", "noop")
    assert dirt(world) == 2
    assert world.text().splitlines()[1] == "WFF++   W"
    assert world.text().splitlines()[2] == "W+++<   W"
    assert events(world, 0)["cells_cleaned"] == 1


def test_the_clean_beam_fires_every_third_step():
    world = seat(make(), (2, 4, "W"), (3, 7, "N"))
    left = []
    for _ in range(7):
        act(world, "clean", "noop")
        left.append(int(dirt(world)))
    # Fired at steps 1, 4 and 7; the third dirt, in column 1, is four cells off and out of reach of a side column.
    assert left == [2, 2, 2, 1, 1, 1, 1]


def test_the_clean_beam_passes_agents_and_the_zap_beam_does_not():
    world = seat(make(map="WWWWWWW\nWF  P W\nW   PPW\nWWWWWWW"), (1, 4, "W"), (1, 3, "N"))
    act(world, "clean", "noop")
    assert dirt(world) == 0
    world = seat(make(n_agents=3), (3, 6, "W"), (3, 5, "N"), (3, 4, "N"))
    act(world, "zap", "noop", "noop")
    assert world.out[0].astype(bool).tolist() == [False, True, False]


def test_a_zapped_agent_is_out_for_fifty_steps_and_51_observations_are_empty():
    world = seat(make(), (3, 6, "W"), (3, 5, "N"))
    act(world, "zap", "noop")
    gone = 0
    while world.out[0, 1] != 0:
        gone += 1
        assert not world.obs["grid"][0, 1].any()
        assert world.obs["ready_to_shoot"][0, 1] == 0
        act(world, "noop", "forward")
    assert gone == 51  # that of the zap, and one for each of the 50 steps
    assert world.obs["grid"][0, 1].any()
    assert events(world, 0)["zaps_fired"] == 1
    assert events(world, 1)["zaps_received"] == 1


def test_mutual_zaps_both_land():
    world = seat(make(), (3, 5, "E"), (3, 6, "W"))
    act(world, "zap", "zap")
    assert (world.out[0] > 0).all()


def test_the_zap_beam_fires_every_eleventh_step():
    world = seat(make(), (3, 7, "E"), (3, 1, "W"))
    for _ in range(23):
        act(world, "zap", "noop")
    assert events(world, 0)["zaps_fired"] == 3


@pytest.mark.parametrize(
    ("dirty", "p"),
    # d = dirty / 6; p = 0.3 min((0.4 - d) / 0.4, 1), none from d = 0.4 on.
    [(0, 0.3), (1, 0.3 * (0.4 - 1 / 6) / 0.4), (2, 0.3 * (0.4 - 2 / 6) / 0.4), (3, 0.0)],
)
def test_apples_grow_by_the_share_of_dirt(dirty, p):
    n = 3000
    text = CREEK.replace("FFF", "F" * dirty + "H" * (3 - dirty))
    world = sorrelsim.make("cleanup", n, map=text, n_agents=1, apple_probability=0.3, dirt_probability=0.0)
    world.step(np.zeros((n, 1), int))
    grown = (world.grid[:, 2, 5:7, 1] == Kind.APPLE).mean()
    assert abs(grown - p) <= 5 * np.sqrt(p * (1 - p) / (2 * n))


def test_an_apple_that_grows_under_an_agent_is_eaten_at_once():
    world = seat(make(map=CREEK.replace("FFF", "HHH"), apple_probability=1.0), (2, 5, "N"), (3, 1, "N"))
    assert act(world, "noop", "noop") == [1.0, 0.0]


def test_dirt_begins_at_step_51_with_probability_one_half():
    n = 3000
    world = sorrelsim.make("cleanup", n, map=CREEK, n_agents=1, apple_probability=0.0)
    idle = np.zeros((n, 1), int)
    for _ in range(50):
        world.step(idle)
    assert (world.copies.state["dirt"] == 3).all()
    world.step(idle)
    spread = (world.copies.state["dirt"] == 4).mean()
    assert abs(spread - 0.5) <= 5 * np.sqrt(0.25 / n)
    # Which of the three clean cells it was: each equally likely.
    soiled = (world.grid[:, 2, 1:4, 1] == Kind.DIRT).sum(0) / spread / n
    np.testing.assert_allclose(soiled, 1 / 3, atol=5 * np.sqrt(2 / 9 / (spread * n)))
