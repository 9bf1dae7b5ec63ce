"""Grasping: who gets hold of a thing, and where it goes with its holder."""

import pytest
from boards import share_ok
from tiny_worlds import BACKWARD, FORWARD, LEFT, NOOP, TURN_LEFT, TURN_RIGHT, ZAP, Kind, act, board, drawn, scene

from sorrelsim import per_agent, rule
from sorrelsim.rules import draw, grasp


@rule
def hands(w):
    """The action zap takes what lies ahead, or lets go."""
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if w.action[i] == ZAP:
            if w.grip[i] > 0:
                w.grip[i] = 0
            elif not grasp.reach(w, i, Kind.APPLE):
                grasp.reach(w, i, Kind.CRATE)


@rule
def walk(w):
    grasp.move(w, Kind.ZAP_BEAM)


@rule
def shove_first(w):
    """Agent 0 is pushed west, with what it holds."""
    grasp.carry(w, 0, 3, Kind.ZAP_BEAM)


def yard(text, facings, rules=(hands, walk), **settings):
    state = {"grip": per_agent(), "grip_at": per_agent(shape=(2,))}
    attributes = {"state": state, "scalars": {}, "observe": None, "layers": ("object", "fruit", "agent", "beam")}
    return scene(text, facings, rules=rules, attributes=attributes, **settings)


def test_what_is_held_is_pushed_pulled_and_carried_sideways():
    world = yard("......\n.0C...\n......", "E")
    act(world, ZAP)
    for action, expected in (
        (FORWARD, "......\n..>C..\n......"),
        (LEFT, "..>C..\n......\n......"),
        (BACKWARD, ".>C...\n......\n......"),
    ):
        act(world, action)
        assert board(world) == drawn(expected)
    act(world, ZAP)  # lets go
    act(world, BACKWARD)
    assert board(world) == drawn(">.C...\n......\n......")


def test_both_must_fit():
    world = yard("0C.W", "E")
    act(world, ZAP)
    act(world, FORWARD)
    act(world, FORWARD)
    assert board(world) == drawn(".>CW")
    world = yard("W0C1.", "EN")
    act(world, ZAP, NOOP)
    act(world, FORWARD, NOOP)
    act(world, BACKWARD, NOOP)
    assert board(world) == drawn("W>C^.")


def test_a_turn_swings_what_is_held_or_leaves_it_held_where_it_does_not_fit():
    world = yard("...\n.0C\n.W.", "E")
    act(world, ZAP)
    act(world, TURN_LEFT)
    assert board(world) == drawn(".C.\n.^.\n.W.")
    act(world, TURN_RIGHT)
    act(world, TURN_RIGHT)  # a wall lies there
    assert board(world) == drawn("...\n.vC\n.W.")
    act(world, FORWARD)  # into the wall
    act(world, BACKWARD)
    assert board(world) == drawn(".vC\n...\n.W.")


def test_what_a_frozen_agent_holds_swings_all_the_same():
    world = yard("...\n.0C\n...", "E")
    act(world, ZAP)
    world.frozen[:] = 1
    act(world, TURN_RIGHT)
    assert board(world) == drawn("...\n.>.\n.C.")
    act(world, FORWARD)
    assert board(world) == drawn("...\n.>.\n.C.")


def test_nobody_takes_what_is_held_and_of_two_one_gets_it():
    n = 300
    world = yard("0C1.", "EW", n_worlds=n)
    act(world, ZAP, ZAP)
    grip = world.copies.state["grip"] > 0
    assert (grip.sum(1) == 1).all()
    assert share_ok(grip[:, 0].sum(), n, 0.5)
    act(world, NOOP, NOOP)
    held = world.copies.state["grip"].copy()
    act(world, *([ZAP, NOOP] if held[0, 0] == 0 else [NOOP, ZAP]))
    assert (world.copies.state["grip"][0] == held[0]).all()


def test_what_is_not_solid_goes_over_agents_but_not_into_walls():
    world = yard("0A1W", "EN")
    act(world, ZAP, NOOP)
    act(world, FORWARD, NOOP)
    assert board(world) == drawn(".>^W")
    assert world.grid[0, 0, 2, world.codes.layer[Kind.APPLE]] == Kind.APPLE  # under the other one
    act(world, FORWARD, NOOP)  # who is in the way itself
    assert board(world) == drawn(".>^W")
    world = yard("0A.W", "E")
    act(world, ZAP)
    act(world, FORWARD)
    act(world, FORWARD)
    assert board(world) == drawn(".>AW")


def test_a_push_takes_along_what_is_held():
    world = yard("..0C", "E", rules=(hands, shove_first))
    act(world, ZAP)
    act(world, NOOP)
    assert board(world) == drawn("0C..".replace("0", ">"))


@pytest.mark.parametrize(("holds", "shown"), [(True, ">*."), (False, ">A.")])
def test_a_hand_shows_over_what_is_held(holds, shown):
    @rule
    def show(w):
        grasp.show(w, Kind.ZAP_BEAM)

    world = yard("0A.", "E", rules=(hands, show))
    act(world, ZAP if holds else NOOP)
    assert board(world) == drawn(shown)


def test_helpers_say_who_holds_what():
    found = []

    @rule
    def ask(w):
        found.append((grasp.holder(w, Kind.APPLE, 0, 1), grasp.holder(w, Kind.ZAP_BEAM, 0, 1)))

    world = yard("0A.", "E", rules=(hands, ask))
    act(world, NOOP)
    act(world, ZAP)
    assert found == [(-1, -1), (0, -1)]
