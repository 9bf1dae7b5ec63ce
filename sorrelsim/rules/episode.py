"""How an episode ends. A termination is part of the world's process; a truncation is a time limit from outside."""

from __future__ import annotations

from sorrelsim.rules import draw
from sorrelsim.rules.rule import rule

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2


@rule
def terminate(w):
    """End the episode: nothing lies beyond this state."""
    w.ended[0] = 1


@rule
def truncate(w):
    """Cut the episode: the process would go on, and learners bootstrap from its last observation."""
    if w.ended[0] == 0:
        w.ended[0] = 2


@rule
def time_limit(w):
    """Truncate at step ``w.p.max_steps``."""
    if w.turn >= w.p.max_steps:
        truncate(w)


@rule
def stochastic_end(w):
    """Terminate with probability ``w.p.end_probability`` at steps 99 mod 100 from ``min_steps`` on.

    ``max_steps`` truncates. Source: Melting Pot 2, ``StochasticIntervalEpisodeEnding`` with an interval of 100.
    """
    if w.turn >= w.p.min_steps and w.turn % 100 == 99 and draw.chance(w, w.p.end_probability):
        terminate(w)
    if w.turn >= w.p.max_steps:
        truncate(w)
