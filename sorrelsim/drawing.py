"""Pictures of a world: as sprites, and as text. Needs no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sorrelsim import sprites
from sorrelsim.kinds import Codebook, Kinds

if TYPE_CHECKING:
    from sorrelsim.gridworld import Gridworld


def looks_table(codes: Codebook, kinds: type[Kinds], looks: str) -> np.ndarray:
    """A sprite for each id: ``uint8[n_codes, SIZE, SIZE, 4]``; see :meth:`Gridworld.looks_table`."""
    table = np.zeros((codes.n_codes, sprites.SIZE, sprites.SIZE, 4), np.uint8)
    for member in kinds:
        if member.spec.sprite is not None:
            table[member] = member.spec.sprite.rgba
    table[codes.outside] = sprites.plain("k").rgba
    directions = 4 if codes.facing else 1
    for d in range(directions):
        table[codes.self_code + d] = sprites.agent_sprite(sprites.PALETTE["w"], d).rgba
    for k in range(codes.n_codes - codes.agent_code):
        slot, d = divmod(k, directions)
        colour = sprites.agent_colour(slot) if looks == "individual" else sprites.PALETTE["o"]
        table[codes.agent_code + k] = sprites.agent_sprite(colour, d).rgba
    return table


def picture(world: Gridworld, copy: int) -> np.ndarray:
    """A picture of one copy: RGB ``uint8[height * 8, width * 8, 3]``, each agent in its own colour."""
    size = sprites.SIZE
    looks = world.looks_table()
    cells = world.grid[copy].copy()
    cells[..., world.codes.agent_layer] = 0
    layers = len(world.codes.layers)
    agents = np.zeros((world.height, world.width, size, size, 4), np.uint8)
    for i in range(world.n_agents):
        if world.out[copy, i] == 0:
            row, col = world.pos[copy, i]
            agents[row, col] = sprites.agent_sprite(sprites.agent_colour(i), int(world.facing[copy, i])).rgba
    ground = np.broadcast_to(sprites.GROUND.rgba, agents.shape)
    pictures = [looks[cells[..., z]] for z in range(layers)]
    pictures[world.codes.agent_layer] = agents
    drawn = sprites.stack([ground, *pictures])
    return drawn.swapaxes(1, 2).reshape(world.height * size, world.width * size, 3)


def text(world: Gridworld, copy: int) -> str:
    """One copy as ASCII: the topmost glyph of each cell, agents as ``^ > v <`` by where they look."""
    top = np.full((world.height, world.width), " ", "<U1")
    glyphs = np.array(world.codes.glyphs, "<U1")
    for z in range(len(world.codes.layers)):
        layer = world.grid[copy, ..., z]
        top = np.where((layer > 0) & (z != world.codes.agent_layer), glyphs[layer], top)
        if z == world.codes.agent_layer:
            for i in range(world.n_agents):
                if world.out[copy, i] == 0:
                    top[tuple(world.pos[copy, i])] = "^>v<"[world.facing[copy, i]]
    return "\n".join("".join(row) for row in top)
