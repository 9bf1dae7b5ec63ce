"""Tiny worlds for testing the rules library: a scene typed as text, its agents where the digits stand."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

from sorrelsim import Gridworld, Kinds, kind, per_agent, rule
from sorrelsim.rules import beams, draw, episode, movement, sanctions

ACTIONS = (*movement.EGOCENTRIC, "zap")
NOOP, FORWARD, BACKWARD, LEFT, RIGHT, TURN_LEFT, TURN_RIGHT, ZAP = range(8)
FACINGS = "NESW"


class Kind(Kinds):
    WALL = kind("W", solid=True)
    CRATE = kind("C", solid=True, opaque=False, stops=("ZAP_BEAM",))
    DIRT = kind("F", stops=("CLEAN_BEAM",))
    APPLE = kind("A")
    ZAP_BEAM = kind("*", layer="beam")
    CLEAN_BEAM = kind("+", layer="beam", stopped_by_agents=False)
    MARK = kind("x", layer="beam")


@dataclass(frozen=True)
class Params:
    length: int = 3
    radius: int = 1
    cooldown: int = 2
    timeout: int = 4
    freeze: int = 5
    lasts: int = 8
    apple_probability: float = 0.0
    min_steps: int = 1000
    end_probability: float = 0.2
    max_steps: int = 5000


@rule
def zap(w):
    draw.agent_order(w)
    for k in range(w.n_agents):
        i = w.order[k]
        if beams.fires(w, i, w.zap_wait, ZAP, w.p.cooldown):
            w.events[i, 0] += 1
            for h in range(beams.cast(w, i, Kind.ZAP_BEAM, w.p.length, w.p.radius)):
                hit = w.occupant[w.hits[h, 0], w.hits[h, 1]]
                if hit >= 0 and hit != i:
                    w.zapped[hit] += 1
                    w.events[hit, 1] += 1


@rule
def remove_zapped(w):
    for i in range(w.n_agents):
        if w.zapped[i] > 0:
            w.zapped[i] = 0
            movement.remove(w, i, w.p.timeout)


@rule
def sanction(w):
    for i in range(w.n_agents):
        if sanctions.strike(w, i, w.p.freeze, w.p.lasts, w.p.cooldown):
            movement.remove(w, i, w.p.timeout)


@rule
def eat(w):
    for i in range(w.n_agents):
        if w.out[i] == 0 and w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[Kind.APPLE]] == Kind.APPLE:
            w.grid[w.pos[i, 0], w.pos[i, 1], w.layer[Kind.APPLE]] = 0
            w.reward[i] += 1.0


@rule
def grow(w):
    for row in range(w.height):
        for col in range(w.width):
            if w.grid[row, col, w.layer[Kind.APPLE]] == 0 and draw.chance(w, w.p.apple_probability):
                w.grid[row, col, w.layer[Kind.APPLE]] = Kind.APPLE


@rule
def pay_everybody(w):
    for i in range(w.n_agents):
        w.reward[i] += 1.0


@rule
def show_marks(w):
    sanctions.show(w, Kind.MARK)


@rule
def see_readiness(w, i, out):
    out[0] = beams.readiness(w, i, w.zap_wait, w.p.cooldown)


class Tiny(Gridworld):
    kinds, params = Kind, Params
    legend = {"p": (Kind.CRATE,)}
    actions = ACTIONS
    scalars = {"ready": 1}
    observe = see_readiness
    state = {"zapped": per_agent(), "mark": per_agent(), "zap_wait": per_agent()}
    events = ("zaps_fired", "zaps_received")
    rules = (movement.move,)


ZAPPING = (movement.move, zap, remove_zapped, movement.respawn, episode.time_limit)


def scene(
    text, facings="", *, rules=(movement.move,), n_worlds=1, torus=False, seed=0, attributes=None, **settings
) -> Tiny:
    """Interpreted copies of a scene.

    Args:
        text: The map, indented or not; a dot is bare floor, a digit an agent, ``P`` a spawn cell, ``p``
            one under a crate, other glyphs as in ``Kind``.
        facings: A letter of ``NESW`` for each agent; without digits for them, agents stay off the grid.
        rules: The rules of a step.
        n_worlds: Copies.
        torus: Whether the edges join.
        seed: Seed.
        attributes: More class attributes of the world.
        **settings: More of ``Gridworld``'s settings and params.
    """
    text = drawn(text)
    bare = "".join(" " if letter.isdigit() else letter for letter in text)
    attributes = (attributes or {}) | {
        "maps": {"scene": bare},
        "torus": ("scene",) if torus else (),
        "sites": {"spawns": "Pp"} if "P" in bare or "p" in bare else {},
        "n_agents": len(facings),
        "rules": rules,
        "__module__": __name__,
    }
    world = type("Scene", (Tiny,), attributes)(n_worlds, seed, compiled=False, **settings)
    for row, line in enumerate(text.splitlines()):
        for col, glyph in enumerate(line):
            if glyph.isdigit():
                stand(world, int(glyph), row, col, facings[int(glyph)])
    return world


def stand(world, i, row, col, facing) -> None:
    """Put agent ``i`` of every copy on a cell."""
    world.pos[:, i] = row, col
    world.facing[:, i] = FACINGS.index(facing)
    world.out[:, i] = 0
    world.occupant[:, row, col] = i
    world.grid[:, row, col, world.codes.agent_layer] = world.codes.agent_code + i * world.codes.slot_stride


def act(world, *actions):
    """One step in which all copies take the same actions, one per agent."""
    return world.step(np.tile(np.array(actions), (world.n_worlds, 1)))


def board(world, copy=0) -> str:
    """The copy's map as text, ready to compare with :func:`drawn`."""
    return world.text(copy)


def drawn(text) -> str:
    """A picture typed in a test, freed of its indentation; dots are bare floor, to keep the rows' length."""
    return (textwrap.dedent(text) if text.startswith("\n") else text).strip("\n").replace(".", " ")


def share_ok(count, n, p, sigmas=4.5) -> bool:
    """Whether ``count`` of ``n`` is as likely under probability ``p`` as binomial chance allows."""
    return abs(count - n * p) <= sigmas * np.sqrt(n * p * (1 - p)) + 1e-9
