"""Compiled inner loops of the replay memory. Callers check everything; these read, and write where they are told.

Rows are time, columns are streams; row numbers wrap at the end of the ring. Frames are seen as bytes, so one kernel
serves every dtype.
"""

from __future__ import annotations

import numpy as np

from sorrelsim.machine_code.kept import kept

GOES_ON, TERMINATED, TRUNCATED, EMPTY = range(4)
"""What came of a step, the values of ``kind``; EMPTY is a boundary, no step at all."""
RETURN, DISCOUNT, DONE, VALID = range(4)
"""What ``transitions`` writes, row by row."""


@kept
def transitions(index, head, size, n_step, gamma, kind, reward, into, rows, streams):
    """Writes the n-step returns of the steps at ``index`` = row * n_streams + stream.

    A window stops at an episode's end; one that reaches the write head or an empty frame first is not valid.

    Args:
        index: int64 [batch].
        head: Row that is written next.
        size: Rows written.
        n_step: Steps in a window.
        gamma: Discount per step.
        kind: uint8 [rows, streams].
        reward: float32 [rows, streams].
        into: float32 [4, batch], written, as the others are: RETURN, DISCOUNT, DONE (it terminated) and VALID.
        rows: int64 [2 * batch], the rows of the steps, and then those of the next states, or -1 - row for an episode's
            end at that row, whose final frame applies.
        streams: int64 [batch], the steps' streams.
    """
    n_rows, n_streams = kind.shape
    oldest, following = head - size, rows[index.shape[0] :]
    for b in range(index.shape[0]):
        row, stream = index[b] // n_streams, index[b] % n_streams
        rows[b], streams[b] = row, stream
        total, discount = 0.0, 1.0
        into[DONE, b], into[VALID, b], following[b] = 0.0, 1.0, row
        for k in range(n_step):
            here = (row + k) % n_rows
            if (here - oldest) % n_rows >= size or kind[here, stream] == EMPTY:
                into[VALID, b] = 0.0
                break
            total += discount * reward[here, stream]
            discount *= gamma
            if kind[here, stream] != GOES_ON:
                into[DONE, b] = 1.0 if kind[here, stream] == TERMINATED else 0.0
                following[b] = -1 - here
                break
            after = (here + 1) % n_rows
            if after == head or kind[after, stream] == EMPTY:
                into[VALID, b] = 0.0  # what came next is not known
                break
            following[b] = after
        into[RETURN, b], into[DISCOUNT, b] = total, discount


@kept
def stacks(rows, streams, head, size, kind, frames, final, final_index, into, whole):
    """Writes stacks of frames ending at ``rows`` (or, for -1 - row, at the final frame after that row), oldest first.

    Frames before an episode's first are zero, as they were when the agent acted. ``whole`` is set to 0 where the write
    head has overwritten frames that the stack needs; it may leave out the last of ``rows``. Where rows are more than
    ``streams``, these go round.
    """
    n_rows, n_streams = kind.shape[0], streams.shape[0]
    depth, n_bytes = into.shape[1], into.shape[2]
    oldest = (head - size) % n_rows
    for b in range(rows.shape[0]):
        row, stream, last = rows[b], streams[b % n_streams], depth - 1
        if row < 0:
            row = -1 - row
            entry = final_index[row, stream]
            for i in range(n_bytes):
                into[b, last, i] = final[entry, i] if entry >= 0 else 0
            last -= 1
        ended = False
        for k in range(last, -1, -1):
            if ended:
                for i in range(n_bytes):
                    into[b, k, i] = 0
            else:  # a plain loop: assigning slices takes Numba ten times as long
                for i in range(n_bytes):
                    into[b, k, i] = frames[row, stream, i]
            if k == 0 or ended:
                continue
            if row == oldest:
                if size == n_rows and b < whole.shape[0]:  # else the memory just began here
                    whole[b] = 0.0
                ended = True
            else:
                row = (row - 1) % n_rows
                ended = kind[row, stream] != GOES_ON


@kept
def tree_set(tree, leaves, values):
    """Sets leaves and adds up their ancestors. ``tree[1]`` is the sum; leaf i is ``tree[len(tree) // 2 + i]``."""
    half = tree.shape[0] // 2
    for b in range(leaves.shape[0]):
        node = half + leaves[b]
        tree[node] = values[b]
        node //= 2
        while node >= 1:
            tree[node] = tree[2 * node] + tree[2 * node + 1]
            node //= 2


@kept
def tree_update(tree, leaves, errors, exponent, largest):
    """Sets leaves that are above 0 to (|error| + 1e-6) ** exponent, then their ancestors, level by level.

    Returns the largest value set, or ``largest`` if that is larger.
    """
    half = tree.shape[0] // 2
    nodes = np.empty(leaves.shape[0], np.int64)
    for b in range(leaves.shape[0]):
        nodes[b] = half + leaves[b]
        if tree[nodes[b]] > 0:
            value = (abs(np.float64(errors[b])) + 1e-6) ** exponent
            largest = max(largest, value)
            tree[nodes[b]] = value
    while half > 1:
        half //= 2
        for b in range(nodes.shape[0]):
            nodes[b] //= 2
            if b == 0 or nodes[b] != nodes[b - 1]:  # drawn in order, near the root most have the same
                tree[nodes[b]] = tree[2 * nodes[b]] + tree[2 * nodes[b] + 1]
    return largest


@kept
def tree_fill(tree, start, stop, value):
    """Sets leaves start..stop-1 to one value, then each ancestor once."""
    half = tree.shape[0] // 2
    low, high = half + start, half + stop - 1
    for node in range(low, high + 1):
        tree[node] = value
    while low > 1:
        low //= 2
        high //= 2
        for node in range(low, high + 1):
            tree[node] = tree[2 * node] + tree[2 * node + 1]


@kept
def tree_find(tree, uniforms, n_batches, n_steps, correction, leaf, weights):
    """Draws one leaf from each of equal slices of the sum, as many as a batch has samples; uniforms place it there.

    ``leaf`` and ``weights`` are written, batch behind batch: (n_steps * P) ** -correction over the largest of the
    batch, P being the probability with which a single draw finds that leaf.
    """
    half, size = tree.shape[0] // 2, uniforms.shape[0] // n_batches
    mass = np.empty(uniforms.shape[0])
    for b in range(uniforms.shape[0]):
        mass[b], leaf[b] = (b % size + uniforms[b]) / size * tree[1], 1
    level = 1
    while level < half:  # all draws together: one waits for the memory less than each by itself
        level *= 2
        for b in range(uniforms.shape[0]):
            node = 2 * leaf[b]
            # Rounding may leave a little mass beyond the last leaf: never step into an empty branch.
            if mass[b] >= tree[node] and tree[node + 1] > 0:
                mass[b] -= tree[node]
                node += 1
            leaf[b] = node
    for k in range(n_batches):
        largest = 0.0
        for b in range(k * size, (k + 1) * size):
            weights[b] = (n_steps * (tree[leaf[b]] / tree[1])) ** -correction
            largest = max(largest, weights[b])
            leaf[b] -= half
        for b in range(k * size, (k + 1) * size):
            weights[b] /= largest


@kept
def shares(valid, weights, n_batches, into):
    """Writes what each sample counts in its batch: valid * weight over the number of valid ones; all [samples]."""
    size = valid.shape[0] // n_batches
    for k in range(n_batches):
        count = np.float32(0)
        for b in range(k * size, (k + 1) * size):
            count += valid[b]
        count = max(count, np.float32(1))
        for b in range(k * size, (k + 1) * size):
            into[b] = valid[b] * weights[b] / count
