"""What ``check_world`` asks of a world, one function per matter: returns what is in order, or raises ``Broken``."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from sorrelsim.engine import reading
from sorrelsim.engine.declarations import declaration_problems
from sorrelsim.engine.declared import Declared
from sorrelsim.engine.explain import RuleError
from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.library import catalogue
from sorrelsim.testing import harder
from sorrelsim.testing.failures import Broken, file_of, where

HEADINGS = (
    "Dilemma and source", "Actions", "Observation", "Rewards", "Ends when", "Parameters", "Versions",
)  # fmt: skip


def page(cls: type[Gridworld]) -> str:
    page = inspect.getdoc(inspect.getmodule(cls))
    if not page:
        raise Broken(
            f"the file has no docstring; it begins with one line on the world and the headings {', '.join(HEADINGS)}"
        )
    found = catalogue.sections(page)
    missing = [heading for heading in HEADINGS if heading not in found]
    empty = [heading for heading in HEADINGS if heading in found and not found[heading]]
    if missing:
        raise Broken(f"the docstring lacks the headings {', '.join(missing)}")
    if empty:
        raise Broken(f"nothing stands under these headings of the docstring: {', '.join(empty)}")
    return "the docstring has all headings"


def declared(cls: type[Gridworld]) -> str:
    problems = declaration_problems(cls, Gridworld, Declared.__annotations__)
    if problems:
        raise Broken(*problems)
    if not cls.actions:
        raise Broken(f"{cls.__name__} declares no actions")
    if not cls.start:
        raise Broken("no start rules: agents begin off the grid, so one must place them (movement.scatter does)")
    if not cls.rules:
        raise Broken("no rules: nothing ever happens")
    bare = [member.name for member in cls.kinds if member.spec.sprite is None]
    if bare:
        raise Broken(f"these kinds have no sprite and could not be seen in a window: {', '.join(bare)}")
    return f"{len(cls.kinds)} kinds, {len(cls.maps)} maps, {len(cls.actions)} actions, {len(cls.rules)} rules"


def reads(cls: type[Gridworld]) -> str:
    """What the rules name is there, and what they do compiles, as far as reading them tells."""
    world = _make(cls, 1)
    problems = reading.problems(world, world.copies)
    if problems:
        raise Broken(*problems)
    return "the rules read well: every name is known, every function is marked"


def keeps_bounds(cls: type[Gridworld], steps: int, compiled: bool, say: Callable[[str], None]) -> str:
    """No index is out of bounds, however it is played."""
    played = harder.plays_hard(cls, min(steps, 60), steps / 10)
    if compiled:
        say(harder.plays_compiled(cls, steps / 30, played))
    return played.told()


def _make(cls: type[Gridworld], n: int, seed: int = 0, **settings: Any) -> Gridworld:
    settings.setdefault("compiled", False)
    try:
        return cls(n, seed, **settings)
    except RuleError as error:
        raise Broken(*error.problems) from error
    except ValueError as error:
        raise Broken(str(error)) from error
    except Exception as error:
        raise Broken(f"a start rule fails: {where(error, file_of(cls))}{_hint(error)}") from error


def _hint(error: BaseException) -> str:
    if isinstance(error, IndexError):
        return " (an index out of bounds; compiled, it would read or write other memory)"
    if isinstance(error, ZeroDivisionError):
        return " (compiled, it would give inf or nan)"
    return ""


def _actions(world: Gridworld, steps: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(world.n_actions, size=(steps, world.n_worlds, world.n_agents))


def _step(world: Gridworld, actions: np.ndarray, turn: int) -> Any:
    try:
        return world.step(actions)
    except Exception as error:
        raise Broken(f"a rule fails in step {turn + 1}: {where(error, file_of(type(world)))}{_hint(error)}") from error


def plays(cls: type[Gridworld], steps: int) -> str:
    world = _make(cls, 2)
    if (world.out == -1).all():
        raise Broken("after the start rules no agent is on the grid; movement.scatter places them on the site 'spawns'")
    _consistent(world, "at the start")
    for turn, actions in enumerate(_actions(world, steps)):
        _step(world, actions, turn)
        _consistent(world, f"after step {turn + 1}")
    _looks(world)
    return f"{steps} steps of random play, interpreted: no index out of bounds, the books are in order"


def _consistent(world: Gridworld, when: str) -> None:
    """Holds what stands where, rewards and observations against each other."""
    if not np.isfinite(world.reward).all():
        raise Broken(f"{when} a reward is {world.reward[~np.isfinite(world.reward)][0]}")
    _layers(world, when)
    for copy in range(world.n_worlds):
        _bodies(world, copy, when)
    for name, part in world.parts.items():
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise Broken(f"{when} the observation {name!r} is not finite")


def _layers(world: Gridworld, when: str) -> None:
    codes = world.codes
    for layer, name in enumerate(codes.layers):
        ids = world.grid[..., layer]
        known = ids < codes.n_codes
        wrong = np.argwhere((ids != 0) & (codes.layer[np.where(known, ids, 0)] != layer) | ~known)
        if len(wrong):
            copy, row, col = wrong[0]
            raise Broken(
                f"{when} the layer {name!r} of cell ({row}, {col}) holds id {ids[copy, row, col]}, which is no kind of "
                "that layer; use grid.put, which finds the layer"
            )


def _bodies(world: Gridworld, copy: int, when: str) -> None:
    codes, agent = world.codes, world.codes.agent_layer
    on_grid = np.flatnonzero(world.out[copy] == 0)
    cells = np.argwhere(world.occupant[copy] >= 0)
    if len(cells) != len(on_grid):
        raise Broken(
            f"{when} {len(on_grid)} agents are on the grid but {len(cells)} cells are occupied; move agents "
            "only by movement.place, lift, step, remove and spawn_at"
        )
    for i in on_grid:
        row, col = world.pos[copy, i]
        if not (0 <= row < world.height and 0 <= col < world.width):
            raise Broken(f"{when} agent {i} stands at ({row}, {col}), outside the {world.height} x {world.width} map")
        if world.occupant[copy, row, col] != i or world.grid[copy, row, col, agent] == 0:
            raise Broken(f"{when} agent {i} is said to stand at ({row}, {col}), but the cell does not show it")
        solid = [int(k) for z, k in enumerate(world.grid[copy, row, col]) if z != agent and codes.solid[k]]
        if solid:
            raise Broken(f"{when} agent {i} stands at ({row}, {col}) inside {codes.names[solid[0]]}, which is solid")


def _looks(world: Gridworld) -> None:
    picture, text = world.render(0), world.text(0)
    if picture.shape != (8 * world.height, 8 * world.width, 3) or len(text.splitlines()) != world.height:
        raise Broken(f"the picture has shape {picture.shape} and the text {len(text.splitlines())} lines")


def _trajectory(world: Gridworld, actions: np.ndarray) -> list[np.ndarray]:
    """Returns rewards, ends and everything of the state at every tenth step."""
    found = []
    for turn, action in enumerate(actions):
        _, reward, terminated, truncated, _ = _step(world, action, turn)
        found += [reward.copy(), terminated.copy(), truncated.copy()]
        if turn % 10 == 9:
            found += list(world.get_state().values())
    return [*found, *world.get_state().values()]


def _same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def _differing(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> str:
    """Returns the name of the first array in which two states differ, or nothing."""
    return next((name for name, array in one.items() if not np.array_equal(array, other[name])), "")


def replays(cls: type[Gridworld], steps: int) -> str:
    world = _make(cls, 2)
    actions = _actions(world, steps)
    half = steps // 2
    for turn, action in enumerate(actions[:half]):
        _step(world, action, turn)
    state = world.get_state()
    first = _trajectory(world, actions[half:])
    world.set_state(state)
    if not _same(first, _trajectory(world, actions[half:])):
        raise Broken(
            "going back to a saved state gives another future: a rule keeps something outside of the world's state "
            "(declare it in `state`), or draws from a generator of its own (use sorrelsim.rules.draw)"
        )
    world.reset(5)
    first = _trajectory(world, actions[:half])
    world.reset(5)
    if not _same(first, _trajectory(world, actions[:half])):
        raise Broken("reset with one seed gives two trajectories: a rule keeps something from the episode before")
    return "one seed gives one trajectory, and a saved state goes on as it did"


def copies_stand_alone(cls: type[Gridworld], steps: int) -> str:
    many, fewer = _make(cls, 4), _make(cls, 3)
    actions = _actions(many, steps)
    for turn, action in enumerate(actions):
        _, reward, *_ = _step(many, action, turn)
        _, alone, *_ = _step(fewer, action[:3], turn)
        if not np.array_equal(reward[:3], alone):
            raise Broken(f"a copy's rewards depend on how many copies run beside it (step {turn + 1})")
    if name := _differing({name: array[:3] for name, array in many.get_state().items()}, fewer.get_state()):
        raise Broken(f"a copy's {name} depends on how many copies run beside it")
    return "copies do not touch one another"


def masks(cls: type[Gridworld], steps: int) -> str:
    world = _make(cls, 2)
    forbidden = 0
    for turn, actions in enumerate(_actions(world, steps)):
        mask = world.action_mask
        assert mask is not None
        forbidden += int((~mask).sum())
        if not mask[world.out != 0].all():
            raise Broken(f"after step {turn} the mask of an agent that is out forbids something")
        _step(world, np.where(np.take_along_axis(mask, actions[..., None], 2)[..., 0], actions, mask.argmax(2)), turn)
    share = forbidden / (steps * world.submitted.size * world.n_actions)
    return f"action masks forbid {share:.1%} of all actions in {steps} steps of play, and never all of an agent's"


def keeps_to_limits(cls: type[Gridworld], steps: int) -> str:
    world = _make(cls, 2)
    for turn, actions in enumerate(_actions(world, steps)):
        if turn % 10 == 0:
            try:
                world.set_state(world.get_state())
            except ValueError as error:
                raise Broken(f"after step {turn} its own state is refused: {error}") from error
        _step(world, actions, turn)
    return "its own states lie within the limits that it declares"


def ends(cls: type[Gridworld]) -> str:
    known = {field.name for field in dataclasses.fields(cls.params)}
    if "max_steps" not in known:
        return "no param max_steps, so the end of an episode was not tried"
    settings: dict[str, Any] = {"max_steps": 12} | ({"min_steps": 1} if "min_steps" in known else {})
    world = _make(cls, 1, **settings)
    for turn, actions in enumerate(_actions(world, 12)):
        _step(world, actions, turn)
        if world.info["ended"][0]:
            if world.turn[0, 0] != 0:
                raise Broken(f"after an episode's end the turn is {world.turn[0, 0]}, not 0")
            _consistent(world, "after an episode's end")
            return f"an episode ends by step {turn + 1} of 12 and the next one begins in order"
    raise Broken("with max_steps=12 an episode has not ended after 12 steps; is episode.time_limit among the rules?")


def compiles(cls: type[Gridworld], steps: int) -> str:
    slow = _make(cls, 2)
    try:
        fast = cls(2, 0, compiled=True)
    except RuleError as error:
        raise Broken(f"it runs interpreted but does not compile: {error}") from error
    for turn, actions in enumerate(_actions(slow, steps)):
        _, reward, *_ = _step(slow, actions, turn)
        _, quick, *_ = fast.step(actions)
        if not np.array_equal(reward, quick):
            raise Broken(f"compiled rewards differ from interpreted ones in step {turn + 1}: {quick} and {reward}")
        one_mask, other_mask = np.asarray(slow.action_mask), np.asarray(fast.action_mask)
        if not np.array_equal(one_mask, other_mask):
            raise Broken(f"compiled masks of actions differ from interpreted ones in step {turn + 1}")
        looked_at = turn % 20 == 19 or turn == steps - 1
        if looked_at and (name := _differing(slow.get_state(), fast.get_state())):
            raise Broken(f"compiled and interpreted differ in {name} by step {turn + 1}")
    return f"compiled equals interpreted, bit for bit, for {steps} steps"


def variant(cls: type[Gridworld], settings: dict[str, Any]) -> str:
    ((what, name),) = settings.items()
    try:
        world = _make(cls, 1, **settings)
        for turn, actions in enumerate(_actions(world, 20)):
            _step(world, actions, turn)
            _consistent(world, f"after step {turn + 1}")
    except Broken as problem:
        raise Broken(f"{what} {name}: {problem}") from None
    return f"{what} {name}: {world.height} x {world.width}, {world.n_agents} agents, plays"
