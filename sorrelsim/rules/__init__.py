"""Helpers for world files, compiled with their rules: plain functions of one copy ``w``, usable from any rule.

``draw`` random numbers, ``grid`` cells and neighbours, ``movement`` walking, placing and being out, ``beams``
beams and zaps, ``sanctions`` by degrees, ``teams`` two of them, ``episode`` how an episode ends, ``events`` who did
what to whom.
"""

from sorrelsim.rules import beams, draw, episode, events, grid, movement, sanctions, teams

__all__ = ["beams", "draw", "episode", "events", "grid", "movement", "sanctions", "teams"]
