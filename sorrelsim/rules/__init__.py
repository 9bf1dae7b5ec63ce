"""Helpers for world files, compiled with their rules: plain functions of one copy ``w``, usable from any rule.

``draw`` random numbers, ``grid`` cells and neighbours, ``movement`` walking, placing and being out, ``beams`` beams and
zaps, ``grapple`` holding others, ``grasp`` carrying things, ``sanctions`` by degrees, ``stamina`` tiring and resting,
``episode`` how an episode ends, ``events`` who did what to whom.
"""

from sorrelsim.rules import beams, draw, episode, events, grapple, grasp, grid, movement, sanctions, stamina

__all__ = ["beams", "draw", "episode", "events", "grapple", "grasp", "grid", "movement", "sanctions", "stamina"]
