"""Games side by side: models that they share are asked in one call, and nobody acts otherwise than alone."""

import numpy as np
import pytest

import sorrelsim
from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.agents.learners.ppo import PPO
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.playing import choose_together
from sorrelsim.play.game import Game
from sorrelsim.play.opponents import seat_again
from sorrelsim.play.options import PlayOptions
from sorrelsim.play.room import Room
from sorrelsim.play.session import Session

FIELD = "WWWWWWW\nWP P PW\nW  g  W\nWP f PW\nWWWWWWW"


def world_of(seed):
    return sorrelsim.make("treasure_hunt", 1, seed, compiled=False, map=FIELD, n_agents=2, max_steps=7)


def model_of(world, kind):
    if kind == "ddqn":
        return DDQN.from_config(world.observations, world.action_names, 0, {"n_frames": 2}, seed=4)
    return PPO.from_config(world.observations, world.action_names, 0, {"recurrent": "gru", "recurrent_size": 8}, 4)


@pytest.mark.parametrize("kind", ["ddqn", "ppo"])
def test_games_that_share_a_model_ask_it_once_a_turn_and_play_as_they_would_alone(kind, monkeypatch):
    first = world_of(0)
    shared = [Agent(first, [0, 1], model_of(first, kind), learn=False, explore=False)]
    calls = []
    take_actions = type(shared[0].model).take_actions

    def counted(model, states, seat=None):
        calls.append(seat.n_streams)
        return take_actions(model, states, seat)

    monkeypatch.setattr(type(shared[0].model), "take_actions", counted)
    room = Room()
    with room.together():
        for seed in range(3):
            world = world_of(seed)
            session = Session(world, seat_again(shared, world), ["a", "b"], thinking=room.thinking)
            room.games.append(Game(session, PlayOptions(speed=10)))
    played = [[], [], []]
    for tick in range(42):  # twenty turns of 0.1 s, looked at every 0.05 s, over two ends of episodes
        room.advance(tick / 20)
        for game, actions in zip(room.games, played, strict=True):
            if game.session.turns > len(actions):
                actions.append(game.session.actions.tolist())
            if game.over:
                game.go_on()
    assert room.due(42 / 20) <= 0.1
    n_turns = len(played[0])
    assert n_turns >= 12
    room.close()
    # One call of six streams, three games of two slots, for every turn and one more for the turn that never came.
    assert calls == [6] * (n_turns + 1)

    for seed, actions in enumerate(played):
        alone = world_of(seed)
        session = Session(alone, [Agent(alone, [0, 1], model_of(alone, kind), learn=False, explore=False)], ["a", "b"])
        for expected in actions:
            session.step({})
            assert session.actions.tolist() == expected
        session.close()


class Counts(BaseModel):
    """Chooses by what it counted in its carry, among what is allowed."""

    def new_carry(self, n_streams):
        return {"turns": np.zeros(n_streams, np.int64)}

    def take_action(self, state):
        raise NotImplementedError

    def take_actions(self, states, seat=None):
        seat.carry["turns"] += 1
        return seat.carry["turns"] % self.action_space


def test_every_agent_keeps_its_own_carry():
    worlds = [world_of(seed) for seed in range(2)]
    model = Counts(worlds[0].observations, worlds[0].action_names)
    agents = [Agent(world, [0, 1], model, learn=False) for world in worlds]
    agents[1].seat.carry["turns"][:] = (1, 5)
    choose_together(zip(agents, worlds, strict=True))
    assert [agent.seat.carry["turns"].tolist() for agent in agents] == [[1, 1], [2, 6]]
    assert [world.submitted[0].tolist() for world in worlds] == [[1, 1], [2, 2]]  # of four actions


def test_what_goes_wrong_for_one_game_is_raised_in_each_that_asked():
    room, sessions = Room(), []
    with room.together():
        for seed in range(2):
            world = world_of(seed)
            agents = [Agent(world, [0, 1], Fails(world.observations, world.action_names), learn=False)]
            sessions.append(Session(world, agents, ["a", "b"], thinking=room.thinking))
    for session in sessions:
        with pytest.raises(ZeroDivisionError, match="no idea"):
            session.step({})
    room.close()


class Fails(BaseModel):
    def take_action(self, state):
        raise ZeroDivisionError("no idea")


def test_a_game_that_needs_its_answer_does_not_wait_for_the_others():
    room, world = Room(), world_of(0)
    agents = [Agent(world, [0, 1], Counts(world.observations, world.action_names), learn=False)]
    with room.together():
        session = Session(world, agents, ["a", "b"], thinking=room.thinking)
        session.step({})
        session.step({})
    assert session.actions.tolist() == [2, 2]
    session.close()
    room.close()
