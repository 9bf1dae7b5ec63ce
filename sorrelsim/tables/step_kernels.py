"""The compiled inner loop of tables of steps. Callers check and allocate; it reads, and writes where it is told."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from sorrelsim.machine_code.kept import kept
from sorrelsim.rules.events import EPISODE, TURNS

AT_TURN, AT_POS, AT_FACING, AT_OUT, AT_COUNTS = range(5)
"""What ``at`` says of the memory of a copy: at which of its words these begin, and at which of its numbers."""
ROWS, THERE = range(2)
"""What ``filled`` counts: rows, and rows whose agent stands somewhere."""
IN_EPISODE, TURN, STEP, ENDED = range(4)
"""What is known of each turn of a copy, a frame: the rows of ``frames``."""
OUT, REWARD, COUNTS = range(3)
"""Columns of ``codes``: how long an agent is out, what it got, and from COUNTS on what was counted."""
WORDS, SLOTS = 256, 1024
"""Values of a column that are numbered, and places in which they are looked for."""


@kept
def take_in(
    memory, head, at, numbers, counted, last_counts, action, reward, terminated, truncated, noted,
    frames, places, acts, codes, words, n_words, slots, whole, in_full, filled,
):  # fmt: skip
    """Writes one row for each agent of all copies behind those of a block.

    Args:
        memory: int32 [copy, word]: all copies' memory.
        head: The first words of each before the step; brought up to date.
        at: int64 [5]: where in them something is; see :data:`AT_TURN`.
        numbers: float64 [copy, number]: the memory again.
        counted: float64 [copy, agent * event]: what was counted before the step; brought up to date.
        last_counts: The same in copies that ended, up to their end.
        action: int64 [copy * agent].
        reward: Its bits, int64 [copy * agent].
        terminated, truncated: bool [copy, agent].
        noted: int64 [copy, 3]: turns and episodes, counted on.
        frames, places, acts, codes, words, n_words, slots, whole, in_full, filled: The block; see
            :class:`~sorrelsim.tables.steps.Block`.
    """
    n, agents = terminated.shape
    events = counted.shape[1] // agents
    first, k = filled[ROWS], np.uint64(filled[THERE])  # unsigned: nobody asks whether it is negative
    filled[ROWS] += n * agents
    codes[:, first : first + n * agents] = 0  # before each step anew: then it is at hand
    for b in range(n):
        over = terminated[b, 0] or truncated[b, 0]
        noted[b, TURNS] += 1
        frame = first // agents + b
        frames[IN_EPISODE, frame], frames[TURN, frame] = noted[b, EPISODE], noted[b, TURNS]
        frames[STEP, frame], frames[ENDED, frame] = head[b, at[AT_TURN]] + 1, over
        noted[b, EPISODE] += over
        mine = first + b * agents
        pos, facing, out = head[b, at[AT_POS] :], head[b, at[AT_FACING] :], head[b, at[AT_OUT] :]
        for i in range(agents):
            places[0, k], places[1, k], places[2, k] = pos[2 * i], pos[2 * i + 1], facing[i]
            k += np.uint64(out[i] == 0)
            if in_full[OUT]:
                whole[OUT, mine + i] = out[i]
            elif out[i] < WORDS - 1:
                codes[OUT, mine + i] = out[i] + 1
            else:
                _fill(OUT, out[i], mine + i, codes, words, whole, in_full)
        for j in range(head.shape[1]):
            head[b, j] = memory[b, j]
        before, now, changed = counted[b], numbers[b, at[AT_COUNTS] :], False
        after = last_counts[b] if over else now
        for j in range(before.shape[0]):
            changed |= after[j] != before[j]
        if changed:
            for j in range(before.shape[0]):
                if after[j] != before[j]:
                    i, more = j // events, np.float64(after[j] - before[j])
                    c = COUNTS + j - i * events
                    _lay(more.view(np.int64), c, mine + i, codes, words, n_words, slots, whole, in_full)
        if changed or over:
            for j in range(before.shape[0]):
                before[j] = now[j]
    filled[THERE] = k
    acts_now = acts[first:]
    for i in range(n * agents):
        acts_now[i] = action[i]
        if reward[i] != 0:
            _lay(reward[i], REWARD, first + i, codes, words, n_words, slots, whole, in_full)


@register_jitable
def _lay(word, c, row, codes, words, n_words, slots, whole, in_full):
    """Writes a value of column ``c``: its number among the words, or itself once there are too many of them."""
    if in_full[c]:
        whole[c, row] = word
    else:
        at = (word ^ word >> 17 ^ word >> 33 ^ word >> 47) & (SLOTS - 1)
        while slots[c, at] >= 0 and words[c, slots[c, at]] != word:
            at = (at + 1) & (SLOTS - 1)
        if slots[c, at] >= 0:
            codes[c, row] = slots[c, at]
        elif n_words[c] < WORDS:
            slots[c, at] = codes[c, row] = n_words[c]
            words[c, n_words[c]] = word
            n_words[c] += 1
        else:
            _fill(c, word, row, codes, words, whole, in_full)


@register_jitable
def _fill(c, word, row, codes, words, whole, in_full):
    """Writes a value itself where its column has no room for another word, and all before it likewise."""
    in_full[c] = True
    for k in range(row):
        whole[c, k] = words[c, codes[c, k]]
    whole[c, row] = word
