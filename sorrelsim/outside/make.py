"""Environments of other libraries by name: ``gym:CartPole-v1``, ``pettingzoo:sisl/pursuit-v5``.

After ``gym:`` comes an id of Gymnasium's registry, perhaps with the module that registers it, as in
``gym:my_package:My-v0``. After ``pettingzoo:`` comes an id of PettingZoo's registry, or a module or Python file with a
function ``parallel_env``.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sorrelsim.errors import unknown
from sorrelsim.outside.needed import needed

if TYPE_CHECKING:
    from sorrelsim.outside.world import OutsideWorld

KINDS = {"gym": "gymnasium", "pettingzoo": "pettingzoo"}
"""What stands before the colon, and the library."""


def is_outside(name: object) -> bool:
    """Whether a world's name is that of another library's environment."""
    return isinstance(name, str) and name.partition(":")[0] in KINDS and ":" in name


def runs_code(name: str) -> bool:
    """Whether a name brings code of its own: a module or file other than what the libraries have registered."""
    kind, _, rest = name.partition(":")
    if kind == "gym":
        return ":" in rest
    return rest.endswith(".py") or not ("/" in rest or rest.startswith("pettingzoo."))


def make_outside(name: str, n_worlds: int = 1, seed: int = 0, bins: int | None = None, **settings: Any) -> OutsideWorld:
    """Makes copies of another library's environment.

    Args:
        name: Its name; see the module.
        n_worlds: Number of copies.
        seed: Seed of all copies.
        bins: For continuous actions: the values of each of their numbers that a model can choose among, at least 2.
        **settings: What the environment takes.

    Raises:
        ImportError: If its library is not installed.
        ValueError: If there is no such environment, or it does not take a setting, or has no place here.
    """
    kind, _, rest = name.partition(":")
    if kind not in KINDS:
        raise ValueError(unknown("library", kind, KINDS))
    if bins is not None and (not isinstance(bins, int) or isinstance(bins, bool) or bins < 2):
        raise ValueError(f"bins must be a whole number of 2 or more, got {bins!r}")
    if "render_mode" in settings:
        raise ValueError("render_mode is not for configs: films are made where the environment has pictures")
    needed("gymnasium", f"the world {name}")
    needed(KINDS[kind], f"the world {name}")
    from sorrelsim.outside.copies import GymCopy, ZooCopy
    from sorrelsim.outside.world import OutsideWorld

    build = _gym(rest, name) if kind == "gym" else _zoo(rest, name)
    envs = [_built(build, name, settings) for _ in range(n_worlds)]
    if "rgb_array" in (envs[0].metadata.get("render_modes") or ()):
        envs[0].close()
        envs[0] = _built(build, name, settings | {"render_mode": "rgb_array"})  # films are of the first copy
    copies = [GymCopy(env) if kind == "gym" else ZooCopy(env, name) for env in envs]
    version = re.search(r"[-_]v(\d+)$", rest)
    return OutsideWorld(name, copies, seed, bins, int(version[1]) if version else 0)


def _built(build: Callable[..., Any], name: str, settings: dict[str, Any]) -> Any:
    try:
        return build(**settings)
    except Exception as error:  # whatever the environment does when it is made
        raise ValueError(f"{name} cannot be made: {type(error).__name__}: {error}") from error


def _gym(rest: str, name: str) -> Callable[..., Any]:
    gymnasium = needed("gymnasium", name)
    return lambda **settings: gymnasium.make(rest, **settings)


def _zoo(rest: str, name: str) -> Callable[..., Any]:
    pettingzoo = needed("pettingzoo", name)
    if "/" in rest and not rest.endswith(".py"):
        registry = getattr(pettingzoo, "parallel_registry", {})
        if rest not in registry:
            raise ValueError(unknown("parallel environment of PettingZoo", rest, registry))
        return lambda **settings: pettingzoo.make("parallel", rest, **settings)
    module = _file(rest) if rest.endswith(".py") else _module(rest, name)
    if not hasattr(module, "parallel_env"):
        raise ValueError(f"{name}: {rest} has no function parallel_env; only parallel environments can be played")
    return module.parallel_env


def _module(rest: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(rest)
    except ModuleNotFoundError as error:
        if error.name is None or not rest.startswith(error.name):
            raise ValueError(f"{name} cannot be imported: {error}") from error
        raise ValueError(
            f"no module {rest}; allowed: an id such as sisl/pursuit-v5, a module with a function parallel_env, or the "
            "path of its file, which ends in .py"
        ) from None


def _file(path: str) -> ModuleType:
    if not Path(path).is_file():
        raise ValueError(f"no file {path}")
    spec = importlib.util.spec_from_file_location(f"sorrelsim_outside_{Path(path).stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the file does when it is imported
        raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    return module
