"""What ``check_model`` asks of a model, one function per matter: returns what is in order, or raises ``Broken``."""

from __future__ import annotations

import contextlib
import inspect
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.models.agent import Agent
from sorrelsim.models.base import BaseModel, Seat
from sorrelsim.models.playing import play_step
from sorrelsim.observations.parts import Observation, as_parts, as_public
from sorrelsim.testing.failures import Broken, blamed

Maker = Callable[[int], Gridworld]


def page(cls: type[BaseModel], make: Maker, steps: int) -> str:
    if not inspect.getdoc(inspect.getmodule(cls)):
        raise Broken("the file has no docstring; its first line is what 'sorrelsim list' shows")
    return "the file has a docstring"


def _build(cls: type[BaseModel], world: Gridworld, slots: int, seed: int = 0) -> BaseModel:
    with blamed(f"{cls.__name__}(observations, action_names, n_streams, config, seed) fails", cls):
        return cls(world.observations, world.action_names or world.action_spec, world.n_worlds * slots, None, seed)


def builds(cls: type[BaseModel], make: Maker, steps: int) -> str:
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise Broken(f"{cls.__name__} lacks the method {missing}")
    world = make(2)
    model = _build(cls, world, 1)
    if not isinstance(model, BaseModel):
        raise Broken(f"{cls.__name__} does not derive from BaseModel")
    if not hasattr(model, "rng"):
        raise Broken(f"{cls.__name__}.__init__ does not call super().__init__(...)")
    with blamed(f"{cls.__name__}.from_config with no settings fails", cls):
        cls.from_config(world.observations, world.action_names or world.action_spec, 2, {}, 0)
    return f"{cls.__name__} builds"


def _states(world: Gridworld, model: BaseModel, n: int) -> Observation:
    """Returns the states of the first n streams of an agent that has just arrived."""
    states = as_parts(Agent(world, range(world.n_agents), model, learn=False).observe(world))
    return as_public({name: part[:n].copy() for name, part in states.items()})


def answers(cls: type[BaseModel], make: Maker, steps: int) -> str:
    world = make(2)
    model = _build(cls, world, world.n_agents)
    n = world.n_worlds * world.n_agents
    states = _states(world, model, n)
    one = as_public({name: part[0] for name, part in as_parts(states).items()})
    kept = {name: part.copy() for name, part in as_parts(states).items()}
    with blamed("asked for an action it fails", cls):
        single = model.take_action(one)
    _is_action(single, world)
    with blamed("asked for a batch of actions it fails", cls):
        batch = np.asarray(model.take_actions(states, Seat(n, model.new_carry(n))))
    _are_actions(batch, n, world)
    with blamed("telling what goes on in it (explain) fails", cls):
        told = model.explain(one, Seat(1, model.new_carry(1)))
        if told is not None:
            told.check(model.action_space, model.observations.cells)
    if any(not np.array_equal(part, kept[name]) for name, part in as_parts(states).items()):
        raise Broken("take_actions or explain writes into the states, which are only lent")
    return "it answers one state and a batch with allowed actions"


def _is_action(single: object, world: Gridworld) -> None:
    """Holds the answer for one state to the world's actions."""
    if not world.action_names:
        _are_numbers("take_action", np.asarray(single), world.action_spec.shape)
        return
    if isinstance(single, bool) or not isinstance(single, int | np.integer):
        raise Broken(
            f"take_action returns {single!r} ({type(single).__name__}); it returns an int, an index into the actions"
        )
    last = len(world.action_names) - 1
    if not 0 <= single <= last:
        raise Broken(f"take_action returns {single}; allowed: 0 to {last} ({', '.join(world.action_names)})")


def _are_actions(batch: np.ndarray, n: int, world: Gridworld) -> None:
    """Holds the answers for n states to the world's actions."""
    if not world.action_names:
        _are_numbers("take_actions", batch, (n, *world.action_spec.shape))
        return
    if batch.shape != (n,) or batch.dtype.kind not in "iu":
        raise Broken(f"take_actions returns {batch.dtype}{list(batch.shape)} for {n} states; it returns integers [{n}]")
    last = len(world.action_names) - 1
    if batch.min() < 0 or batch.max() > last:
        raise Broken(f"take_actions returns {batch.tolist()}; allowed: 0 to {last}")


def _are_numbers(what: str, found: np.ndarray, shape: tuple[int, ...]) -> None:
    """Holds continuous actions to their shape; what lies beyond the range is cut off later."""
    if found.dtype.kind != "f" or found.shape != shape:
        raise Broken(f"{what} returns {found.dtype}{list(found.shape)}; it returns floats {list(shape)}")
    if not np.isfinite(found).all():
        raise Broken(f"{what} returns {found.tolist()}, which is not finite")


def _play(cls: type[BaseModel], make: Maker, steps: int, seed: int = 0) -> tuple[BaseModel, np.ndarray]:
    world = make(2)
    model = _build(cls, world, world.n_agents, seed)
    agent = Agent(world, range(world.n_agents), model)
    with blamed("playing it fails", cls):
        model.start_epoch_action(epoch=1)
        chosen = _actions(world, agent, steps)
        model.end_epoch_action(epoch=1)
    return model, chosen


def _actions(world: Gridworld, agent: Agent, steps: int) -> np.ndarray:
    """Plays, and returns the actions: [steps, copies, agents]."""
    chosen = []
    for _ in range(steps):
        play_step(world, [agent])
        chosen.append(world.submitted.copy())
    return np.array(chosen)


def plays(cls: type[BaseModel], make: Maker, steps: int) -> str:
    model, _ = _play(cls, make, steps)
    if not 0 <= model.epsilon <= 1:
        raise Broken(f"epsilon is {model.epsilon}; it lies in 0 to 1")
    return f"it plays and remembers {steps} turns" + (", learning" if model.gradient_steps else "")


def replays(cls: type[BaseModel], make: Maker, steps: int) -> str:
    if not np.array_equal(_play(cls, make, steps, 3)[1], _play(cls, make, steps, 3)[1]):
        raise Broken("two models of one seed act differently: draw only from self.rng (or self.generator for torch)")
    return "one seed gives one behaviour"


def saves(cls: type[BaseModel], make: Maker, steps: int) -> str:
    model, _ = _play(cls, make, steps)
    world = make(2)
    with tempfile.TemporaryDirectory() as folder, blamed("saving and loading fails", cls):
        model.save(path := Path(folder) / "model.safetensors")
        other = _build(cls, world, world.n_agents, seed=9)
        other.load(path)
    taken = []
    for each in (model, other):
        agent = Agent(world, range(world.n_agents), each, learn=False)
        world.reset(4)
        taken.append(_actions(world, agent, 10))
    if not np.array_equal(taken[0], taken[1]):
        raise Broken(
            "a model that was saved and loaded acts differently: put everything that decides its actions into "
            "state_dict and load_state_dict"
        )
    return "saved and loaded, it acts as before"


def resumes(cls: type[BaseModel], make: Maker, steps: int) -> str:
    """Saves everything half way, and goes on with the model and with one that is built anew from what was saved."""
    agents = []
    for _ in range(2):
        world = make(2)
        agents.append((world, Agent(world, range(world.n_agents), _build(cls, world, world.n_agents))))
    (world, agent), (world_too, other) = agents
    with blamed("stopping and going on fails", cls):
        _actions(world, agent, steps)
        _learn_a_little(agent.model)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            agent.model.save(path, memory=True)
            other.model.load(path)
        other.load_state_dict(agent.state_dict())
        world_too.set_state(world.get_state())
        changed = [name for name, value in vars(agent.model).items() if _differs(name, value, vars(other.model))]
        same = np.array_equal(_actions(world, agent, steps), _actions(world_too, other, steps))
    hook = "put it into state_dict, and take it out again in load_state_dict"
    if changed:
        raise Broken(
            f"a run that goes on loses self.{changed[0]}: {hook}; or give it a name with _ if nothing depends on it"
        )
    if not same:
        raise Broken(f"a run that goes on acts differently; whatever decides what comes next: {hook}")
    return "stopped and gone on with, it does what it would have done"


def _learn_a_little(model: BaseModel) -> None:
    """Takes a gradient step where that is a model's own matter, for what it learns may be kept nowhere."""
    if model.learns_by_steps and type(model).updates_due is BaseModel.updates_due:
        with contextlib.suppress(ValueError):  # such as a batch that is larger than what was played
            model.note_losses(model.train_step())


def _differs(name: str, value: object, others: dict[str, object]) -> bool:
    """Whether an attribute of numbers is another in a model that was loaded; what has a name with _ may be."""
    number = isinstance(value, bool | int | float | np.ndarray) and np.asarray(value).dtype.kind in "biufc"
    if name.startswith("_") or not number:
        return False
    other = others.get(name)
    return other is None or not np.array_equal(np.asarray(value), np.asarray(other), equal_nan=True)
