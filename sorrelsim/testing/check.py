"""Contract checks, in the order in which they are made. The first test of a new file is two lines::

    def test_berries_keep_the_contract():
        check_world("worlds/berries.py")

Every problem is told in plain words, all those that were found at once. Worlds run interpreted first, so that an index
out of bounds is an error at the line where it happens; compiled code would silently read other memory.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.errors import unknown
from sorrelsim.library.find import NotFound, find_class, locate, names
from sorrelsim.models.base import BaseModel
from sorrelsim.testing import model_checks, world_checks
from sorrelsim.testing.failures import Broken, CheckFailed, file_of, load, where
from sorrelsim.testing.plane import plane

__all__ = ["CheckFailed", "check_file", "check_model", "check_world"]

Say = Callable[[str], None]


def quiet(line: str) -> None:
    """Says nothing."""


def check_file(
    name: str | Path, compiled: bool = True, steps: int = 200, world: str | None = None, say: Say = quiet
) -> str:
    """Checks a file that is either a world or a model.

    Args:
        name: Its path, or the name of a world or a model.
        compiled: Whether to compile a world as well.
        steps: Steps to play; a model plays 60 at most.
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
    check_model(name, world, steps=min(steps, 60), say=say)
    return "model"


def _is_world(name: str) -> bool:
    if not name.endswith(".py"):
        for folder in ("worlds", "agents"):
            with contextlib.suppress(NotFound):
                locate(name, folder)
                return folder == "worlds"
        raise NotFound(unknown("world or model", name, [*names("worlds"), *names("agents")]))
    path = Path(name)
    if not path.is_file():
        raise NotFound(f"no file {name}")
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise CheckFailed([f"{path}, line {error.lineno}: this is not Python: {error.msg}"]) from None
    bases = [base for node in tree.body if isinstance(node, ast.ClassDef) for base in node.bases]
    based_on = {base.id if isinstance(base, ast.Name) else getattr(base, "attr", "") for base in bases}
    if "Gridworld" in based_on:
        return True
    for parent in path.resolve().parents:  # of the nearest room
        if parent.name in ("worlds", "agents"):
            return parent.name == "worlds"
    for folder, base in (("worlds", Gridworld), ("agents", BaseModel)):  # such as a world made of another
        try:
            find_class(path, folder, base)
            return folder == "worlds"
        except NotFound:
            continue
        except Exception as error:
            raise CheckFailed([f"the file cannot be imported: {where(error, name)}"]) from error
    raise CheckFailed(
        [f"{path}: there is neither a class that derives from Gridworld nor one that derives from BaseModel"]
    )


def check_world(world: str | Path | type[Gridworld], compiled: bool = True, steps: int = 200, say: Say = quiet) -> None:
    """Checks a world: that it loads, runs without an index out of bounds, keeps its own books, replays and compiles.

    Args:
        world: Its name, file or class.
        compiled: Whether to compile it as well, which takes some seconds the first time.
        steps: Steps to play with random actions; a tenth as many seconds, at most, go into playing it harder.
        say: Called with what was found in order.

    Raises:
        CheckFailed: With everything that is wrong.
    """
    cls = world if isinstance(world, type) else load(world, "worlds", Gridworld)
    problems: list[str] = []

    def attempt(check: Callable[[], str]) -> bool:
        try:
            say(check())
        except Broken as problem:
            problems.extend(problem.args)
            return False
        return True

    attempt(lambda: world_checks.page(cls))
    sound = attempt(lambda: world_checks.declared(cls)) and attempt(lambda: world_checks.reads(cls))
    if sound and attempt(lambda: world_checks.plays(cls, steps)):
        if cls.allowed is not None:
            attempt(lambda: world_checks.masks(cls, steps))
        kept = attempt(lambda: world_checks.keeps_to_limits(cls, steps))
        if kept and attempt(lambda: world_checks.replays(cls, steps)):
            attempt(lambda: world_checks.copies_stand_alone(cls, min(steps, 60)))
            # Without bounds it is compiled only if no index was found out of them: that would end this process.
            if attempt(lambda: world_checks.keeps_bounds(cls, steps, compiled, say)) and compiled:
                attempt(lambda: world_checks.compiles(cls, steps))
        attempt(lambda: world_checks.ends(cls))
        for name in cls.maps:
            attempt(partial(world_checks.variant, cls, {"map": name}))
        for name in cls.presets:
            attempt(partial(world_checks.variant, cls, {"preset": name}))
    if problems:
        raise CheckFailed(problems)


def check_model(
    model: str | Path | type[BaseModel],
    world: str | Path | None = None,
    steps: int = 60,
    compiled: bool = False,
    say: Say = quiet,
) -> None:
    """Checks a model: that it builds, answers batches with allowed actions, plays, replays, saves itself and resumes.

    Args:
        model: Its name, file or class.
        world: The world that it plays in, if not as in :func:`check_file`; one that acts only by numbers plays in
            :class:`~sorrelsim.testing.plane.Plane`.
        steps: Turns to play.
        compiled: Whether that world is compiled.
        say: Called with what was found in order.

    Raises:
        CheckFailed: With everything that is wrong.
    """
    cls = model if isinstance(model, type) else load(model, "agents", BaseModel)
    problems: list[str] = []
    make: Callable[[int], Gridworld] = partial(_make, world or _world_of(cls), compiled)
    if world is None and "discrete" not in cls.acts:
        make = plane
    checks = (model_checks.page, model_checks.builds, model_checks.answers, model_checks.plays, model_checks.replays)
    for check in (*checks, model_checks.saves, model_checks.resumes):
        try:
            say(check(cls, make, steps))
        except Broken as problem:
            problems.append(str(problem))
            if check is not model_checks.page:  # later checks need what this one lacks
                break
    if problems:
        raise CheckFailed(problems)


def _world_of(cls: type[BaseModel]) -> str:
    name = Path(file_of(cls)).stem
    return max((world for world in names("worlds") if name.startswith(f"{world}_")), key=len, default="treasure_hunt")


def _make(world: str | Path, compiled: bool, n_worlds: int) -> Gridworld:
    made: Gridworld = find_class(world, "worlds", Gridworld)(n_worlds, 0, compiled=compiled)
    return made
