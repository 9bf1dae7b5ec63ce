"""Helpers for world files, compiled with their rules: plain functions of one copy ``w``, usable from any rule.

``draw`` random numbers, ``grid`` cells and neighbours, ``movement`` walking, placing and being out, ``carrying`` things
at arm's length, ``beams`` beams and zaps, ``sanctions`` by degrees, ``episode`` how an episode ends, ``events`` who did
what to whom.
"""

from sorrelsim.rules import beams, carrying, draw, episode, events, grid, movement, sanctions

__all__ = ["beams", "carrying", "draw", "episode", "events", "grid", "movement", "sanctions"]
