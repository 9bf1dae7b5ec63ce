"""Agents: slots to streams, frame stacks, identity, ends of episodes, sharing."""

import numpy as np
import pytest
from fakes import CodeWorld, play

from sorrelsim.agents.learners.ddqn import DDQN
from sorrelsim.library.transforms import make_transform
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel
from sorrelsim.models.fitting import with_identity
from sorrelsim.models.rewards import InequityAversion


class Witness(BaseModel):
    """Remembers what it was given."""

    def __init__(self, *args, n_frames=1, **kwargs):
        super().__init__(*args, **kwargs)
        self._n_frames = n_frames
        self.states, self.transitions, self.trained = [], [], 0

    @property
    def n_frames(self):
        return self._n_frames

    def take_action(self, state):
        return 0

    def take_actions(self, states, seat=None):
        self.states.append(states.copy())
        seat.carry["steps"] += 1
        return np.arange(len(states)) % self.action_space

    def new_carry(self, n_streams):
        return {"steps": np.zeros(n_streams, np.int64)}

    def remember(self, transition):
        self.transitions.append(transition)

    def updates_due(self, before, now):
        return now // 8 - before // 8

    def train_step(self):
        self.trained += 1
        return 1.0


def build(world, slots, **kwargs):
    model = Witness(world.observations, world.action_names, world.n_worlds * len(slots), **kwargs)
    return model, Agent(world, slots, model)


def test_streams_are_copy_major_and_actions_reach_their_slots():
    world = CodeWorld(n_worlds=3, n_agents=4)
    model, agent = build(world, [3, 1])
    before = world.obs.copy()
    agent.transition(world)
    np.testing.assert_array_equal(model.states[0], before[:, [3, 1]].reshape(6, 2, 3, 2))
    np.testing.assert_array_equal(world._submitted[:, [3, 1]], np.array([0, 1, 2, 0, 1, 2]).reshape(3, 2))
    world.step()
    agent.remember(world)
    np.testing.assert_array_equal(model.transitions[0].reward, world.reward[:, [3, 1]].reshape(-1))


def test_stacks_start_with_zeros_in_every_episode_and_final_states_hold_the_true_last_frame():
    world = CodeWorld(n_worlds=2, n_agents=1, length=3)  # copy 0 ends every 3 steps, copy 1 every 4
    model, agent = build(world, [0], n_frames=3)
    clocks = []
    for _ in range(5):
        agent.transition(world)
        clocks.append(model.states[-1][:, :, 1, 2, 1].tolist())
        world.step()
        expected_next = None
        final = world.info.get("final_obs")
        agent.remember(world)
        del expected_next
        if final is not None:
            t = model.transitions[-1]
            np.testing.assert_array_equal(t.final_states[:, -1], final[t.ended, 0])
            np.testing.assert_array_equal(t.final_obs, final[t.ended, 0])
    assert [stack[0] for stack in clocks] == [[0, 0, 20], [0, 20, 21], [20, 21, 22], [0, 0, 20], [0, 20, 21]]
    assert [stack[1] for stack in clocks][3:] == [[21, 22, 23], [0, 0, 20]]
    assert model.transitions[2].final_states[0, :, 1, 2, 1].tolist() == [21, 22, 23]


def test_next_states_are_what_the_next_transition_sees():
    world = CodeWorld(n_worlds=3, n_agents=2, length=3)
    for n_frames in (1, 3):
        model, agent = build(world, [0, 1], n_frames=n_frames)
        seen = []
        original = model.remember
        model.remember = lambda t, keep=original, seen=seen: (keep(t), seen.append(np.copy(t.next_states())))
        play([agent], world, 8)
        for promised, came in zip(seen, model.states[1:], strict=False):
            np.testing.assert_array_equal(promised, came)


def test_a_shared_model_learns_and_decays_once_a_step_not_once_an_agent():
    world = CodeWorld(n_worlds=4, n_agents=2)
    model, agent = build(world, [0, 1])
    play([agent], world, 10)
    assert model.agent_steps == 80
    assert model.trained == 10  # every 8 agent-steps
    assert model.take_losses() == {"loss": 1.0}


def test_streams_of_a_shared_memory_are_never_interleaved():
    world = CodeWorld(n_worlds=2, n_agents=2, length=6)
    model = DDQN.from_config(
        world.observations, world.action_names, 4, {"n_frames": 3, "warmup": 10**6, "memory_size": 400}
    )
    play([Agent(world, [0, 1], model)], world, 60)
    batch = model.memory.sample(100)
    clock = batch.states[:, :, 1, 2, 1].astype(int)
    for row in clock[batch.valid > 0]:
        shown = row[row > 0]
        np.testing.assert_array_equal(np.diff(shown), 1)  # one stream's steps, each once, in order
    following = batch.next_states[:, -1, 1, 2, 1].astype(int)
    assert (following == clock[:, -1] + 1)[batch.valid > 0].all()  # also where an episode was cut short


def test_carry_is_reset_where_an_episode_ends():
    world = CodeWorld(n_worlds=2, n_agents=1, length=3)
    _, agent = build(world, [0])
    play([agent], world, 4)
    assert agent.seat.carry["steps"].tolist() == [1, 0]


def test_an_agent_that_does_not_learn_leaves_no_trace():
    world = CodeWorld()
    model = DDQN.from_config(world.observations, world.action_names, 8, {"memory_size": 800})
    play([Agent(world, [0, 1], model, learn=False, explore=False)], world, 10)
    assert (len(model.memory), model.agent_steps) == (0, 0)


def test_identity_tells_the_slots_of_a_shared_model_apart():
    world = CodeWorld(n_worlds=2, n_agents=3)
    spec = with_identity(world.observations, 2)
    model = DDQN.from_config(spec, world.action_names, 4, {"memory_size": 400, "n_frames": 2, "warmup": 10**6})
    agent = Agent(world, [0, 2], model)
    play([agent], world, 20)
    states = model.memory.sample(30).states
    assert states["identity"].shape == (30, 2, 2)
    assert (states["identity"][:, -1].sum(1) == 1).all()
    np.testing.assert_array_equal(model.memory.current_state()["identity"][:, -1], np.tile(np.eye(2), (2, 1)))


def test_models_learn_from_transformed_rewards_of_all_agents():
    world = CodeWorld(n_worlds=2, n_agents=3)
    model = Witness(world.observations, world.action_names, 2)
    agent = Agent(world, [1], model, make_transform("common"))
    rewards = [play([agent], world, 1)[0].sum() for _ in range(3)]
    np.testing.assert_allclose([t.reward.mean() for t in model.transitions], rewards)


def test_a_transform_given_to_two_agents_counts_each_step_once():
    world, transform = CodeWorld(), InequityAversion()
    agents = [Agent(world, [s], Witness(world.observations, world.action_names, 4), transform) for s in (0, 1)]
    assert agents[0].transform is not agents[1].transform


def test_an_agents_state_survives_saving():
    def begin():
        world = CodeWorld(n_worlds=2, n_agents=1, length=3)
        return world, *build(world, [0], n_frames=3)

    world, _, agent = begin()
    play([agent], world, 5)
    _, other_model, other = begin()
    other.load_state_dict(agent.state_dict())
    agent.transition(world)
    other.transition(world)
    np.testing.assert_array_equal(agent.model.states[-1], other_model.states[-1])
    np.testing.assert_array_equal(agent.seat.carry["steps"], other.seat.carry["steps"])


def test_seats_that_do_not_fit_are_refused():
    world = CodeWorld(n_worlds=4, n_agents=2)
    model = DDQN.from_config(world.observations, world.action_names, 4, {"memory_size": 400})
    with pytest.raises(ValueError, match="slots 0 to 1"):
        Agent(world, [2], model)
    with pytest.raises(ValueError, match="named twice"):
        Agent(world, [0, 0], model)
    with pytest.raises(ValueError, match="built for 4 streams; 4 copies x 2 slots make 8"):
        Agent(world, [0, 1], model)
    with pytest.raises(ValueError, match="actions"):
        Agent(CodeWorld(n_actions=4), [0], model)
    with pytest.raises(RuntimeError, match="before transition"):
        Agent(world, [0], model).remember(world)


def test_an_agents_state_is_checked_before_anything_of_it_is_taken():
    world = CodeWorld(n_worlds=2)
    _, agent = build(world, [0, 1], n_frames=2)
    play([agent], world, 3)
    state = agent.state_dict()
    (stack,) = state["stack"].values()
    for hostile in (
        {"stack": {"grid": stack[:1]}},
        {"stack": {"grid": stack.astype(float)}},
        {"stack": {}},
        {"carry": {"x": np.zeros(4)}},
        {"more": 1},
    ):
        with pytest.raises(ValueError, match=r"stack|carry|more"):
            agent.load_state_dict(state | hostile)
        assert np.array_equal(agent.state_dict()["stack"]["grid"], stack)
