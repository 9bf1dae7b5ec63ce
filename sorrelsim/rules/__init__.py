"""Compiled helpers for world files: plain functions of one copy ``w``, usable from any rule.

``draw`` random numbers, ``grid`` cells and neighbours, ``movement`` walking, placing and being out, ``beams``
beams, ``sanctions`` by degrees, ``episode`` how an episode ends.
"""

from sorrelsim.rules import beams, draw, episode, grid, movement, sanctions

__all__ = ["beams", "draw", "episode", "grid", "movement", "sanctions"]
