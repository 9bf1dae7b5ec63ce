"""Worlds by their ids in Gymnasium's registry: ``sorrelsim/harvest-v2``, the number being the world's version."""

from __future__ import annotations

from typing import Any

from sorrelsim.library.catalogue import read_entry
from sorrelsim.library.find import LIBRARY, shipped

SPACE = "sorrelsim"
"""What stands before the stroke."""


def ids() -> dict[str, str]:
    """Returns the id of each world of the library, in Gymnasium's registry; their files are read, not imported."""
    return {
        name: f"{SPACE}/{name}-v{read_entry(path).attributes.get('version', 1)}"
        for name, path in sorted(shipped("worlds").items())
    }


def register() -> None:
    """Puts the library's worlds into Gymnasium's registry, if they are not there yet."""
    import gymnasium

    for name, known in ids().items():
        if known not in gymnasium.registry:
            gymnasium.register(
                known,
                entry_point="sorrelsim.interfaces.single:GymWorld",
                vector_entry_point="sorrelsim.interfaces.ids:vector_of",
                kwargs={"name": LIBRARY + name},
            )


def vector_of(num_envs: int = 1, slot: int | str = 0, **settings: Any) -> Any:
    """Makes the environment of ``gymnasium.make_vec``, which counts environments, not copies.

    Raises:
        ValueError: If every slot is an environment and their number leaves an unfinished copy.
    """
    from sorrelsim.interfaces.batch import ALL, VectorWorld

    if slot != ALL:
        return VectorWorld(n_worlds=num_envs, slot=slot, **settings)
    n_agents = VectorWorld(n_worlds=1, slot=slot, **settings | {"compiled": False}).num_envs
    if num_envs % n_agents:
        raise ValueError(f"num_envs is {num_envs}; where every slot is one, allowed: {n_agents} for each copy")
    return VectorWorld(n_worlds=num_envs // n_agents, slot=slot, **settings)
