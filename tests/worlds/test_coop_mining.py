"""Coop Mining: who is paid for which ore, how long gold waits for a partner, what the beam hits, where ore appears."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.worlds.coop_mining import GALLERIES, Kind

IRON_HITS, GOLD_HITS, EXTRACTIONS = range(3)


def scene(text, *places, **settings):
    """A scene without growth: the text in a wall, agents where the test wants them; coordinates count the wall."""
    width = max(map(len, text.splitlines()))
    rows = [f"W{line.ljust(width)}W" for line in text.splitlines()]
    room = "\n".join(["W" * (width + 2), *rows, "W" * (width + 2), "P" * (width + 2)])
    still = {"iron_probability": 0, "gold_probability": 0} | settings
    return seat(sorrelsim.make("coop_mining", map=room, n_agents=len(places), compiled=False, **still), *places)


def lies(world, row, col):
    return world.grid[0, row, col, world.codes.layer[Kind.IRON]]


def ready(world):
    return world.obs["ready_to_shoot"][0, :, 0].tolist()


def test_the_map_has_its_contents():
    rows = GALLERIES.strip().splitlines()
    assert {len(row) for row in rows} == {27}
    assert len(rows) == 27
    assert {glyph: GALLERIES.count(glyph) for glyph in "WOP"} == {"W": 173, "O": 538, "P": 18}
    world = sorrelsim.make("coop_mining", compiled=False)
    assert (world.n_agents, world.n_actions, world.observations.shape[:2]) == (6, 8, (11, 11))


def test_default_numbers():
    numbers = {n: v[0].item() for n, v in sorrelsim.make("coop_mining", compiled=False).copies.params.items()}
    assert numbers == {
        "iron_probability": 0.0002, "gold_probability": 0.00008, "iron_value": 1.0, "gold_value": 8.0, "gold_window": 3,
        "cooldown": 3, "beam_length": 3, "min_steps": 1000, "end_probability": 0.2, "max_steps": 5000,
    }  # fmt: skip


def test_iron_pays_at_once_and_everybody_who_hits_it_in_that_step():
    world = scene(" i ", (1, 1, "E"), (1, 3, "W"))
    assert act(world, "mine", "mine") == [1, 1]
    assert lies(world, 1, 2) == 0
    assert world.event_counts[0, :, IRON_HITS].tolist() == [1, 1]
    assert act(world, "mine", "mine") == [0, 0]


@pytest.mark.parametrize(("later", "paid"), [(0, 8), (1, 8), (2, 8), (3, 0)])
def test_gold_waits_two_steps_for_a_second_hit(later, paid):
    world = scene(" g ", (1, 1, "E"), (1, 3, "W"))
    for step in range(later + 1):
        rewards = act(world, "mine" if step == 0 else "noop", "mine" if step == later else "noop")
    assert rewards == [paid, paid]
    assert lies(world, 1, 2) == (0 if paid else Kind.FLASHING_GOLD)
    assert world.event_counts[0, :, GOLD_HITS].tolist() == [1, 1]
    assert world.event_counts[0, :, EXTRACTIONS].tolist() == [paid / 8] * 2


def test_gold_flashes_while_it_waits():
    """Hit in step 1, it flashes in the pictures of 1, 2 and 3; in step 4 nobody is listed any more."""
    world = scene(" g", (1, 1, "E"))
    shown = []
    for action in ("mine", "noop", "noop", "noop"):
        act(world, action)
        shown.append(lies(world, 1, 2))
    assert shown == [Kind.FLASHING_GOLD] * 3 + [Kind.GOLD]


def test_alone_one_hits_every_third_step_and_is_not_paid():
    world = scene(" g", (1, 1, "E"))
    hits, readiness = [], []
    for _ in range(7):
        before = world.event_counts[0, 0, GOLD_HITS]
        assert act(world, "mine") == [0]
        hits.append(world.event_counts[0, 0, GOLD_HITS] - before)
        readiness += ready(world)
    assert hits == [1, 0, 0, 1, 0, 0, 1]
    np.testing.assert_allclose(readiness, [0, 1 / 3, 2 / 3, 0, 1 / 3, 2 / 3, 0], atol=1e-6)
    for _ in range(3):
        act(world, "noop")
    assert ready(world) == [1]


def test_who_fires_every_third_step_holds_the_window_open():
    """Hits of agent 0 in steps 1 and 4: the second one counts until step 6."""
    world = scene(" g ", (1, 1, "E"), (1, 3, "W"))
    for step in range(1, 6):
        act(world, "mine" if step in (1, 4) else "noop", "noop")
    assert act(world, "noop", "mine") == [8, 8]


@pytest.mark.parametrize(("hitters", "paid", "left"), [(3, [8, 8, 0, 0], Kind.FLASHING_GOLD), (4, [8] * 4, 0)])
def test_of_three_hits_in_a_step_the_third_waits_and_a_fourth_joins_it(hitters, paid, left):
    world = scene("   \n g \n   ", (1, 2, "S"), (2, 1, "E"), (2, 3, "W"), (3, 2, "N"))
    assert act(world, *["mine" if slot < hitters else "noop" for slot in range(4)]) == paid
    assert lies(world, 2, 2) == left
    if left:
        assert world.copies.state["miner"][0, 2, 2] == 3  # slot 2
        assert act(world, "noop", "noop", "noop", "mine") == [0, 0, 8, 8]
    assert world.copies.state["flashing"][0, 0] == 0


def test_the_beam_goes_through_agents_up_to_the_first_ore_or_wall():
    world = scene("  ig", (1, 1, "E"), (1, 2, "N"))
    assert act(world, "mine", "noop") == [1, 0]  # over agent 1
    assert (lies(world, 1, 3), lies(world, 1, 4)) == (0, Kind.GOLD)
    beam = world.grid[0, 1, :, world.codes.layer[Kind.BEAM]] == Kind.BEAM
    assert np.flatnonzero(beam).tolist() == [2, 3]
    world = scene(" Wi ", (1, 1, "E"))
    assert act(world, "mine") == [0]
    world = scene("    i", (1, 1, "E"))
    assert act(world, "mine") == [0]  # four cells away
    assert [act(world, action) for action in ("forward", "noop", "mine")] == [[0], [0], [1]]


def test_beams_come_before_moves():
    """The ore is hit from where its miner stood; who walks onto the beam's cells is not in its way."""
    world = scene(" ig", (1, 1, "E"), (1, 3, "W"))
    assert act(world, "mine", "forward") == [1, 0]
    assert world.pos[0, 1].tolist() == [1, 2]


def test_ore_does_not_block_the_way():
    world = scene(" ig", (1, 1, "E"))
    act(world, "forward")
    act(world, "forward")
    assert world.pos[0, 0].tolist() == [1, 3]
    assert act(world, "turn_left") == [0]
    assert (lies(world, 1, 2), lies(world, 1, 3)) == (Kind.IRON, Kind.GOLD)


def test_ore_appears_where_nobody_stood_when_the_step_began():
    """With probability 1, in a row of three: under who comes, not under who leaves; and one step after it is gone."""
    world = scene("OOO", (1, 1, "E"), iron_probability=1)
    world.grid[..., world.codes.layer[Kind.IRON]] *= world.grid[..., world.codes.layer[Kind.IRON]] == Kind.WALL
    act(world, "forward")
    assert [lies(world, 1, col) for col in (1, 2, 3)] == [0, Kind.IRON, Kind.IRON]
    for action in ("turn_right", "turn_right", "noop"):
        act(world, action)
    assert act(world, "mine") == [1]  # at column 1, which has filled up since
    assert lies(world, 1, 1) == 0  # emptied in this step, so not tried in it
    act(world, "noop")
    assert lies(world, 1, 1) == Kind.IRON


def test_frequencies_of_ore():
    """In 40 copies of 538 cells: one trial at the reset, one per step after it; of both kinds iron is tried first."""
    p_iron, p_gold = 0.02, 0.01
    world = sorrelsim.make("coop_mining", 40, seed=3, compiled=False, iron_probability=p_iron, gold_probability=p_gold)
    layer, empty = world.codes.layer[Kind.IRON], 40 * 538
    for _ in range(3):
        found = [int((world.grid[..., layer] == kind).sum()) for kind in (Kind.IRON, Kind.GOLD)]
        assert share_ok(found[0], empty, p_iron)
        assert share_ok(found[1], empty, p_gold * (1 - p_iron))
        world.grid[..., layer] *= world.grid[..., layer] == Kind.WALL
        world.step(np.zeros((40, 6), int))


def test_pairs_are_noted_both_ways():
    world = scene(" g ", (1, 1, "E"), (1, 3, "W"))
    world.note_events()
    act(world, "mine", "mine")
    happened = world.happened()
    pairs = [(e.agent, e.whom) for e in happened if e.what == "extraction_pair"]
    assert sorted(pairs) == [(0, 1), (1, 0)]


@pytest.mark.slow
def test_random_play_earns_what_it_does_in_melting_pot():
    """Nine by nine cells, four agents, 1000 steps; means and standard errors of 105 episodes of Melting Pot 2.4."""
    room = "\n".join(["W" * 9, "WPOOOOOPW", *["WOOOOOOOW"] * 5, "WPOOOOOPW", "W" * 9])
    world = sorrelsim.make("coop_mining", 400, seed=1, map=room, n_agents=4, min_steps=2000)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        world.step(rng.integers(8, size=(400, 4)))
    found = np.column_stack([world.episode_return.mean(1), world.event_counts.sum(1)])
    mean, error = found.mean(0), found.std(0) / 20
    for ours, e, theirs, s in zip(mean, error, (4.34, 7.6, 23.2, 1.22), (0.33, 0.2, 1.6, 0.16), strict=True):
        print(f"{ours:.2f} +- {e:.2f}, there {theirs} +- {s}")
        assert abs(ours - theirs) < 4 * np.hypot(e, s)
