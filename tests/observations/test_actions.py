"""Action specs, and actions that are numbers on their way through agents, memories, checkpoints and checks."""

import dataclasses

import numpy as np
import pytest

from sorrelsim import Agent, BaseModel, Buffer, ObservationSpec
from sorrelsim.agents.random import Random
from sorrelsim.models.checkpoint import CheckpointError
from sorrelsim.models.memory.rollout import Rollout
from sorrelsim.models.playing import play_step
from sorrelsim.observations.actions import ActionSpec
from sorrelsim.observations.spec import Part
from sorrelsim.testing import CheckFailed, check_model
from sorrelsim.testing.plane import LENGTH, Plane

PUSH = ActionSpec.box([-0.5, -1.0], [0.5, 1.0])


class Homing(BaseModel):
    """Walks straight home, in leaps that are longer than allowed."""

    acts = ("continuous",)

    def take_action(self, state):
        return 10 * (state["goal"] - state["place"])


class Remembers(Homing):
    """Keeps what it did."""

    def train_step(self):
        return 0.0


def test_a_spec_says_shape_dtype_and_range():
    named = ActionSpec.of(["left", "right"])
    assert (named.kind, named.size, named.shape, named.dtype) == ("discrete", 2, (), np.int64)
    assert ActionSpec.of(named) is named
    assert (PUSH.kind, PUSH.size, PUSH.shape, PUSH.dtype, PUSH.bounded) == ("continuous", 2, (2,), np.float32, True)
    wide = ActionSpec.box(-np.inf, 3, (2, 1))
    assert (wide.low, wide.high, wide.bounded) == ((-np.inf, -np.inf), (3, 3), False)
    assert wide.told() == "float32[2, 1] from -inf to 3"
    with pytest.raises(ValueError, match="there are no actions: give their names"):
        ActionSpec.of([])
    with pytest.raises(ValueError, match="number 1 of an action goes from 3 to 2"):
        ActionSpec.box([0, 3], [1, 2])


def test_what_lies_beyond_the_range_is_cut_off_and_names_stay():
    assert PUSH.clip(np.array([[0.6, -3], [0.25, 1]])).tolist() == [[0.5, -1], [0.25, 1]]
    chosen = np.array([1, 0])
    assert ActionSpec(("a", "b")).clip(chosen) is chosen


def test_differences_are_told_item_by_item():
    assert PUSH.differences(PUSH) == []
    assert PUSH.differences(PUSH.signature()) == []
    assert PUSH.differences(ActionSpec.box([-0.5, -1], [0.5, 2])) == [
        "high of an action is [0.5, 2.0] there, [0.5, 1.0] here"
    ]
    assert PUSH.differences(["a"]) == ["actions are named there, continuous here"]
    assert ActionSpec(("a",)).differences(["b"]) == ["action 0 is 'b' there, 'a' here"]


def test_an_agent_submits_what_is_allowed_and_remembers_what_was_chosen():
    world = Plane(3, seed=1)
    model = Remembers(world.observations, world.action_spec, 6)
    agent = Agent(world, [0, 1], model)
    chosen = 10 * (world.parts["goal"] - world.parts["place"])
    play_step(world, [agent])
    assert np.array_equal(world.submitted, np.clip(chosen, [-0.5, -1], [0.5, 1]))
    assert model.memory.ring.actions.dtype == np.float32
    assert np.array_equal(model.memory.ring.actions[0], chosen.reshape(6, 2))
    # Two at most along either axis, in steps of a half: nine steps and all are there.
    for _ in range(9):
        play_step(world, [agent])
    assert model.memory.ring.kind[:10].any()
    batch = model.memory.sample(32)
    assert (batch.actions.shape, batch.actions.dtype) == ((32, 2), np.float32)
    lone = Agent(world, [1], Homing(world.observations, world.action_spec), learn=False)
    lone.transition(world)
    lone.overrule(1, np.array([0.25, 0.75], np.float32))
    assert np.array_equal(lone._actions, np.tile(np.float32([0.25, 0.75]), (3, 1)))


def test_a_world_of_continuous_actions_cuts_episodes_off_and_goes_on_from_its_state():
    world, other = Plane(2, seed=3), Plane(2, seed=4)
    for _ in range(LENGTH - 1):
        world.step(np.zeros((2, 2, 2)))
        assert not world.truncated.any()
    other.set_state(world.get_state())
    for each in (world, other):
        each.step(np.zeros((2, 2, 2)))
        assert each.truncated.all()
    assert np.array_equal(world.parts["goal"], other.parts["goal"])
    assert not np.array_equal(world.final_parts["goal"], world.parts["goal"])


def test_memories_hold_numbers_and_restore_them():
    seen = ObservationSpec({"grid": Part((1,), np.dtype(np.float32))})
    memory, other, named = (Buffer(seen, 10, 2, action=spec.column) for spec in (PUSH, PUSH, ActionSpec(("a",))))
    for k in range(4):
        memory.add(np.full((2, 1), k), np.full((2, 2), 0.1 * k), [k, k], [False, False])
    memory.add_empty()
    other.load_state_dict(memory.state_dict())
    assert np.array_equal(other.ring.actions, memory.ring.actions)
    assert np.allclose(other.ring.actions[3], 0.3)
    with pytest.raises(ValueError, match=r"actions must be int32 \[5, 2\], not float32 \[5, 2, 2\]"):
        named.load_state_dict(memory.state_dict())
    with pytest.raises(ValueError, match=r"the other memory holds actions float32\[2\]; this one int32\[\]"):
        named.add_from_buffer(memory)
    damaged = memory.state_dict()
    damaged["actions"][0, 1, 0] = np.nan
    with pytest.raises(ValueError, match=r"actions\[0, 1, 0\] is nan"):
        other.load_state_dict(damaged)
    rollout, again = (Rollout(seen, 3, 2, action=PUSH.column) for _ in range(2))
    rollout.add_choice(np.ones((2, 1)), np.full((2, 2), -0.75), np.zeros(2))
    rollout.add_outcome(np.zeros(2), np.zeros(2, bool), np.zeros(2, bool))
    again.load_state_dict(rollout.state_dict())
    assert again.actions[0].tolist() == [[-0.75, -0.75]] * 2


def test_a_model_says_what_actions_it_takes_and_a_checkpoint_what_it_was_made_for(tmp_path):
    world = Plane(1)
    named = dataclasses.replace(PUSH, names=("a", "b"), shape=(), low=(), high=())
    with pytest.raises(ValueError, match="Homing acts by numbers within a range; actions here are one of"):
        Homing(world.observations, named)
    model = Homing(world.observations, PUSH)
    model.save(path := tmp_path / "model.safetensors")
    Homing(world.observations, PUSH).load(path)
    other = Homing(world.observations, ActionSpec.box([-0.5, -1], [0.5, np.inf]))
    with pytest.raises(CheckpointError, match=r"high of an action is \[0.5, 1.0\] in the checkpoint, \[0.5"):
        other.load(path)
    with pytest.raises(ValueError, match=r"Homing was built for actions float32\[2\] from -0.5 to 0.5, -1 to inf, not"):
        Agent(world, [0], other, learn=False)


def test_random_play_stays_within_the_range():
    world = Plane(50)
    model = Random(world.observations, ActionSpec.box([-0.5, 0, -np.inf], [0.5, 3, 1]))
    drawn = model.take_actions(world.parts)
    assert (drawn.shape, drawn.dtype) == ((50, 3), np.float32)
    assert (drawn >= [-0.5, 0, -np.inf]).all()
    assert (drawn <= [0.5, 3, 1]).all()
    assert (drawn[:, :2].std(0) > [0.2, 0.6]).all()  # of even draws: width / sqrt(12) = 0.29 and 0.87
    assert model.take_action(world.parts).shape == (3,)


class Stumbles(Homing):
    """Answers with too few numbers."""

    def take_action(self, state):
        return super().take_action(state)[:1]


def test_check_tries_models_of_numbers_on_the_plane():
    said = []
    check_model(Homing, say=said.append)
    assert said[-1].startswith("stopped and gone on with")
    with pytest.raises(CheckFailed, match=r"take_action returns float32\[1\]; it returns floats \[2\]"):
        check_model(Stumbles)
