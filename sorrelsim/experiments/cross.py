"""Cross-play: every population visits every other, both ways, and its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sorrelsim.errors import ConfigError
from sorrelsim.experiments.mixtures import HELD_OUT, MAX_TURNS, Stage, play
from sorrelsim.experiments.players import Player
from sorrelsim.experiments.statistics import interval


@dataclass(frozen=True)
class CrossPlay:
    """What focal players of each population earn among the others of each.

    Attributes:
        title: The world.
        names: The populations.
        focal: Per-capita return of the focal players, float64 [populations, populations, episodes]: row among column;
            nan for episodes that had not ended.
        others: The same of the others.
    """

    title: str
    names: tuple[str, ...]
    focal: np.ndarray
    others: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """Mean return of a focal player of the row among others of the column."""
        known = ~np.isnan(self.focal)
        return np.where(known, self.focal, 0.0).sum(2) / np.where(known.any(2), known.sum(2), np.nan)

    def rows(self) -> list[dict[str, Any]]:
        """Returns a row for each pairing: ``focal``, ``others``, and their returns with 95% intervals."""
        rows = []
        for (a, b), mean in np.ndenumerate(self.matrix):
            low, high = interval(self.focal[a, b])
            known = self.others[a, b][~np.isnan(self.others[a, b])]
            others_low, others_high = interval(known)
            rows.append(
                {
                    "focal": self.names[a],
                    "others": self.names[b],
                    "focal_return": float(mean),
                    "focal_low": low,
                    "focal_high": high,
                    "others_return": float(known.mean()) if len(known) else float("nan"),
                    "others_low": others_low,
                    "others_high": others_high,
                    "episodes": len(known),
                }
            )
        return rows


def cross_play(
    stage: Stage,
    players: Sequence[Player],
    names: Sequence[str],
    focal: Sequence[int] | None = None,
    episodes: int = 32,
    seed: int = HELD_OUT,
    max_turns: int = MAX_TURNS,
) -> CrossPlay:
    """Plays every pairing, all those of one focal population side by side.

    Args:
        stage: The world.
        players: The populations.
        names: Their names.
        focal: The slots of the focal players; None means one, whose slot goes round from episode to episode.
        episodes: Episodes for each pairing.
        seed: Seed of the copies and of what the players draw; each row is played in the same copies.
        max_turns: Turns after which episodes that have not ended are left out.

    Raises:
        ConfigError: If the focal players are none or all, or a player cannot play there.
    """
    n = stage.make(1, seed).n_agents
    if n < 2:
        raise ConfigError(f"{stage.title} has one agent; there is nobody to meet")
    looked_at = np.zeros((episodes, n), np.bool_)
    if focal is None:
        looked_at[np.arange(episodes), np.arange(episodes) % n] = True
    else:
        looked_at[:, list(focal)] = True
    if not 0 < looked_at[0].sum() < n:
        raise ConfigError(f"--focal must leave slots to the others; this world has slots 0 to {n - 1}")
    shape = (len(players), len(players), episodes)
    ours, theirs = np.full(shape, np.nan), np.full(shape, np.nan)
    for a in range(len(players)):
        world = stage.make(len(players) * episodes, seed)
        who = np.concatenate([np.where(looked_at, a, b) for b in range(len(players))])
        found = play(world, who, players, seed, max_turns)
        each = np.tile(looked_at, (len(players), 1))[found.copies]
        for mask, into in ((each, ours), (~each, theirs)):
            into[a].reshape(-1)[found.copies] = np.where(mask, found.returns, 0.0).sum(1) / mask.sum(1)
    return CrossPlay(stage.title, tuple(names), ours, theirs)
