"""Contract checks: what every world and every model must keep to. The first test of a new file is two lines::

    def test_berries_keep_the_contract():
        check_world("worlds/berries.py")

Every problem is told in plain words, all those that were found at once. Worlds run interpreted first, so that an index
out of bounds is an error at the line where it happens; compiled code would silently read other memory.
"""

from __future__ import annotations

import ast
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sorrelsim import catalogue
from sorrelsim.agent import Agent
from sorrelsim.gridworld import Gridworld
from sorrelsim.loading import NotFound, find_class
from sorrelsim.model import BaseModel, Seat

HEADINGS = (
    "Dilemma and source", "Actions", "Observation", "Rewards", "Ends when", "Parameters", "Versions",
)  # fmt: skip

Say = Callable[[str], None]


class CheckFailed(AssertionError):
    """A file breaks the contract.

    Attributes:
        problems: what is wrong, one plain sentence or two each.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Broken(Exception):
    """One problem, found inside a check that cannot go on."""


def _quiet(line: str) -> None:
    pass


def check_file(
    name: str | Path, compiled: bool = True, steps: int = 200, world: str | None = None, say: Say = _quiet
) -> str:
    """Checks a file that is either a world or a model.

    Args:
        name: Its path, or the name of a world or a model.
        compiled: Whether to compile a world as well.
        steps: Steps to play.
        world: The world in which a model is tried; by default the one whose name begins the model's, as ``cleanup``
            does ``cleanup_cooperator``, or else treasure_hunt.
        say: Called with what was found in order.

    Returns:
        ``"world"`` or ``"model"``.

    Raises:
        CheckFailed: With everything that is wrong.
        ValueError: If there is no such file or name.
    """
    if _is_world(str(name)):
        check_world(name, compiled=compiled, steps=steps, say=say)
        return "world"
    check_model(name, world, steps=steps, say=say)
    return "model"


def _is_world(name: str) -> bool:
    if not name.endswith(".py"):
        known = {entry.name for entry in catalogue.entries("worlds")}
        if name in known:
            return True
        if name in {entry.name for entry in catalogue.entries("agents")}:
            return False
        raise NotFound(f"no world or model {name!r}; 'sorrelsim list' shows all, and a path ends in .py")
    path = Path(name)
    if not path.is_file():
        raise NotFound(f"no file {name}")
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise CheckFailed([f"{path}, line {error.lineno}: this is not Python: {error.msg}"]) from None
    bases = [base for node in tree.body if isinstance(node, ast.ClassDef) for base in node.bases]
    names = {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in bases}
    if "Gridworld" in names:
        return True
    if names & {"BaseModel", "TorchModel", "ReplayModel", "Bot"} or path.resolve().parent.name == "agents":
        return False
    if path.resolve().parent.name == "worlds":
        return True
    raise CheckFailed(
        [f"{path}: there is neither a class that derives from Gridworld nor one that derives from BaseModel"]
    )


# ------------------------------------------------------------------------------------------------------- worlds


def check_world(
    world: str | Path | type[Gridworld], compiled: bool = True, steps: int = 200, say: Say = _quiet
) -> None:
    """Checks a world: that it loads, runs without an index out of bounds, keeps its own books, replays and compiles.

    Args:
        world: Its name, file or class.
        compiled: Whether to compile it as well, which takes some seconds the first time.
        steps: Steps to play with random actions.
        say: Called with what was found in order.

    Raises:
        CheckFailed: With everything that is wrong.
    """
    cls = world if isinstance(world, type) else _load(world, "worlds", Gridworld)
    problems: list[str] = []

    def attempt(check: Callable[[], str]) -> bool:
        try:
            say(check())
        except _Broken as problem:
            problems.append(str(problem))
            return False
        return True

    attempt(lambda: _page(cls))
    if attempt(lambda: _declared(cls)) and attempt(lambda: _plays(cls, steps)):
        if attempt(lambda: _replays(cls, steps)):
            attempt(lambda: _copies_stand_alone(cls, min(steps, 60)))
            if compiled:
                attempt(lambda: _compiles(cls, steps))
        attempt(lambda: _ends(cls))
        for name in cls.maps:
            attempt(lambda name=name: _variant(cls, {"map": name}))
        for name in cls.presets:
            attempt(lambda name=name: _variant(cls, {"preset": name}))
    if problems:
        raise CheckFailed(problems)


def _load(name: str | Path, folder: str, base: type) -> Any:
    what = "world" if base is Gridworld else "model"
    try:
        return find_class(name, folder, base)
    except NotFound as error:
        raise CheckFailed([str(error)]) from None
    except Exception as error:
        raise CheckFailed([f"the {what} file cannot be imported: {_where(error, str(name))}"]) from error


def _where(error: BaseException, file: str = "") -> str:
    """File, line, the line itself and the error, of the last frame in the user's own file."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    house = str(Path(__file__).parent)
    own = [f for f in frames if file and Path(f.filename).resolve() == Path(file).resolve()]
    own = own or [f for f in frames if not f.filename.startswith(house) and "<" not in f.filename and f.line]
    text = str(error) or "(no message)"
    if not own:
        return f"{type(error).__name__}: {text}"
    last = own[-1]
    return f"{Path(last.filename).name}, line {last.lineno}, in {last.name}: `{last.line}`: {type(error).__name__}: {text}"


def _file(cls: type) -> str:
    return inspect.getsourcefile(cls) or ""


def _page(cls: type[Gridworld]) -> str:
    page = sys.modules[cls.__module__].__doc__
    if not page:
        raise _Broken(
            f"the file has no docstring; it begins with one line on the world and the headings {', '.join(HEADINGS)}"
        )
    found = catalogue.sections(inspect.cleandoc(page))
    missing = [heading for heading in HEADINGS if heading not in found]
    empty = [heading for heading in HEADINGS if heading in found and not found[heading]]
    if missing:
        raise _Broken(f"the docstring lacks the headings {', '.join(missing)}")
    if empty:
        raise _Broken(f"nothing stands under these headings of the docstring: {', '.join(empty)}")
    return "the docstring has all headings"


def _declared(cls: type[Gridworld]) -> str:
    for name in ("kinds", "params", "maps"):
        if not hasattr(cls, name):
            raise _Broken(f"{cls.__name__} declares no {name}")
    if not cls.actions:
        raise _Broken(f"{cls.__name__} declares no actions")
    twice = sorted({a for a in cls.actions if list(cls.actions).count(a) > 1})
    if twice:
        raise _Broken(f"actions are named twice: {twice}")
    if not cls.start:
        raise _Broken(
            "no start rules: agents begin off the grid, so one must place them (movement.scatter does)"
        )
    if not cls.rules:
        raise _Broken("no rules: nothing ever happens")
    bare = [member.name for member in cls.kinds if member.spec.sprite is None]
    if bare:
        raise _Broken(f"these kinds have no sprite and could not be seen in a window: {', '.join(bare)}")
    return f"{len(cls.kinds)} kinds, {len(cls.maps)} maps, {len(cls.actions)} actions, {len(cls.rules)} rules"


def _make(cls: type[Gridworld], n: int, seed: int = 0, **settings: Any) -> Gridworld:
    settings.setdefault("compiled", False)
    try:
        return cls(n, seed, **settings)
    except ValueError as error:
        raise _Broken(str(error)) from error
    except Exception as error:
        raise _Broken(f"a start rule fails: {_where(error, _file(cls))}{_hint(error)}") from error


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
        raise _Broken(
            f"a rule fails in step {turn + 1}: {_where(error, _file(type(world)))}{_hint(error)}"
        ) from error


def _plays(cls: type[Gridworld], steps: int) -> str:
    world = _make(cls, 2)
    if (world.out == -1).all():
        raise _Broken(
            "after the start rules no agent is on the grid; movement.scatter places them on the site 'spawns'"
        )
    _consistent(world, "at the start")
    for turn, actions in enumerate(_actions(world, steps)):
        _step(world, actions, turn)
        _consistent(world, f"after step {turn + 1}")
    _looks(world)
    return f"{steps} steps of random play, interpreted: no index out of bounds, the books are in order"


def _consistent(world: Gridworld, when: str) -> None:
    codes = world.codes
    if not np.isfinite(world.reward).all():
        raise _Broken(f"{when} a reward is {world.reward[~np.isfinite(world.reward)][0]}")
    agent = codes.agent_layer
    for layer, name in enumerate(codes.layers):
        ids = world.grid[..., layer]
        wrong = np.argwhere(
            (ids != 0) & (codes.layer[np.minimum(ids, codes.n_codes - 1)] != layer) | (ids >= codes.n_codes)
        )
        if len(wrong):
            copy, row, col = wrong[0]
            raise _Broken(
                f"{when} the layer {name!r} of cell ({row}, {col}) holds id {ids[copy, row, col]}, which is no kind of "
                "that layer; use grid.put, which finds the layer"
            )
    for copy in range(world.n_worlds):
        on_grid = np.flatnonzero(world.out[copy] == 0)
        cells = np.argwhere(world.occupant[copy] >= 0)
        if len(cells) != len(on_grid):
            raise _Broken(
                f"{when} {len(on_grid)} agents are on the grid but {len(cells)} cells are occupied; move agents "
                "only by movement.place, lift, step, remove and spawn_at"
            )
        for i in on_grid:
            row, col = world.pos[copy, i]
            if not (0 <= row < world.height and 0 <= col < world.width):
                raise _Broken(
                    f"{when} agent {i} stands at ({row}, {col}), outside the {world.height} x {world.width} map"
                )
            if world.occupant[copy, row, col] != i or world.grid[copy, row, col, agent] == 0:
                raise _Broken(
                    f"{when} agent {i} is said to stand at ({row}, {col}), but the cell does not show it"
                )
            solid = [
                int(k) for z, k in enumerate(world.grid[copy, row, col]) if z != agent and codes.solid[k]
            ]
            if solid:
                raise _Broken(
                    f"{when} agent {i} stands at ({row}, {col}) inside {codes.names[solid[0]]}, which is solid"
                )
    parts = world.obs if isinstance(world.obs, dict) else {"grid": world.obs}
    for name, part in parts.items():
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise _Broken(f"{when} the observation {name!r} is not finite")


def _looks(world: Gridworld) -> None:
    picture, text = world.render(0), world.text(0)
    if picture.shape != (8 * world.height, 8 * world.width, 3) or len(text.splitlines()) != world.height:
        raise _Broken(f"the picture has shape {picture.shape} and the text {len(text.splitlines())} lines")


def _trajectory(world: Gridworld, actions: np.ndarray) -> list[np.ndarray]:
    """Rewards, ends and everything of the state at every tenth step."""
    found = []
    for turn, action in enumerate(actions):
        _, reward, terminated, truncated, _ = _step(world, action, turn)
        found += [reward.copy(), terminated.copy(), truncated.copy()]
        if turn % 10 == 9:
            found += list(world.get_state().values())
    return [*found, *world.get_state().values()]


def _same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def _replays(cls: type[Gridworld], steps: int) -> str:
    world = _make(cls, 2)
    actions = _actions(world, steps)
    half = steps // 2
    for turn, action in enumerate(actions[:half]):
        _step(world, action, turn)
    state = world.get_state()
    first = _trajectory(world, actions[half:])
    world.set_state(state)
    if not _same(first, _trajectory(world, actions[half:])):
        raise _Broken(
            "going back to a saved state gives another future: a rule keeps something outside of the world's state "
            "(declare it in `state`), or draws from a generator of its own (use sorrelsim.rules.draw)"
        )
    world.reset(5)
    first = _trajectory(world, actions[:half])
    world.reset(5)
    if not _same(first, _trajectory(world, actions[:half])):
        raise _Broken(
            "reset with one seed gives two trajectories: a rule keeps something from the episode before"
        )
    return "one seed gives one trajectory, and a saved state goes on as it did"


def _copies_stand_alone(cls: type[Gridworld], steps: int) -> str:
    many, fewer = _make(cls, 4), _make(cls, 3)
    actions = _actions(many, steps)
    for turn, action in enumerate(actions):
        _, reward, *_ = _step(many, action, turn)
        _, alone, *_ = _step(fewer, action[:3], turn)
        if not np.array_equal(reward[:3], alone):
            raise _Broken(f"a copy's rewards depend on how many copies run beside it (step {turn + 1})")
    one, other = many.get_state(), fewer.get_state()
    for name, array in other.items():
        if not np.array_equal(one[name][:3], array):
            raise _Broken(f"a copy's {name} depends on how many copies run beside it")
    return "copies do not touch one another"


def _ends(cls: type[Gridworld]) -> str:
    known = {field.name for field in _fields(cls)}
    if "max_steps" not in known:
        return "no param max_steps, so the end of an episode was not tried"
    settings: dict[str, Any] = {"max_steps": 12} | ({"min_steps": 1} if "min_steps" in known else {})
    world = _make(cls, 1, **settings)
    for turn, actions in enumerate(_actions(world, 12)):
        _step(world, actions, turn)
        if world.info["ended"][0]:
            if world.turn[0, 0] != 0:
                raise _Broken(f"after an episode's end the turn is {world.turn[0, 0]}, not 0")
            _consistent(world, "after an episode's end")
            return f"an episode ends by step {turn + 1} of 12 and the next one begins in order"
    raise _Broken(
        "with max_steps=12 an episode has not ended after 12 steps; is episode.time_limit among the rules?"
    )


def _fields(cls: type[Gridworld]) -> Any:
    import dataclasses

    return dataclasses.fields(cls.params)


def _compiles(cls: type[Gridworld], steps: int) -> str:
    slow = _make(cls, 2)
    try:
        fast = cls(2, 0, compiled=True)
    except Exception as error:
        if type(error).__name__ != "RuleError":
            raise
        raise _Broken(f"it runs interpreted but does not compile: {error}") from error
    for turn, actions in enumerate(_actions(slow, steps)):
        _, reward, *_ = _step(slow, actions, turn)
        _, quick, *_ = fast.step(actions)
        if not np.array_equal(reward, quick):
            raise _Broken(
                f"compiled rewards differ from interpreted ones in step {turn + 1}: {quick} and {reward}"
            )
        if turn % 20 == 19 or turn == steps - 1:
            one, other = slow.get_state(), fast.get_state()
            for name, array in one.items():
                if not np.array_equal(array, other[name]):
                    raise _Broken(f"compiled and interpreted differ in {name} by step {turn + 1}")
    return f"compiled equals interpreted, bit for bit, for {steps} steps"


def _variant(cls: type[Gridworld], settings: dict[str, Any]) -> str:
    ((what, name),) = settings.items()
    try:
        world = _make(cls, 1, **settings)
        for turn, actions in enumerate(_actions(world, 20)):
            _step(world, actions, turn)
            _consistent(world, f"after step {turn + 1}")
    except _Broken as problem:
        raise _Broken(f"{what} {name}: {problem}") from None
    return f"{what} {name}: {world.height} x {world.width}, {world.n_agents} agents, plays"


# ------------------------------------------------------------------------------------------------------- models


def check_model(
    model: str | Path | type[BaseModel],
    world: str | Path | None = None,
    steps: int = 60,
    compiled: bool = False,
    say: Say = _quiet,
) -> None:
    """Checks a model: that it builds, answers batches with allowed actions, plays, replays, and saves what it is.

    Args:
        model: Its name, file or class.
        world: The world that it plays in, if not as in :func:`check_file`.
        steps: Turns to play.
        compiled: Whether that world is compiled.
        say: Called with what was found in order.

    Raises:
        CheckFailed: With everything that is wrong.
    """
    cls = model if isinstance(model, type) else _load(model, "agents", BaseModel)
    world = world or _world_of(cls)
    problems: list[str] = []
    for check in (_model_page, _model_builds, _model_answers, _model_plays, _model_replays, _model_saves):
        try:
            say(check(cls, lambda n: find_class(world, "worlds", Gridworld)(n, 0, compiled=compiled), steps))
        except _Broken as problem:
            problems.append(str(problem))
            if check is not _model_page:  # later checks need what this one lacks
                break
    if problems:
        raise CheckFailed(problems)


Maker = Callable[[int], Gridworld]


def _world_of(cls: type[BaseModel]) -> str:
    name = Path(_file(cls)).stem
    known = [entry.name for entry in catalogue.entries("worlds") if name.startswith(f"{entry.name}_")]
    return max(known, key=len, default="treasure_hunt")


def _model_page(cls: type[BaseModel], make: Maker, steps: int) -> str:
    if not sys.modules[cls.__module__].__doc__:
        raise _Broken("the file has no docstring; its first line is what 'sorrelsim list' shows")
    return "the file has a docstring"


def _build(cls: type[BaseModel], world: Gridworld, slots: int, seed: int = 0) -> BaseModel:
    try:
        return cls(world.observations, world.action_names, world.n_worlds * slots, None, seed)
    except Exception as error:
        raise _Broken(
            f"{cls.__name__}(observations, action_names, n_streams, config, seed) fails: {_where(error, _file(cls))}"
        ) from error


def _model_builds(cls: type[BaseModel], make: Maker, steps: int) -> str:
    if inspect.isabstract(cls):
        missing = ", ".join(sorted(cls.__abstractmethods__))
        raise _Broken(f"{cls.__name__} lacks the method {missing}")
    world = make(2)
    model = _build(cls, world, 1)
    if not isinstance(model, BaseModel):
        raise _Broken(f"{cls.__name__} does not derive from BaseModel")
    if not hasattr(model, "rng"):
        raise _Broken(f"{cls.__name__}.__init__ does not call super().__init__(...)")
    try:
        cls.from_config(world.observations, world.action_names, 2, {}, 0)
    except Exception as error:
        raise _Broken(
            f"{cls.__name__}.from_config with no settings fails: {_where(error, _file(cls))}"
        ) from error
    return f"{cls.__name__} builds"


def _states(world: Gridworld, model: BaseModel, n: int) -> Any:
    """A batch of n states of an agent that has just arrived."""
    agent = Agent(world, range(world.n_agents), model, learn=False)
    states = agent._push(agent._select(world.obs))
    named = states if isinstance(states, dict) else {"grid": states}
    batch = {name: np.array(part[:n]) for name, part in named.items()}
    return batch if isinstance(states, dict) else batch["grid"]


def _model_answers(cls: type[BaseModel], make: Maker, steps: int) -> str:
    world = make(2)
    model = _build(cls, world, world.n_agents)
    n = world.n_worlds * world.n_agents
    states = _states(world, model, n)
    one = {k: v[0] for k, v in states.items()} if isinstance(states, dict) else states[0]
    kept = {k: v.copy() for k, v in states.items()} if isinstance(states, dict) else states.copy()
    try:
        single = model.take_action(one)
        seat = Seat(n, model.new_carry(n))
        batch = model.take_actions(states, seat)
    except Exception as error:
        raise _Broken(f"asked for an action it fails: {_where(error, _file(cls))}") from error
    if isinstance(single, bool) or not isinstance(single, int | np.integer):
        raise _Broken(
            f"take_action returns {single!r} ({type(single).__name__}); it returns an int, an index into the actions"
        )
    if not 0 <= single < model.action_space:
        raise _Broken(
            f"take_action returns {single}; allowed: 0 to {model.action_space - 1} ({', '.join(world.action_names)})"
        )
    batch = np.asarray(batch)
    if batch.shape != (n,) or batch.dtype.kind not in "iu":
        raise _Broken(
            f"take_actions returns {batch.dtype}{list(batch.shape)} for {n} states; it returns integers [{n}]"
        )
    if batch.min() < 0 or batch.max() >= model.action_space:
        raise _Broken(f"take_actions returns {batch.tolist()}; allowed: 0 to {model.action_space - 1}")
    changed = (
        any(not np.array_equal(kept[k], states[k]) for k in kept) if isinstance(states, dict)
        else not np.array_equal(kept, states)
    )  # fmt: skip
    if changed:
        raise _Broken("take_actions writes into the states, which are only lent")
    return "it answers one state and a batch with allowed actions"


def _play(cls: type[BaseModel], make: Maker, steps: int, seed: int = 0) -> tuple[BaseModel, np.ndarray]:
    world = make(2)
    model = _build(cls, world, world.n_agents, seed)
    agent = Agent(world, range(world.n_agents), model)
    chosen = []
    try:
        model.start_epoch_action(epoch=1)
        for _ in range(steps):
            agent.transition(world)
            chosen.append(world._action.copy())
            world.step()
            agent.remember(world)
        model.end_epoch_action(epoch=1)
    except Exception as error:
        raise _Broken(f"playing it fails: {_where(error, _file(cls))}") from error
    return model, np.array(chosen)


def _model_plays(cls: type[BaseModel], make: Maker, steps: int) -> str:
    model, _ = _play(cls, make, steps)
    if not 0 <= model.epsilon <= 1:
        raise _Broken(f"epsilon is {model.epsilon}; it lies in 0 to 1")
    return f"it plays and remembers {steps} turns" + (", learning" if model.gradient_steps else "")


def _model_replays(cls: type[BaseModel], make: Maker, steps: int) -> str:
    if not np.array_equal(_play(cls, make, steps, 3)[1], _play(cls, make, steps, 3)[1]):
        raise _Broken(
            "two models of one seed act differently: draw only from self.rng (or self.generator for torch)"
        )
    return "one seed gives one behaviour"


def _model_saves(cls: type[BaseModel], make: Maker, steps: int) -> str:
    import tempfile

    model, _ = _play(cls, make, steps)
    world = make(2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        try:
            model.save(path)
            other = _build(cls, world, world.n_agents, seed=9)
            other.load(path)
        except Exception as error:
            raise _Broken(f"saving and loading fails: {_where(error, _file(cls))}") from error
    actions = []
    for each in (model, other):
        agent = Agent(world, range(world.n_agents), each, learn=False)
        world.reset(4)
        taken = []
        for _ in range(10):
            agent.transition(world)
            taken.append(world._action.copy())
            world.step()
            agent.remember(world)
        actions.append(np.array(taken))
    if not np.array_equal(*actions):
        raise _Broken(
            "a model that was saved and loaded acts differently: put everything that decides its actions into "
            "state_dict and load_state_dict"
        )
    return "saved and loaded, it acts as before"
