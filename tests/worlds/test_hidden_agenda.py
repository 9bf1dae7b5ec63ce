"""Hidden Agenda: gems, the shot and who sees it, votes and what they decide, who wins and how much."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.worlds.hidden_agenda import IMPOSTOR, Kind

GEMS, DEPOSITS, READY, TAGS, TAGGED, BALLOTS, ROUNDS, VOTED_OUT, WINS = range(9)
FREE, FROZEN, JAILED = range(3)

# Above the wall people play; below it are seats and the jail.
ROOM = """
WWWWWWWWWWWW
W *** **   W
W   ==     W
W@         W
W      /   W
WWWWWWWWWWWW
WVVVVVVWDDDW
WWWWWWWWWWWW
"""
FAR = (4, 10, "S")


def scene(*places, n_worlds=1, **settings):
    """Five agents, the first ones where the test wants them, the others apart: none sees the impostor or is near."""
    world = sorrelsim.make("hidden_agenda", n_worlds, map=ROOM, compiled=False, **settings)
    apart = [(1, 7, "N"), (1, 8, "N"), (1, 9, "N"), (1, 10, "N"), (4, 2, "W")]
    return seat(world, *places, *apart[len(places) :])


def steps(world, n, *names):
    for _ in range(n):
        act(world, *(names or ["noop"] * 5))


def ready_to_tag(*places, **settings):
    world = scene(*places, **settings)
    steps(world, 50)
    return world


def state(world, name):
    return world.copies.state[name][0].tolist()


def votes_shown(world, slot=0):
    """The ballots that a slot sees, 1 to 5, 6 abstained, 7 out of the game."""
    shown = world.obs["voting"][0, slot].reshape(5, 7)
    assert (shown.sum(1) == 1).all()
    return (shown.argmax(1) + 1).tolist()


def in_row(world, row):
    return [slot for slot in range(5) if world.pos[0, slot, 0] == row]


def test_the_map_has_its_contents():
    world = sorrelsim.make("hidden_agenda", compiled=False)
    assert (world.width, world.height) == (33, 22)
    assert {name: len(cells) for name, cells in world.map.sites.items()} == {
        "spawns": 12, "gem_cells": 42, "seats": 9, "cells": 7,
    }  # fmt: skip
    assert (world.grid[0, ..., 0] == Kind.GRATE).sum() == 20
    assert (world.n_agents, world.n_actions) == (5, 14)
    assert world.observations.parts["voting"].shape == (35,)


def test_default_numbers():
    numbers = {n: v[0].tolist() for n, v in sorrelsim.make("hidden_agenda", compiled=False).copies.params.items()}
    assert numbers == {
        "goal": 32, "gem_probability": 0.001, "win_value": 1.0, "gem_value": 0.0, "deposit_value": 0.0,
        "tag_value": 0.0, "tagged_value": 0.0, "tag_cooldown": 50, "tag_length": 2, "tag_radius": 2, "vote_every": 200,
        "vote_steps": 25, "sight": [9, 1, 5, 5], "max_steps": 3000,
    }  # fmt: skip


def test_a_gem_in_hand_goes_to_the_grate_and_there_is_room_for_one():
    world = scene((3, 2, "W"), gem_probability=1)
    act(world, "forward", *["noop"] * 4)
    assert world.obs["inventory"][0, :, 0].tolist() == [1, 0, 0, 0, 0]
    act(world, "noop", *["noop"] * 4)  # it grows again, under the agent, whose hand is full
    assert world.grid[0, 3, 1, world.codes.layer[Kind.GEM]] == Kind.GEM
    for action in ("backward", "backward", "backward", "step_right"):
        act(world, action, *["noop"] * 4)
    assert world.pos[0, 0].tolist() == [2, 4]
    assert world.event_counts[0, 0, [GEMS, DEPOSITS]].tolist() == [1, 1]
    assert world.obs["inventory"][0, 0, 0] == 0


def test_a_gem_grows_from_the_step_after_it_was_taken_on():
    world = scene((3, 2, "W"), gem_probability=1)
    layer = world.codes.layer[Kind.GEM]
    act(world, "forward", *["noop"] * 4)
    assert world.grid[0, 3, 1, layer] == 0
    act(world, "backward", *["noop"] * 4)
    assert world.grid[0, 3, 1, layer] == Kind.GEM
    world = sorrelsim.make("hidden_agenda", 200, compiled=False, gem_probability=0.02)
    world.grid[..., world.codes.layer[Kind.GEM]] *= world.grid[..., world.codes.layer[Kind.GEM]] != Kind.GEM
    world.step(np.zeros((200, 5), int))
    assert share_ok((world.grid == Kind.GEM).sum(), 200 * 42, 0.02)


def test_the_crew_wins_in_the_step_after_the_last_gem_came_in_and_the_impostors_gems_count():
    world = scene(FAR, (1, 8, "N"), (1, 9, "N"), (1, 10, "N"), (1, 4, "S"), goal=1)
    world.copies.state["gems"][0, IMPOSTOR] = 1
    assert act(world, "noop", "noop", "noop", "noop", "forward") == [0] * 5
    assert not world.info["ended"][0]
    assert act(world, *["noop"] * 5) == [1, 1, 1, 1, -1]
    assert world.info["ended"][0]
    assert world.terminated.all()


def test_the_impostor_can_shoot_from_step_51_on_and_every_51_steps():
    world = scene()
    shots, readiness = [], []
    for step in range(1, 155):
        before = world.event_counts[0, IMPOSTOR, TAGS]
        act(world, *["tag"] * 5)
        readiness.append(world.obs["ready_to_shoot"][0, :, 0].tolist())
        if world.event_counts[0, IMPOSTOR, TAGS] > before:
            shots.append(step)
    assert shots == [51, 102, 153]
    assert not np.array(readiness)[:, :4].any()
    np.testing.assert_allclose([row[IMPOSTOR] for row in readiness[48:52]], [0.98, 1, 0, 0.02], atol=1e-6)
    assert world.event_counts[0, :4, TAGS].sum() == 0


def test_a_shot_goes_through_walls_and_glass_and_stops_at_agents():
    """Two ahead, to each side two cells beside and one ahead of the first: slot 3 stands behind slot 2."""
    world = ready_to_tag((1, 9, "N"), (1, 8, "N"), (3, 5, "N"), (2, 5, "N"), (4, 5, "N"))
    act(world, "noop", "noop", "noop", "noop", "tag")
    beam = world.grid[0, ..., world.codes.layer[Kind.TAG_BEAM]] == Kind.TAG_BEAM
    assert np.argwhere(beam).tolist() == [[3, 4], [3, 6], [4, 3], [4, 4], [4, 6], [4, 7]]
    assert state(world, "fate") == [FREE, FREE, FROZEN, FREE, FREE]
    assert world.grid[0, 3, 5, world.codes.layer[Kind.FROZEN]] == Kind.FROZEN
    world = ready_to_tag((1, 9, "N"), (4, 8, "N"), (1, 10, "N"), (2, 9, "N"), (4, 6, "E"))
    act(world, "noop", "noop", "noop", "noop", "tag")
    assert state(world, "fate")[1] == FROZEN  # behind the glass at (4, 7)


def test_who_is_frozen_blocks_its_cell_sees_on_and_does_nothing():
    world = ready_to_tag((1, 9, "N"), (1, 10, "N"), (3, 5, "N"), (2, 9, "N"), (4, 5, "N"))
    act(world, *["noop"] * 4, "tag")
    act(world, "noop", "noop", "forward", "noop", "forward")
    assert world.pos[0, 2].tolist() == [3, 5]
    assert world.pos[0, 4].tolist() == [4, 5]
    assert world.obs["grid"][0, 2].any()
    assert votes_shown(world) == [6, 6, 7, 6, 6]
    assert world.action_mask[0, 2].tolist() == [True] + [False] * 13


def lone_and_witnessed(witness):
    """The impostor at (4, 5) shoots slot 2 at (3, 5), who looks at it; slot 0 is a witness or faces the wall."""
    world = ready_to_tag((1, 2, witness), (1, 9, "N"), (3, 5, "S"), (1, 10, "N"), (4, 5, "N"))
    act(world, *["noop"] * 4, "tag")
    return world


def test_a_lone_victim_is_no_witness():
    """One sees the shot, one stands in the beam: 1 > 1 is false. With a second who sees it, 2 > 1."""
    world = lone_and_witnessed("N")
    assert (state(world, "voting"), state(world, "fate")[2]) == ([0], FROZEN)
    assert world.pos[0, 2].tolist() == [3, 5]
    world = lone_and_witnessed("S")
    assert state(world, "voting") == [25]
    assert in_row(world, 6) == [0, 1, 2, 3, 4]  # the body too
    assert world.grid[0, 6, world.pos[0, 2, 1], world.codes.layer[Kind.FROZEN]] == Kind.FROZEN
    assert votes_shown(world) == [6, 6, 7, 6, 6]


def test_what_counts_is_who_stood_and_saw_before_the_step():
    """The witness turns away in the very step of the shot; and the victim walks out of the beam."""
    world = ready_to_tag((1, 2, "S"), (1, 9, "N"), (3, 5, "S"), (1, 10, "N"), (4, 5, "N"))
    act(world, "turn_left", "noop", "noop", "noop", "tag")
    assert state(world, "voting") == [25]
    world = ready_to_tag((1, 2, "N"), (1, 9, "N"), (3, 6, "S"), (1, 10, "N"), (4, 5, "N"))
    act(world, "noop", "noop", "step_left", "noop", "tag")  # facing south, its left is east: out of the beam
    assert (state(world, "fate")[2], state(world, "voting")) == (FREE, [0])


def test_walls_hide_no_shot_but_stop_those_who_stand_in_it():
    """Behind the glass at (4, 7) the victim at (4, 8) does not count as in the beam, and its look at it does."""
    world = ready_to_tag((1, 9, "N"), (4, 8, "W"), (1, 10, "N"), (2, 9, "N"), (4, 6, "E"))
    act(world, *["noop"] * 4, "tag")
    assert state(world, "voting") == [25]
    assert state(world, "fate")[1] == FROZEN


@pytest.mark.parametrize(
    ("in_beam", "frozen", "called"),
    [
        ((1, 8, "N"), [], True),  # one sees the shot, nobody stands in it
        ((3, 5, "N"), [1], False),  # a body stands in it, with its back to it: 1 > 1 is false
        ((1, 8, "N"), [0], False),  # a body sees it, which is nobody
    ],
)
def test_bodies_stand_in_the_beam_and_see_nothing(in_beam, frozen, called):
    world = ready_to_tag((1, 2, "S"), in_beam, (1, 9, "N"), (1, 10, "N"), (4, 5, "N"))
    world.copies.state["fate"][0, frozen] = FROZEN
    act(world, *["noop"] * 4, "tag")
    assert state(world, "voting") == [25 * called]


def test_a_body_stops_the_shot():
    world = ready_to_tag((1, 9, "N"), (3, 5, "N"), (2, 5, "N"), (1, 10, "N"), (4, 5, "N"))
    world.copies.state["fate"][0, 1] = FROZEN
    act(world, *["noop"] * 4, "tag")
    assert state(world, "fate")[2] == FREE


def test_after_a_vote_by_shot_the_next_one_begins_225_steps_after_it():
    world = lone_and_witnessed("S")
    steps(world, 224)
    assert state(world, "voting") == [0]
    steps(world, 1)
    assert state(world, "voting") == [25]


def test_the_impostor_is_not_ready_while_a_vote_goes_on():
    world = scene()
    ready = []
    for _ in range(226):
        act(world, *["noop"] * 5)
        ready.append(float(world.obs["ready_to_shoot"][0, IMPOSTOR, 0]))
    assert ready[198] == 1
    assert ready[199:225] == [0.0] * 26  # seated in 200, back in 225
    assert 0 <= ready[225] <= 0.02


def test_two_ballots_of_four_win_after_a_witnessed_shot():
    world = lone_and_witnessed("S")
    act(world, "vote_5", "vote_5", "vote_5", "noop", "noop")  # t + 1; slot 2 is a body
    assert votes_shown(world, 3) == [5, 5, 7, 6, 6]
    steps(world, 23)
    assert not world.info["ended"][0]
    assert act(world, *["noop"] * 5) == [1, 1, 1, 1, -1]  # t + 25


@pytest.mark.parametrize(("step", "wins"), [(199, False), (200, True), (224, True), (225, False)])
def test_ballots_of_steps_200_to_224_count(step, wins):
    world = scene()
    for k in range(1, 226):
        rewards = act(world, *["vote_5" if k == step else "noop"] * 3, "noop", "noop")
    assert rewards == ([1, 1, 1, 1, -1] if wins else [0] * 5)
    assert world.info["ended"][0] == wins


def test_a_vote_by_clock():
    """Seated in step 200, whose move is void; back at a spawn in 225, whose move counts; the next in 425."""
    world = scene((3, 4, "E"))
    steps(world, 199)
    assert not world.action_mask[0, 0, 1:8].any()  # the next step heeds ballots
    assert world.action_mask[0, 0, 8:].all()
    act(world, "forward", *["noop"] * 4)
    assert in_row(world, 6) == [0, 1, 2, 3, 4]
    assert votes_shown(world) == [6] * 5
    act(world, "vote_2", "vote_1", "abstain", "vote_3", "vote_5")
    assert votes_shown(world, 4) == [2, 1, 6, 3, 5]
    act(world, "vote_2", "abstain", "noop", "noop", "tag")
    assert votes_shown(world, 4) == [2, 6, 6, 3, 5]
    assert world.event_counts[0, :, BALLOTS].tolist() == [1, 2, 1, 1, 1]
    steps(world, 22)
    seated = world.pos[0].copy()
    act(world, *["noop"] * 5)  # 225
    assert votes_shown(world) == [6] * 5
    assert not (world.pos[0] == seated).all(1).any()
    assert in_row(world, 1) == [0, 1, 2, 3, 4]  # at the spawns
    steps(world, 199)
    assert in_row(world, 6) == []
    act(world, *["noop"] * 5)  # 425
    assert in_row(world, 6) == [0, 1, 2, 3, 4]
    assert world.event_counts[0, 0, ROUNDS] == 2


def test_the_move_of_the_step_that_ends_a_vote_counts():
    """All spawns are in row 1 with room below: of 40 copies, those that face south or north stand in row 2 or 1."""
    world = scene(n_worlds=40)
    steps(world, 224)
    act(world, "forward", *["noop"] * 4)
    moved = world.pos[:, 0, 0] == 2
    south = world.facing[:, 0] == 2
    assert south.any()
    assert np.array_equal(moved, south)


def test_the_beam_is_ready_51_steps_after_a_vote():
    world = scene()
    steps(world, 225)
    shots = []
    for step in range(226, 330):
        before = world.event_counts[0, IMPOSTOR, TAGS]
        act(world, *["noop"] * 4, "tag")
        if world.event_counts[0, IMPOSTOR, TAGS] > before:
            shots.append(step)
    assert shots[0] == 276


@pytest.mark.parametrize(
    ("ballots", "removed"),
    [
        ((2, 2, 1, 1, 6), None),  # two of five are not half of them
        ((2, 2, 2, 6, 6), 1),
        ((1, 1, 1, 1, 1), 0),
    ],
)
def test_who_is_voted_out_sits_in_jail(ballots, removed):
    world = scene()
    steps(world, 200)
    act(world, *["abstain" if ballot == 6 else f"vote_{ballot}" for ballot in ballots])
    steps(world, 24)
    assert state(world, "fate") == [JAILED if slot == removed else FREE for slot in range(5)]
    assert in_row(world, 6) == ([] if removed is None else [removed])
    if removed is not None:
        assert world.grid[0, 6, world.pos[0, removed, 1], world.codes.layer[Kind.CELL]] == Kind.CELL
        assert votes_shown(world)[removed] == 7
        assert world.event_counts[0, removed, VOTED_OUT] == 1


def test_a_tie_removes_the_lower_and_nobody_if_that_one_is_out():
    """Four free: two ballots suffice. Slot 0 is frozen: a tie of 0 and 1 removes nobody, one of 1 and 4 slot 1."""
    for ballots, fates in (((1, 1, 2, 2), [FROZEN, FREE]), ((2, 2, 5, 5), [FROZEN, JAILED])):
        world = scene()
        world.copies.state["fate"][0, 0] = FROZEN
        steps(world, 200)
        act(world, "vote_3", *[f"vote_{ballot}" for ballot in ballots])
        steps(world, 24)
        assert state(world, "fate") == [*fates, FREE, FREE, FREE]
        assert not world.info["ended"][0]


def test_the_impostor_wins_when_one_of_the_crew_is_left_and_each_further_hit_pays_again():
    """Slots 2 and 3 are out. The shot hits 1 ahead; slot 2's body beside it is hit too, after that."""
    for body, paid in (((2, 9, "N"), 1), ((4, 6, "N"), 2)):
        world = ready_to_tag((1, 9, "N"), (3, 5, "N"), body, (1, 10, "N"), (4, 5, "N"))
        world.copies.state["fate"][0, 2:4] = FROZEN, JAILED
        assert act(world, *["noop"] * 4, "tag") == [-paid] * 4 + [paid]
        assert world.info["ended"][0]
        assert world.terminated.all()


def test_a_crew_that_votes_itself_out_loses():
    world = scene()
    world.copies.state["fate"][0, :2] = FROZEN
    steps(world, 200)
    act(world, *["vote_4"] * 5)
    steps(world, 23)
    assert act(world, *["noop"] * 5) == [-1, -1, -1, -1, 1]


def test_only_the_impostor_sees_its_mark():
    world = scene((3, 5, "S"), (1, 9, "N"), (1, 10, "N"), (2, 9, "N"), (4, 5, "N"), window="full")
    act(world, *["noop"] * 5)
    beam = world.codes.layer[Kind.IMPOSTOR]
    marks = [(world.obs["grid"][0, slot, ..., beam] == Kind.IMPOSTOR).sum() for slot in range(5)]
    assert marks == [0, 0, 0, 0, 1]


def test_step_3000_cuts_the_game():
    world = scene(max_steps=3)
    steps(world, 3)
    assert world.truncated.all()
    assert not world.reward.any()


def test_ballots_against_others_are_noted():
    """In step 2 of a vote each 2 steps: slot 1, oneself, nobody, twice slot 0, oneself and slot 2."""
    world = scene(vote_every=2)
    world.note_events()
    act(world, *["noop"] * 5)
    act(world, "vote_2", "vote_2", "abstain", "vote_1", "vote_5")
    act(world, "noop", "noop", "noop", "vote_1", "vote_3")
    accused = [(e.agent, e.whom) for e in world.happened() if e.what == "accused"]
    assert accused == [(0, 1), (3, 0), (4, 2)]


@pytest.mark.slow
def test_random_play_earns_what_it_does_in_melting_pot():
    """Actions 0 to 7, on a map of 17 columns; means and standard errors of 50 episodes of Melting Pot 2.4."""
    rows = (
        "W" * 17, "W@   @     @   @W", "W  * * === * *  W", "W  @ * === * @  W", "W@    @   @    @W", "W" * 17,
        "WVVVVVVVWWDDDDDDW", "W" * 17,
    )  # fmt: skip
    world = sorrelsim.make("hidden_agenda", 256, seed=1, map="\n".join(rows))
    rng, found = np.random.default_rng(0), []
    pending = np.ones(256, bool)
    while pending.any():
        world.step(rng.integers(8, size=(256, 5)))
        done = world.info["ended"] & pending
        if done.any():
            events, returns = world.info["episode_events"][done], world.info["episode_return"][done]
            length = world.info["episode_length"][done]
            columns = [length, returns[:, IMPOSTOR], *events[..., [GEMS, DEPOSITS, TAGS]].sum(1).T]
            found += np.column_stack([*columns, events[:, IMPOSTOR, DEPOSITS], events[:, IMPOSTOR, ROUNDS]]).tolist()
            pending &= ~done
    found = np.array(found)
    there = {"steps": (911, 74), "impostor": (1.06, 0.03), "gems": (13.6, 0.6), "deposits": (11.4, 0.7)}
    there |= {"shots": (12.0, 1.0), "impostor's deposits": (3.0, 0.2), "votes": (8.9, 0.7)}
    for (name, (mean, s)), ours, e in zip(there.items(), found.mean(0), found.std(0) / 16, strict=True):
        print(f"{name}: {ours:.2f} +- {e:.2f}, there {mean} +- {s}")
    for (mean, s), ours, e in zip(there.values(), found.mean(0), found.std(0) / 16, strict=True):
        assert abs(ours - mean) < 4 * np.hypot(e, s)
