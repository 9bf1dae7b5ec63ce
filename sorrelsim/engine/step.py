"""What the engine itself does to one copy in a step: clear beams, close the episode, start the next, write views.

These are rules like those of a world file, and run interpreted and compiled like them. ``w`` is the copy that rules
see; ``e`` holds what only the engine touches: the map template, the geometry of the view, the output arrays.
"""

from __future__ import annotations

import numpy as np

from sorrelsim.rules.events import note_counts
from sorrelsim.rules.rule import rule


def set_turn(w, e, turn):
    """Writes the turn; returns the copy with it. Compiled code, where ``w.turn`` is looked up, writes only."""
    e.turn[0] = turn
    return w._replace(turn=turn)


def set_turn_compiled(w, e, turn):
    """What :func:`set_turn` becomes in compiled code."""
    e.turn[0] = turn
    return w


@rule
def begin(w, e):
    """Opens a step: last step's beams vanish, rewards go to zero."""
    if e.beam_mask != e.full_mask:
        mask_cells(e.cells, e.pad, w.height, w.width, e.beam_mask)
    for i in range(w.n_agents):
        w.reward[i] = 0.0
        e.was_out[i] = w.out[i] != 0


def mask_cells(cells, pad, height, width, mask):
    """Masks every packed cell of the map. Compiled code uses a loop for the width of a cell."""
    cells[pad : pad + height, pad : pad + width] &= cells.dtype.type(mask & 0xFFFFFFFFFFFFFFFF)


def mask_cells_32(cells, pad, height, width, mask):
    """What :func:`mask_cells` becomes for cells of up to four layers."""
    keep = np.uint32(mask)
    for row in range(pad, pad + height):
        for col in range(pad, pad + width):
            cells[row, col] &= keep


def mask_cells_64(cells, pad, height, width, mask):
    """What :func:`mask_cells` becomes for cells of five to eight layers."""
    keep = np.uint64(mask)
    for row in range(pad, pad + height):
        for col in range(pad, pad + width):
            cells[row, col] &= keep


@rule
def finish(w, e):
    """Closes a step: drops rewards of agents that are out, adds up the episode, reports how it ended.

    An agent that left the grid in this very step keeps what the step brought it: it ate before the beam took it away.
    """
    ended = w.ended[0]
    for i in range(w.n_agents):
        if e.drop_rewards_while_out and e.was_out[i] and w.out[i] != 0:
            w.reward[i] = 0.0
        w.episode_return[i] += w.reward[i]
        if w.out[i] != 0:
            e.tallies[i, 0] += 1.0
        if w.reward[i] > 0.0:
            e.tallies[i, 1] += 1.0
            e.tallies[i, 2] += e.turn[0]
        e.reward[i] = w.reward[i]
        e.terminated[i] = ended == 1
        e.truncated[i] = ended == 2
    if ended:
        e.last_length[0] = e.turn[0]
        for i in range(w.n_agents):
            e.last_return[i] = w.episode_return[i]
            for k in range(3):
                e.last_tallies[i, k] = e.tallies[i, k]
            for k in range(w.events.shape[1]):
                e.last_events[i, k] = w.events[i, k]
    if w.notes.shape[0] > 0:
        note_counts(w, e.counts, e.seen)


@rule
def restore(w, e):
    """Brings a copy back to the bare map: no agents, no timers."""
    copy_cells(e.cells, e.template)
    w.ended[0] = 0
    fill(w.occupant, -1)
    for i in range(w.n_agents):
        w.pos[i, 0] = 0
        w.pos[i, 1] = 0
        w.facing[i] = 0
        w.out[i] = -1
        w.frozen[i] = 0
        w.reward[i] = 0.0
        w.episode_return[i] = 0.0
        for k in range(3):
            e.tallies[i, k] = 0.0
        for k in range(w.events.shape[1]):
            w.events[i, k] = 0.0


def copy_cells(target, source):
    """Copies packed cells. Compiled code uses :func:`copy_cells_compiled`."""
    target[...] = source


def copy_cells_compiled(target, source):
    """What :func:`copy_cells` becomes in compiled code."""
    for row in range(source.shape[0]):
        for col in range(source.shape[1]):
            target[row, col] = source[row, col]


def fill(array, value):
    """Fills an array that is contiguous within a copy. Compiled code uses an intrinsic, one loop for any dimensions."""
    array[...] = value
