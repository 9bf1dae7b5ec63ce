"""Worlds as environments of other libraries: PettingZoo, Gymnasium, stable-baselines3. Each is imported when asked for.

Where Gymnasium is installed, importing this registers every world of the library with it:
``gymnasium.make("sorrelsim/harvest-v2")``.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sorrelsim.outside.needed import needed

if TYPE_CHECKING:
    from pettingzoo import AECEnv
    from stable_baselines3.common.vec_env import VecEnv

    from sorrelsim.interfaces.batch import VectorWorld
    from sorrelsim.interfaces.parallel import ParallelWorld
    from sorrelsim.interfaces.single import GymWorld

__all__ = ["aec_env", "gym_env", "gym_vec_env", "parallel_env", "sb3_vec_env"]


def parallel_env(name: str | Path, seed: int = 0, *, render_mode: str | None = None, **settings: Any) -> ParallelWorld:
    """Makes a world as a PettingZoo ``ParallelEnv``; its agents are ``agent_0``, ``agent_1``, ...

    Args:
        name: As :func:`sorrelsim.make` takes it.
        seed: Seed until ``reset`` gets another.
        render_mode: ``rgb_array``, ``human``, ``ansi`` or None.
        **settings: As :func:`sorrelsim.make` takes them; there is one copy.

    Raises:
        ImportError: If PettingZoo is not installed.
        ValueError: If there is no such world or setting.
    """
    needed("pettingzoo", "parallel_env")
    from sorrelsim.interfaces.parallel import ParallelWorld

    return ParallelWorld(name, seed, render_mode=render_mode, **settings)


def aec_env(name: str | Path, seed: int = 0, *, render_mode: str | None = None, **settings: Any) -> AECEnv:
    """Makes a world as a PettingZoo ``AECEnv``: agents choose one after another, and the last one's choice steps it.

    Arguments and errors are those of :func:`parallel_env`.
    """
    conversions = needed("pettingzoo.utils.conversions", "aec_env")
    return conversions.parallel_to_aec(parallel_env(name, seed, render_mode=render_mode, **settings))


def gym_env(
    name: str | Path,
    seed: int = 0,
    *,
    slot: int = 0,
    others: str = "random",
    trust: bool = False,
    render_mode: str | None = None,
    **settings: Any,
) -> GymWorld:
    """Makes one slot of a world a Gymnasium ``Env``; the others are played.

    Args:
        name: As :func:`sorrelsim.make` takes it.
        seed: Seed until ``reset`` gets another.
        slot: The slot.
        others: Who plays the other slots: ``random``, a model's name or file, the folder of a run, or several names
            with commas between, in order of the slots, the last for all the rest.
        trust: Whether Python files may be run that a run folder brings or points to.
        render_mode: ``rgb_array``, ``human``, ``ansi`` or None.
        **settings: As :func:`sorrelsim.make` takes them; there is one copy.

    Raises:
        ImportError: If Gymnasium is not installed.
        ValueError: If there is no such world, setting, slot or player.
    """
    needed("gymnasium", "gym_env")
    from sorrelsim.interfaces.single import GymWorld

    return GymWorld(name, seed, slot=slot, others=others, trust=trust, render_mode=render_mode, **settings)


def gym_vec_env(
    name: str | Path,
    n_worlds: int = 1,
    seed: int = 0,
    *,
    slot: int | str = 0,
    others: str = "random",
    trust: bool = False,
    render_mode: str | None = None,
    **settings: Any,
) -> VectorWorld:
    """Makes the copies of a world a Gymnasium ``VectorEnv``.

    Args:
        name: As :func:`sorrelsim.make` takes it.
        n_worlds: Number of copies.
        seed: Seed of all copies until ``reset`` gets another.
        slot: The slot that is an environment in each copy; or ``all``: each slot of each copy is one, copies first,
            and nobody else plays.
        others: Who plays the other slots, as in :func:`gym_env`.
        trust: Whether Python files may be run that a run folder brings or points to.
        render_mode: ``rgb_array``, ``ansi`` or None.
        **settings: As :func:`sorrelsim.make` takes them.

    Raises:
        ImportError: If Gymnasium is not installed.
        ValueError: If there is no such world, setting, slot or player.
    """
    needed("gymnasium", "gym_vec_env")
    from sorrelsim.interfaces.batch import VectorWorld

    return VectorWorld(
        name, n_worlds, seed, slot=slot, others=others, trust=trust, render_mode=render_mode, **settings
    )  # fmt: skip


def sb3_vec_env(env: VectorWorld) -> VecEnv:
    """Makes a ``VecEnv`` of stable-baselines3 out of what :func:`gym_vec_env` returns.

    Raises:
        ImportError: If stable-baselines3 is not installed.
    """
    needed("stable_baselines3", "sb3_vec_env", "pip install stable-baselines3")
    from sorrelsim.interfaces.sb3 import Sb3World

    return Sb3World(env)


if find_spec("gymnasium") is not None:
    from sorrelsim.interfaces.ids import register

    register()
