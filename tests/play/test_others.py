"""Agents of a session think while people look: nothing waits for them but the next turn, and nothing else changes."""

import threading

import numpy as np
import pytest

import sorrelsim
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.playing import play_step
from sorrelsim.play.opponents import seat_opponents
from sorrelsim.play.session import Session

FIELD = "WWWWWWW\nWP P PW\nW  g  W\nWP f PW\nWWWWWWW"


def world_of(seed=3, **more):
    return sorrelsim.make("treasure_hunt", 1, seed, compiled=False, map=FIELD, max_steps=10, **more)


class Waits(BaseModel):
    """Chooses action 1, once it may; keeps the names of the threads in which it was asked."""

    may = threading.Event()

    def take_action(self, state):
        raise NotImplementedError

    def take_actions(self, states, seat=None):
        self.threads = [*getattr(self, "threads", []), threading.current_thread().name]
        assert self.may.wait(20)
        return np.ones(len(states), np.int64)


def seated(world, model):
    return [Agent(world, range(world.n_agents), model, learn=False)]


def test_a_session_waits_for_its_agents_only_when_it_takes_a_turn():
    world = world_of()
    model = Waits(world.observations, world.action_names, 0)
    model.may.clear()
    session = Session(world, seated(world, model), ["waits"] * 2, [0])  # returns although the model cannot choose yet
    assert session.turns == 0
    model.may.set()
    session.ready()
    session.step({0: 2})
    assert session.actions.tolist() == [2, 1]  # the person's, who overrules the model, and the model's
    session.step({0: 3})
    session.close()
    # The third call is for the turn that never came; none was made in this thread.
    assert len(model.threads) == 3
    assert all(name.startswith("others") for name in model.threads)


def test_what_agents_choose_is_what_they_would_choose_if_all_waited_for_them():
    session = Session(world_of(), seat_opponents(world_of(), "random", 5)[0], ["random"] * 2)
    plain = world_of()
    agents, _ = seat_opponents(plain, "random", 5)
    for _ in range(25):  # over two ends of episodes
        session.step({})
        play_step(plain, agents)
        np.testing.assert_array_equal(session.actions, plain.submitted[0])
        np.testing.assert_array_equal(session.world.grid, plain.grid)
    session.close()


def test_what_was_chosen_before_a_restart_is_forgotten():
    world = world_of()
    model = Waits(world.observations, world.action_names, 0)
    model.may.set()
    session = Session(world, seated(world, model), ["waits"] * 2, [0])
    session.step({0: 1})
    session.ready()
    session.restart()
    session.step({0: 1})
    session.close()
    assert len(model.threads) == 4  # two turns played, one forgotten, one chosen ahead
    assert (session.turns, session.turn) == (2, 1)


def test_what_goes_wrong_while_they_think_is_raised_at_the_turn():
    class Fails(Waits):
        def take_actions(self, states, seat=None):
            raise ZeroDivisionError("no idea")

    world = world_of()
    session = Session(world, seated(world, Fails(world.observations, world.action_names, 0)), ["fails"] * 2)
    with pytest.raises(ZeroDivisionError, match="no idea"):
        session.step({})
    session.close()
