"""Compiled helpers for world files: plain functions of one copy ``w``, usable from any rule.

``draw`` random numbers, ``grid`` cells and neighbours, ``movement`` walking, placing and being out, ``beams``
beams, ``episode`` how an episode ends.
"""

from sorrelsim.rules import beams, draw, episode, grid, movement

__all__ = ["beams", "draw", "episode", "grid", "movement"]
