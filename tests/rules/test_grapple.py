"""Grappling: who is held, for how long, and where shoves and pulls move them."""

from boards import share_ok
from tiny_worlds import FORWARD, NOOP, TURN_LEFT, Kind, act, board, drawn, scene

from sorrelsim import Events, per_agent, rule
from sorrelsim.rules import events, grapple, movement

ACTIONS = (*movement.EGOCENTRIC, *grapple.ACTIONS)
HOLD, SHOVE, PULL = range(7, 10)


class Event(Events):
    HELD = 0
    HOLDS = events.pair("push")


@rule
def grapples(w):
    grapple.grapple(w, HOLD, Kind.ZAP_BEAM, Event.HELD, Event.HOLDS)


@rule
def see_ready(w, i, into):
    into[0] = grapple.ready(w, i)


def ring(text, facings, **settings):
    attributes = {
        "actions": ACTIONS, "events": Event, "scalars": {"ready": 1}, "observe": see_ready,
        "state": {"held_by": per_agent(), "stunned": per_agent()},
    }  # fmt: skip
    rules = (movement.move, grapples, movement.thaw)
    world = scene(text, facings, rules=rules, attributes=attributes, **settings)
    world.note_events()
    return world


def places(world, copy=0):
    return [tuple(place) for place in world.pos[copy].tolist()]


def test_a_hold_reaches_two_cells_and_freezes_both_in_the_next_step():
    world = ring("0 1  ", "EN")
    act(world, HOLD, NOOP)
    assert board(world) == drawn(">**..")  # the beam, over the other
    act(world, FORWARD, TURN_LEFT)  # neither goes nor turns
    assert board(world) == drawn(">.^..")
    act(world, FORWARD, TURN_LEFT)
    assert board(world) == drawn(".><..")
    world = ring("0  1 ", "EN")  # one cell further on there is nobody to hold
    act(world, HOLD, NOOP)
    act(world, FORWARD, TURN_LEFT)
    assert board(world) == drawn(".>.<.")


def test_walls_and_the_first_agent_end_the_beam():
    world = ring("012  ", "EWN")
    act(world, HOLD, NOOP, NOOP)
    act(world, NOOP, TURN_LEFT, TURN_LEFT)
    assert world.facing[0].tolist() == [1, 3, 3]  # the second one is held, the third is not
    world = ring("0W1  ", "EN")
    act(world, HOLD, NOOP)
    assert world.event_counts[0, 0, 0] == 0


def test_who_was_held_cannot_grapple_in_the_next_step():
    world = ring("0 1  ", "EW")
    ready = []
    for actions in ((HOLD, NOOP), (NOOP, HOLD), (NOOP, HOLD), (NOOP, NOOP)):
        act(world, *actions)
        ready.append(world.obs["ready"][0, :, 0].tolist())
    assert ready == [[1, 0], [1, 0], [0, 1], [0, 1]]  # its hold in the second step is void, the one in the third is not


def test_mutual_holds_both_succeed():
    world = ring("01", "EW")
    act(world, HOLD, HOLD)
    assert world.event_counts[0, :, 0].tolist() == [1, 1]
    assert world.obs["ready"][0, :, 0].tolist() == [0, 0]


def test_shoves_and_pulls_move_whom_they_hold_where_there_is_room():
    world = ring("01 . ", "EN")
    act(world, SHOVE, NOOP)
    assert places(world) == [(0, 0), (0, 2)]
    act(world, SHOVE, FORWARD)  # both stand still; the holder can hold again at once
    assert places(world) == [(0, 0), (0, 3)]
    act(world, PULL, NOOP)  # now out of reach
    assert places(world) == [(0, 0), (0, 3)]
    world = ring(" 0 1 ", "EN")
    act(world, PULL, NOOP)
    assert places(world) == [(0, 1), (0, 2)]
    act(world, PULL, NOOP)  # the holder itself is in the way
    assert places(world) == [(0, 1), (0, 2)]
    world = ring("01W", "EN")
    act(world, SHOVE, NOOP)
    assert places(world) == [(0, 0), (0, 1)]
    pushes = [event.push for event in world.happened() if event.what == "holds"]
    assert pushes == [1]


def test_a_hold_takes_the_place_of_a_longer_freeze():
    world = ring("0 1  ", "EE")
    world.frozen[:, 1] = 9
    act(world, HOLD, NOOP)
    act(world, NOOP, FORWARD)
    act(world, NOOP, FORWARD)
    assert places(world)[1] == (0, 3)


def test_the_last_to_hold_is_the_holder_and_any_shove_follows_its_facing():
    # 0 looks east and shoves; 2 looks north from below and only holds. The last to hold leads: half each.
    n = 400
    world = ring("...\n01.\n.2.", "ENN", n_worlds=n)
    act(world, SHOVE, NOOP, HOLD)
    went = [tuple(place) for place in world.pos[:, 1].tolist()]
    assert set(went) == {(1, 2), (0, 1)}
    assert share_ok(went.count((1, 2)), n, 0.5)
    assert (world.event_counts[:, [0, 2], 0] == 1).all()


def test_who_is_out_neither_holds_nor_is_held():
    world = ring("0 1  ", "EN")
    world.out[:, 0] = -1
    world.occupant[:, 0, 0] = -1
    act(world, HOLD, NOOP)
    assert world.event_counts[0, 0, 0] == 0
    assert world.obs["ready"][0, :, 0].tolist() == [0, 1]
