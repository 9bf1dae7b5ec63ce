"""Helpers for world files, compiled with their rules: plain functions of one copy ``w``, usable from any rule.

``draw`` random numbers, ``grid`` cells and neighbours, ``movement`` walking, placing and being out, ``together``
walking all at once, ``beams`` beams and zaps, ``sanctions`` by degrees, ``stamina`` tiring and resting, ``grapple``
holding others, ``grasp`` carrying things, ``teams`` two of them, ``episode`` how an episode ends, ``events`` who did
what to whom.
"""

from sorrelsim.rules import (
    beams,
    draw,
    episode,
    events,
    grapple,
    grasp,
    grid,
    movement,
    sanctions,
    stamina,
    teams,
    together,
)

__all__ = [
    "beams",
    "draw",
    "episode",
    "events",
    "grapple",
    "grasp",
    "grid",
    "movement",
    "sanctions",
    "stamina",
    "teams",
    "together",
]
