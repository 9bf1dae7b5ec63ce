"""Daycare: who can pick and see what, holding and stealing, hunger and return, what a meal pays."""

import numpy as np
import pytest
from boards import act, seat, share_ok

import sorrelsim
from sorrelsim.worlds.daycare import GARDEN, Kind

FAILED, PICKED, DROPPED, APPLES, BANANAS, RESETS, OUT, RETURNS = range(8)


def scene(text, child, parent, n_worlds=1, **settings):
    """A scene in a wall, with the spawns below it; the first step, in which fruit appears, has been taken.

    T, B, s, b are trees and shrubs of apples and bananas. Coordinates count the wall.
    """
    width = max(map(len, text.splitlines()))
    rows = [f"W{line.ljust(width)}W" for line in text.splitlines()]
    room = "\n".join(["W" * (width + 2), *rows, "W" * (width + 2), "P" * (width + 2)])
    world = sorrelsim.make("daycare", n_worlds, map=room, compiled=False, **settings)
    seat(world, child, parent)
    world.step(np.zeros((n_worlds, 2), int))
    return world


def lies(world, row, col, layer="fruit"):
    return world.grid[0, row, col, world.codes.layers.index(layer)]


def counts(world, slot):
    return world.event_counts[0, slot].astype(int).tolist()


def test_the_map_has_its_contents():
    assert [len(row) for row in GARDEN.splitlines()] == [20] * 13
    world = sorrelsim.make("daycare", compiled=False)
    assert len(world.map.sites["trees"]) == 189
    assert world.map.sites["spawns"].tolist() == [[row, col] for row in (5, 6, 7) for col in (8, 9, 10)]
    assert (world.n_agents, world.n_actions) == (2, 9)


def test_default_numbers():
    numbers = {n: v[0].tolist() for n, v in sorrelsim.make("daycare", compiled=False).copies.params.items()}
    assert numbers == {
        "trees": [0.8, 0.15, 0.03, 0.01, 0.01], "child_grasp": 0.3, "child_banana_value": 1.0, "child_apple_value": 0.0,
        "parent_value": 1.0, "hunger_steps": 200, "away_steps": 100, "regrowth_steps": 50, "max_steps": 1000,
    }  # fmt: skip


def test_trees_stand_with_their_shares_and_bear_fruit_from_the_first_step_on():
    world = sorrelsim.make("daycare", 60, seed=2, compiled=False)
    ground = world.grid[..., 0]
    n = 60 * 189
    bare = [int((ground == kind).sum()) for kind in range(Kind.APPLE_TREE, Kind.BANANA_SHRUB + 1)]
    for found, share in zip(bare, (0.15, 0.03, 0.01, 0.01), strict=True):
        assert share_ok(found, n, share)
    assert not (ground > Kind.BANANA_SHRUB).any()
    world.step(np.zeros((60, 2), int))
    ground = world.grid[..., 0]
    assert [int((ground == kind + 4).sum()) for kind in range(Kind.APPLE_TREE, Kind.BANANA_SHRUB + 1)] == bare


def test_fruit_can_be_grasped_in_the_first_step():
    world = sorrelsim.make("daycare", map="WWWWW\nWP TW\nWP  W\nWWWWW", compiled=False)
    seat(world, (2, 1, "N"), (1, 2, "E"))
    act(world, "noop", "grasp")
    assert (lies(world, 1, 3), lies(world, 1, 3, "ground")) == (Kind.APPLE, Kind.APPLE_TREE)
    assert counts(world, 1)[PICKED] == 1


def test_to_a_child_trees_are_shrubs_and_to_a_parent_bananas_are_apples():
    world = scene("TBsb", (1, 1, "N"), (3, 1, "N"), window="full")
    child, parent = world.obs["grid"][0, :, 1, 1:5, 0].tolist()
    assert child == [Kind.APPLE_IN_SHRUB, Kind.BANANA_IN_SHRUB] * 2
    assert parent == [Kind.APPLE_IN_TREE, Kind.APPLE_IN_TREE, Kind.APPLE_IN_SHRUB, Kind.APPLE_IN_SHRUB]
    world = scene("B", (3, 1, "N"), (3, 2, "N"), window="full")
    seat(world, (3, 2, "N"), (2, 1, "N"))
    act(world, "noop", "grasp")
    fruit = world.codes.layers.index("fruit")
    assert world.obs["grid"][0, :, 1, 1, fruit].tolist() == [Kind.BANANA, Kind.APPLE]
    assert world.obs["grid"][0, :, 1, 1, 0].tolist() == [Kind.BANANA_SHRUB, Kind.APPLE_TREE]


def test_a_parent_picks_and_eats_everything_but_not_twice_in_a_row():
    world = scene("T B", (3, 1, "N"), (1, 2, "W"))
    assert act(world, "noop", "grasp") == [0, 0]
    assert act(world, "noop", "grasp") == [0, 0]  # no new press: it holds on
    assert lies(world, 1, 1) == Kind.APPLE
    assert act(world, "noop", "eat") == [0, 1]
    assert act(world, "noop", "eat") == [0, 0]
    for action in ("turn_right", "turn_right", "grasp"):
        act(world, "noop", action)
    assert act(world, "noop", "eat") == [0, 1]
    assert counts(world, 1) == [0, 2, 0, 1, 1, 0, 0, 0]


def test_a_child_never_picks_from_trees_and_from_shrubs_three_times_in_ten():
    world = scene("Tb", (1, 1, "N"), (3, 2, "N"), n_worlds=2000)
    seat(world, (1, 1, "E"), (3, 1, "N"))
    world.step(np.tile([8, 0], (2000, 1)))
    assert share_ok(world.event_counts[:, 0, PICKED].sum(), 2000, 0.3)
    assert (world.event_counts[:, 0, [FAILED, PICKED]].sum(1) == 1).all()
    world = scene("B", (3, 1, "N"), (3, 2, "N"), child_grasp=1)
    seat(world, (2, 1, "N"), (3, 2, "N"))
    for action in ("grasp", "noop", "grasp"):
        act(world, action, "noop")
    assert counts(world, 0)[:2] == [2, 0]


def test_what_is_held_goes_along_over_walls_trees_and_agents_and_is_let_go_where_no_tree_stands():
    world = scene("T  s \n     ", (2, 5, "N"), (1, 2, "W"))
    act(world, "noop", "grasp")
    assert lies(world, 1, 1) == Kind.APPLE
    act(world, "noop", "noop")
    act(world, "noop", "grasp")  # over its tree: nothing happens
    assert world.copies.state["held"][0, 1] > 0
    act(world, "noop", "step_left")  # facing west, to the left is south
    assert (lies(world, 1, 1), lies(world, 2, 1)) == (0, Kind.APPLE)
    act(world, "noop", "forward")  # onto the cell where the fruit was: that goes into the wall
    assert lies(world, 2, 0) == Kind.APPLE
    assert world.pos[0, 1].tolist() == [2, 1]
    act(world, "noop", "grasp")  # on a wall it may lie
    assert (world.copies.state["held"][0, 1], lies(world, 2, 0)) == (0, Kind.APPLE)
    assert counts(world, 1)[DROPPED] == 1
    act(world, "noop", "backward")
    assert lies(world, 2, 0) == Kind.APPLE  # left behind
    for action in ("forward", "grasp", "turn_right", "turn_right"):
        act(world, "noop", action)
    assert lies(world, 2, 2) == Kind.APPLE  # picked up again, and swung round to the east
    act(world, "noop", "forward")
    act(world, "noop", "forward")
    assert world.pos[0, 1].tolist() == [2, 3]
    act(world, "noop", "forward")  # the agent can go on to 4; the apple comes to lie over the child
    assert (world.pos[0, 1].tolist(), lies(world, 2, 5)) == ([2, 4], Kind.APPLE)
    act(world, "noop", "turn_left")  # north: over the shrub
    assert lies(world, 1, 4) == Kind.APPLE
    assert counts(world, 1)[DROPPED] == 1


def test_it_does_not_go_where_other_fruit_lies():
    """An apple lies at (2, 1). What is held there is refused by a walk, and by a turn left behind, still held."""
    world = scene("T  \n   \nb  ", (3, 3, "N"), (1, 2, "W"))
    for action in ("grasp", "step_left", "grasp"):  # takes the apple down to (2, 1), lets go
        act(world, "noop", action)
    assert (lies(world, 2, 1), world.pos[0, 1].tolist()) == (Kind.APPLE, [2, 2])
    for action in ("step_left", "grasp"):
        act(world, "noop", action)
    assert lies(world, 3, 1) == Kind.BANANA  # held by the parent at (3, 2)
    act(world, "noop", "step_right")
    assert (lies(world, 3, 1), world.pos[0, 1].tolist()) == (Kind.BANANA, [3, 2])  # refused
    seat(world, (3, 3, "N"), (3, 1, "N"))  # below the apple, the banana where it is
    act(world, "noop", "turn_left")
    act(world, "noop", "turn_right")  # north, where the apple lies
    held = world.copies.state["held"][0, 1], world.copies.state["grip_at"][0, 1].tolist()
    assert held[0] > 0
    assert held[1] == [3, 0]  # swung west into the wall, and left there
    act(world, "noop", "step_right")
    assert world.copies.state["grip_at"][0, 1].tolist() == [3, 1]  # goes along at its offset


def test_a_theft_holds_half_of_the_time():
    n = 2000
    world = scene("T   \n    ", (2, 1, "N"), (1, 2, "W"), n_worlds=n)
    world.step(np.tile([0, 8], (n, 1)))
    world.step(np.tile([8, 0], (n, 1)))  # the child stands south of the apple and takes it
    child, parent = world.copies.state["held"].T
    assert ((child > 0) ^ (parent > 0)).all()
    assert share_ok((child > 0).sum(), n, 0.5)


def test_what_was_in_the_hand_when_the_step_began_is_eaten_before_anybody_can_take_it():
    world = scene("T   \n    ", (2, 1, "N"), (1, 2, "W"))
    act(world, "noop", "grasp")
    assert act(world, "grasp", "eat") == [0, 1]
    assert world.copies.state["held"][0].tolist() == [0, 0]
    assert (counts(world, 0)[PICKED], counts(world, 1)[APPLES]) == (0, 1)


def test_a_banana_fills_a_child_up_and_an_apple_does_nothing():
    world = scene("sb", (2, 1, "N"), (2, 2, "N"), child_grasp=1)
    seat(world, (1, 1, "E"), (3, 1, "N"))
    for _ in range(9):
        act(world, "noop", "noop")
    assert world.obs["hunger"][0, :, 0].tolist() == [np.float32(0.95), 1]  # ten steps of 200
    act(world, "grasp", "noop")
    assert act(world, "eat", "noop") == [1, 0]
    assert world.obs["hunger"][0, 0, 0] == 1
    seat(world, (1, 2, "W"), (3, 1, "N"))
    act(world, "grasp", "noop")
    assert act(world, "eat", "noop") == [0, 0]
    assert world.obs["hunger"][0, 0, 0] == np.float32(0.99)
    assert counts(world, 0) == [0, 2, 0, 1, 1, 1, 0, 0]


def test_eaten_fruit_is_back_after_50_steps():
    world = scene("T ", (3, 1, "N"), (1, 2, "W"))
    act(world, "noop", "grasp")
    act(world, "noop", "eat")
    for _ in range(50):
        assert lies(world, 1, 1, "ground") == Kind.APPLE_TREE
        act(world, "noop", "noop")
    assert lies(world, 1, 1, "ground") == Kind.APPLE_TREE
    act(world, "noop", "noop")
    assert lies(world, 1, 1, "ground") == Kind.APPLE_IN_TREE


def alone(n_worlds=1, **settings):
    """A child far from its parent, before the first step, with an apple tree west of the parent."""
    room = "WWWWWWW\nWT   PW\nW     W\nWP    W\nWWWWWWW"
    world = sorrelsim.make("daycare", n_worlds, map=room, compiled=False, **settings)
    return seat(world, (3, 1, "N"), (1, 2, "W"))


def test_storyboard_of_hunger():
    """All noop: .995 in step 1; out in the pictures of 200 to 300; back in 301, full, facing north, by its parent."""
    world = alone()
    seen = []
    for _ in range(302):
        act(world, "noop", "noop")
        seen.append(float(world.obs["hunger"][0, 0, 0]))
    assert seen[0] == np.float32(0.995)
    assert seen[198] == np.float32(0.005)
    assert seen[199:300] == [0.0] * 101
    assert seen[300:] == [1.0, np.float32(0.995)]
    assert (world.out[0, 0], world.facing[0, 0]) == (0, 0)
    at = tuple(world.pos[0, 0])
    assert at in {(1, 1), (1, 3), (2, 2), (3, 1)}  # beside the parent, or where it was
    assert counts(world, 0)[OUT:] == [1, 1]


def test_where_a_child_returns():
    """Of the parent's cell and three others (a wall is north of it) each has a quarter; its own is blocked: (3, 1)."""
    n = 400
    world = alone(n, hunger_steps=2, away_steps=1)
    for _ in range(4):  # out in step 2, back in step 4
        world.step(np.zeros((n, 2), int))
    assert (world.out == 0).all()
    for place in ((1, 1), (1, 3), (2, 2), (3, 1)):
        assert share_ok((world.pos[:, 0] == place).all(1).sum(), n, 0.25)


def test_moves_while_out_shift_the_place_and_that_of_the_return_counts():
    """Out in step 1 at (3, 1); steps 2 and 3 move the place east through a wall; in step 4 it is back, and moves."""
    room = "WWWWWWW\nW P  PW\nWWWWWWW\nWPW   W\nWWWWWWW"
    world = sorrelsim.make("daycare", 60, map=room, compiled=False, hunger_steps=1, away_steps=2)
    seat(world, (3, 1, "N"), (1, 2, "W"))
    for action in ("noop", "step_right", "step_right"):
        world.step(np.tile([world.action_names.index(action), 0], (60, 1)))
    assert (world.pos[:, 0] == (3, 3)).all()
    world.step(np.tile([world.action_names.index("step_right"), 0], (60, 1)))
    # By the parent at (1, 1), whence the parent is in its way, or at (1, 3), whence to (1, 4); where it was, to (3, 4).
    found = {tuple(place) for place in world.pos[:, 0]}
    assert found == {(1, 1), (1, 4), (3, 4)}


def test_a_parent_alone_eats_for_nothing():
    """Storyboard: in step 250, with the child out, 0; in 301, when it has just come back, still 0; in 200 it counts."""
    world = alone(regrowth_steps=0)
    paid = {}
    for step in range(1, 304):
        action = "grasp" if step in (199, 249, 300, 302) else "eat" if step in (200, 250, 301, 303) else "noop"
        paid[step] = act(world, "noop", action)[1]
        world.facing[0, 1] = 3  # west, at its tree
    assert [step for step, reward in paid.items() if reward] == [200, 303]
    assert counts(world, 1)[APPLES] == 4


def test_the_last_chance_is_the_step_before_the_time_is_up():
    """Of four steps the child eats in the third: full, it has three left at the end of the fourth."""
    world = scene("b \n  ", (2, 1, "N"), (2, 2, "N"), child_grasp=1, hunger_steps=4)
    act(world, "grasp", "noop")
    assert act(world, "eat", "noop") == [1, 0]
    act(world, "noop", "noop")
    assert world.obs["hunger"][0, 0, 0] == 0.75
    assert counts(world, 0)[OUT] == 0


def test_what_a_starving_child_holds_is_lost_and_grows_again():
    world = scene("sT", (2, 1, "N"), (2, 2, "N"), child_grasp=1, hunger_steps=4, regrowth_steps=1)
    seat(world, (2, 1, "N"), (3, 2, "N"))
    act(world, "noop", "noop")
    act(world, "grasp", "noop")  # step 3
    assert lies(world, 1, 1) == Kind.APPLE
    act(world, "eat", "noop")  # step 4: too late
    assert counts(world, 0)[APPLES] == 0
    assert (lies(world, 1, 1), lies(world, 1, 1, "ground")) == (0, Kind.APPLE_SHRUB)
    act(world, "noop", "noop")
    act(world, "noop", "noop")  # gone in 4, back after 1: in 6
    assert lies(world, 1, 1, "ground") == Kind.APPLE_IN_SHRUB


def test_thefts_are_noted():
    world = scene("T   \n    ", (2, 1, "N"), (1, 2, "W"))
    world.note_events()
    for actions in (("noop", "grasp"), ("grasp", "noop")) * 20:
        act(world, *actions)
    taken = [(e.agent, e.whom, e.is_banana) for e in world.happened() if e.what == "taken"]
    assert (0, 1, 0) in taken
    assert (1, 0, 0) in taken


@pytest.mark.parametrize(("tree", "is_banana"), [("T", 0), ("B", 1)])
def test_meals_of_what_another_dropped_are_noted(tree, is_banana):
    """The parent takes a fruit down to (2, 1), and the child eats it; then it eats one that it dropped itself."""
    world = scene(f"{tree}   \n    ", (1, 4, "N"), (1, 2, "W"), regrowth_steps=0)
    world.note_events()
    for action in ("grasp", "step_left", "grasp"):
        act(world, "noop", action)
    seat(world, (2, 2, "W"), (1, 4, "N"))
    act(world, "grasp", "noop")
    assert act(world, "eat", "noop") == [is_banana, 0]
    fed = [(e.agent, e.whom, e.is_banana) for e in world.happened() if e.what == "fed"]
    assert fed == [(1, 0, is_banana)]
    act(world, "noop", "noop")
    seat(world, (1, 4, "N"), (1, 2, "W"))
    for action in ("grasp", "step_left", "grasp", "noop", "grasp", "eat"):
        rewards = act(world, "noop", action)
    assert rewards == [0, 1]
    assert not [e for e in world.happened() if e.what == "fed"]


@pytest.mark.slow
def test_random_play_earns_what_it_does_in_melting_pot():
    """Means and standard errors of 43 episodes of Melting Pot 2.4."""
    world = sorrelsim.make("daycare", 1000, seed=1, max_steps=2000)
    rng = np.random.default_rng(0)
    for _ in range(1000):
        world.step(rng.integers(9, size=(1000, 2)))
    events = world.event_counts
    found = np.column_stack([
        world.episode_return, events[..., APPLES] + events[..., BANANAS], events[:, 0, FAILED], events[:, 1, PICKED],
    ])  # fmt: skip
    assert (events[events[:, 0, RESETS] == 0][:, 0, OUT] == 3).all()
    there = {"child": (0.16, 0.06), "parent": (5.3, 0.4), "child eats": (0.5, 0.1), "parent eats": (7.8, 0.5)}
    there |= {"failed": (9.7, 0.5), "parent picks": (11.1, 0.6)}
    for (name, (mean, s)), ours, e in zip(there.items(), found.mean(0), found.std(0) / 1000**0.5, strict=True):
        print(f"{name}: {ours:.2f} +- {e:.2f}, there {mean} +- {s}")
        assert abs(ours - mean) < 4 * np.hypot(e, s)
