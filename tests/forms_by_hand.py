"""What windows are in every form, and a map as a picture: written in NumPy, one line after the other, as an oracle."""

import numpy as np

from sorrelsim.authoring import sprites
from sorrelsim.pictures.painting import stack


def one_hot(symbolic, n_codes):
    """Ids ``[..., row, col, layer]`` to channels ``[..., n_codes - 1, row, col]``; channel k is id k + 1."""
    *lead, rows, cols, layers = symbolic.shape
    into = np.zeros((*lead, n_codes, rows, cols), np.uint8)
    for layer in range(layers):
        np.put_along_axis(into, symbolic[..., layer].astype(np.intp)[..., None, :, :], 1, axis=-3)
    return into[..., 1:, :, :]


def text(symbolic, glyphs, covers):
    """Ids to lines of text ``[..., row]``: the glyph of the topmost layer that has one that covers what is below."""
    top = np.zeros(symbolic.shape[:-1], np.uint8)
    for layer in range(symbolic.shape[-1]):
        code = symbolic[..., layer]
        top = np.where((code > 0) & ((covers[code] > 0) | (top == 0)), code, top)
    shown = np.array(glyphs, "<U1")[top]
    return np.ascontiguousarray(shown).view(f"<U{shown.shape[-1]}")[..., 0]


def paint(symbolic, looks):
    """Ids to pictures ``[..., row * 8, col * 8, 3]``, layers bottom first."""
    *lead, rows, cols, layers = symbolic.shape
    ground = np.broadcast_to(sprites.GROUND.rgba, (*lead, rows, cols, *sprites.GROUND.rgba.shape))
    cells = stack([ground, *(looks[symbolic[..., layer]] for layer in range(layers))])
    return np.moveaxis(cells, -3, -4).reshape(*lead, rows * sprites.SIZE, cols * sprites.SIZE, 3)


def smaller(pictures, size):
    """Pictures of 8 x 8 pixels a cell with ``size`` pixels a cell: means of blocks, halves rounded up."""
    *lead, height, width, _ = pictures.shape
    block = sprites.SIZE // size
    sums = pictures.reshape(*lead, height // block, block, width // block, block, 3).astype(int).sum((-4, -2))
    return np.floor(sums / block**2 + 0.5).astype(np.uint8)


def form_of(world, symbolic):
    """Symbolic windows in the form in which a world is observed."""
    spec = world.observations
    if spec.form == "one_hot":
        return one_hot(symbolic, world.codes.n_codes)
    if spec.form == "ascii":
        return text(symbolic, world.codes.glyphs, world.codes.covers)
    return smaller(paint(symbolic, world.looks_table()), spec.sprite_size)


def picture(world, copy):
    """A picture of one copy's map, each agent in its own colour."""
    grid, codes, looks = world.grid[copy], world.codes, world.looks_table()
    size = sprites.SIZE
    height, width, layers = grid.shape
    cells = grid.copy()
    cells[..., codes.agent_layer] = 0
    agents = np.zeros((height, width, size, size, 4), np.uint8)
    for i in range(world.n_agents):
        if world.out[copy, i] == 0:
            row, col = world.pos[copy, i]
            agents[row, col] = sprites.agent_sprite(sprites.agent_colour(i), int(world.facing[copy, i])).rgba
    ground = np.broadcast_to(sprites.GROUND.rgba, agents.shape)
    pictures = [looks[cells[..., z]] for z in range(layers)]
    pictures[codes.agent_layer] = agents
    return stack([ground, *pictures]).swapaxes(1, 2).reshape(height * size, width * size, 3)
