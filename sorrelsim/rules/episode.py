"""How an episode ends. A termination is part of the world's process; a truncation is a time limit from outside."""

from __future__ import annotations

from sorrelsim.rules import draw
from sorrelsim.rules.rule import rule

RUNNING, TERMINATED, TRUNCATED = 0, 1, 2


@rule
def terminate(w):
    """Ends the episode: nothing lies beyond this state."""
    w.ended[0] = TERMINATED


@rule
def truncate(w):
    """Cuts the episode: the process would go on, and learners bootstrap from its last observation."""
    if w.ended[0] == RUNNING:
        w.ended[0] = TRUNCATED


@rule
def time_limit(w):
    """Truncates at step ``w.p.max_steps``."""
    if w.turn >= w.p.max_steps:
        truncate(w)


@rule
def stochastic_end(w):
    """Terminates with probability ``w.p.end_probability`` at steps 99 mod 100 from ``min_steps`` on.

    ``max_steps`` truncates. Source: Melting Pot 2, ``StochasticIntervalEpisodeEnding`` with an interval of 100.
    """
    if w.turn >= w.p.min_steps and w.turn % 100 == 99 and draw.chance(w, w.p.end_probability):
        terminate(w)
    if w.turn >= w.p.max_steps:
        truncate(w)
