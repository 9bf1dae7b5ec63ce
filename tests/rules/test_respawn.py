"""Being out and coming back: what is seen and paid meanwhile, for how long, and where to."""

import numpy as np
import pytest
from tiny_worlds import (
    FORWARD,
    NOOP,
    ZAP,
    ZAPPING,
    Tiny,
    act,
    board,
    drawn,
    eat,
    grow,
    pay_everybody,
    scene,
    share_ok,
    stand,
)

from sorrelsim import rule
from sorrelsim.rules import movement


def test_an_agent_that_is_out_sees_zeros_from_the_zap_step_on_and_earns_nothing():
    world = scene("0 1 \nP  P", "EW", rules=(*ZAPPING, pay_everybody))
    obs, reward, *_ = act(world, ZAP, NOOP)
    assert board(world) == drawn("""
        >**.
        ***.
    """)
    assert world.out[0, 1] > 0
    assert not obs["grid"][0, 1].any()
    assert not obs["ready"][0, 1].any()
    assert obs["grid"][0, 0].any()
    for _ in range(3):
        obs, reward, *_ = act(world, NOOP, FORWARD)
        assert not obs["grid"][0, 1].any()
        np.testing.assert_array_equal(reward[0], [1, 0])
    obs, reward, *_ = act(world, NOOP, NOOP)
    assert world.out[0, 1] == 0
    assert obs["grid"][0, 1].any()


def test_what_an_agent_earned_in_the_step_in_which_it_is_zapped_is_paid():
    world = scene("0 A1\nP  P", "EW", rules=(movement.move, eat, *ZAPPING[1:]))
    _, reward, *_ = act(world, ZAP, FORWARD)
    assert world.out[0, 1] > 0
    np.testing.assert_array_equal(reward[0], [0, 1])


def test_rewards_while_out_can_be_kept():
    class Keeper(Tiny):
        maps = {"m": "PP"}
        n_agents = 1
        rules = (pay_everybody,)
        keep_rewards_while_out = True

    world = Keeper(1, 0, compiled=False)
    _, reward, *_ = world.step(np.zeros((1, 1), int))
    assert world.out[0, 0] != 0
    assert reward[0, 0] == 1


@pytest.mark.parametrize("timeout", [1, 4, 7])
def test_an_agent_is_out_for_its_timeout_and_back_at_the_end_of_that_step(timeout):
    world = scene("0 1 \nP  P", "EW", rules=ZAPPING, timeout=timeout)
    act(world, ZAP, NOOP)
    unseen = 1
    while world.out[0, 1] != 0:
        assert (world.occupant[0] == 1).sum() == 0
        act(world, NOOP, FORWARD)
        unseen += world.out[0, 1] != 0
    assert unseen == timeout
    assert (world.occupant[0] == 1).sum() == 1


@rule
def send_off(w):
    movement.send_off(w, w.zapped, w.p.timeout)


@pytest.mark.parametrize("timeout", [1, 4])
def test_who_is_sent_off_for_n_steps_misses_one_observation_more(timeout):
    world = scene("0 1 \nP  P", "EW", rules=(*ZAPPING[:2], send_off, movement.respawn), timeout=timeout)
    obs, *_ = act(world, ZAP, NOOP)
    unseen = 0
    while not obs["grid"][0, 1].any():
        obs, *_ = act(world, NOOP, NOOP)
        unseen += 1
    assert unseen == timeout + 1  # that of the zap itself, and one for each step out


def test_respawning_is_uniform_over_free_spawn_cells_with_a_random_facing():
    n = 800
    world = scene("0 1 \nPPPp\nP   ", "EW", rules=ZAPPING, n_worlds=n, seed=5, timeout=1)
    act(world, ZAP, NOOP)
    act(world, NOOP, NOOP)
    assert (world.out[:, 1] == 0).all()
    cells = {(1, 0): 0, (1, 1): 0, (1, 2): 0, (2, 0): 0}
    for row, col in world.pos[:, 1]:
        cells[(row, col)] += 1  # a KeyError if it came back anywhere else, under the crate say
    for count in cells.values():
        assert share_ok(count, n, 1 / 4)
    for facing in range(4):
        assert share_ok((world.facing[:, 1] == facing).sum(), n, 1 / 4)


def test_an_agent_waits_while_no_spawn_cell_is_free():
    world = scene("0 1 \nppP ", "EW", rules=ZAPPING, timeout=1)
    stand(world, 0, 1, 2, "N")  # on the only free spawn cell
    world.occupant[:, 0, 0] = -1
    act(world, ZAP, NOOP)
    for _ in range(4):
        act(world, NOOP, NOOP)
        assert world.out[0, 1] == 1
    act(world, FORWARD, NOOP)
    assert world.out[0, 1] == 0
    assert tuple(world.pos[0, 1]) == (1, 2)


def test_first_spawns_are_without_replacement_on_spawn_cells():
    class Crowd(Tiny):
        maps = {"m": "PPP  \n  PPP"}
        sites = {"spawns": "P"}
        n_agents = 5
        start = (movement.scatter,)

    n = 400
    world = Crowd(n, 3, compiled=False)
    assert ((world.occupant >= 0).sum((1, 2)) == 5).all()
    spawn = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1]], bool)
    assert (world.occupant[:, ~spawn] < 0).all()
    for row, col in np.argwhere(spawn):
        assert share_ok((world.occupant[:, row, col] >= 0).sum(), n, 5 / 6)
        assert share_ok((world.occupant[:, row, col] == 0).sum(), n, 1 / 6)
    assert len({tuple(facings) for facings in world.facing}) > 100


def test_an_agent_that_is_gone_never_returns():
    world = scene("0 1 \nP  P", "EW", rules=ZAPPING, timeout=movement.GONE)
    act(world, ZAP, NOOP)
    for _ in range(60):
        act(world, NOOP, FORWARD)
    assert world.out[0, 1] == movement.GONE
    assert (world.occupant[0] >= 0).sum() == 1


def test_something_that_grows_under_a_standing_agent_is_eaten_at_once():
    world = scene("0..\n...", "E", rules=(movement.move, eat, grow, eat), apple_probability=1.0)
    _, reward, *_ = act(world, NOOP)
    assert reward[0, 0] == 1
    assert (world.grid == 4).sum() == 5  # an apple on every other cell
    _, reward, *_ = act(world, FORWARD)
    assert reward[0, 0] == 2  # the one it walked onto, and the next one that grew there


@rule
def come_back_in_the_east(w):
    for i in range(w.n_agents):
        if movement.is_due(w, i):
            movement.spawn_at(w, i, w.spawns[1:])


@pytest.mark.parametrize("steps", [1, 3])
def test_worlds_say_where_who_is_due_comes_back(steps):
    world = scene("0  1\nP  P", "EW", rules=(come_back_in_the_east,))
    world.occupant[0, 0, 3] = -1
    world.out[0, 1] = steps
    for _ in range(steps - 1):
        act(world, NOOP, NOOP)
        assert world.out[0, 1] > 0
    act(world, NOOP, NOOP)
    assert world.out[0].tolist() == [0, 0]
    assert tuple(world.pos[0, 1]) == (1, 3)
