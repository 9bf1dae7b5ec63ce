"""Sweeps within one batch, where copies play by different params: which are swept, and the rows of ``sweep.csv``."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sorrelsim.engine.gridworld import Gridworld
from sorrelsim.experiments.measures import Episodes, Row, return_means
from sorrelsim.outside.make import is_outside

Combinations = list[tuple[dict[str, float], np.ndarray]]
"""Each distinct combination of swept values, by column, and the copies that play by it, bool [n_worlds]."""


def combinations(world: Gridworld) -> Combinations:
    """Returns the distinct combinations of params that the copies of a world play by, in the order of the copies.

    A param of several numbers has a column per number: ``payoff_0_1``. Empty where all copies play alike.
    """
    columns: dict[str, np.ndarray] = {}
    if is_outside(world.name):  # it has no params of ours
        return []
    for name, values in world.copies.params.items():
        if (values != values[:1]).any():
            flat = values.reshape(world.n_worlds, -1)
            for k, place in enumerate(np.ndindex(values.shape[1:])):
                if (flat[:, k] != flat[0, k]).any():
                    columns["_".join([name, *map(str, place)])] = flat[:, k]
    if not columns:
        return []
    table = np.stack([column.astype(float) for column in columns.values()], 1)
    _, first, inverse = np.unique(table, axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    return [
        (dict(zip(columns, table[first[k]].tolist(), strict=True)), inverse == k)
        for k in sorted(range(len(first)), key=lambda each: first[each])
    ]


def sweep_rows(found: Combinations, epoch: Mapping[str, float], episodes: Episodes, n_agents: int) -> list[Row]:
    """Returns one row per combination: what is swept, and means over the episodes that finished in its copies.

    Args:
        found: The combinations.
        epoch: The epoch's columns that all rows have.
        episodes: The episodes that finished in the epoch.
        n_agents: Number of agents.
    """
    rows = []
    for values, copies in found:
        ours = episodes.where(copies[episodes.copies])
        rows.append(
            {
                **epoch,
                **values,
                "copies": int(copies.sum()),
                "episodes": len(ours),
                "episode_length": float(ours.lengths.mean()) if len(ours) else float("nan"),
                **return_means(ours, n_agents),
                **ours.measures(),
                **ours.event_means(),
            }
        )
    return rows
