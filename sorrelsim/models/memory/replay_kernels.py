"""Compiled inner loops of the memories. Callers check everything; these only read, and write into their
`out`s.

Rows are time, columns are streams; row numbers wrap at the end of the ring. Frames are seen as bytes, so one
kernel
serves every dtype.
"""

from __future__ import annotations

from numba import njit

EMPTY = 3  # values of `kind`: 0 goes on, 1 terminated, 2 truncated, 3 an empty frame, no step at all


@njit(cache=True, nogil=True)
def transitions(
    index, head, size, n_step, gamma, kind, reward, out_return, out_discount, out_done, out_valid, out_next
):
    """n-step returns of the steps at `index` = row * n_streams + stream.

    out_next is the row of the next state, or -1 - row for an episode's end at that row, whose final frame
    applies.
    A window stops at an episode's end; one that reaches the write head or an empty frame first is not valid.
    """
    n_rows, n_streams = kind.shape
    oldest = head - size
    for b in range(index.shape[0]):
        row, stream = index[b] // n_streams, index[b] % n_streams
        total, discount = 0.0, 1.0
        out_done[b], out_valid[b], out_next[b] = 0.0, 1.0, row
        for k in range(n_step):
            here = (row + k) % n_rows
            if (here - oldest) % n_rows >= size or kind[here, stream] == EMPTY:
                out_valid[b] = 0.0
                break
            total += discount * reward[here, stream]
            discount *= gamma
            if kind[here, stream] != 0:
                out_done[b] = 1.0 if kind[here, stream] == 1 else 0.0
                out_next[b] = -1 - here
                break
            following = (here + 1) % n_rows
            if following == head or kind[following, stream] == EMPTY:
                out_valid[b] = 0.0  # what came next is not known
                break
            out_next[b] = following
        out_return[b], out_discount[b] = total, discount


@njit(cache=True, nogil=True)
def stacks(rows, streams, head, size, kind, frames, final, final_index, out, out_whole):
    """Stacks of frames ending at `rows` (or, for -1 - row, at the final frame after that row), oldest first.

    Frames before an episode's first are zero, as they were when the agent acted. out_whole is set to 0 where
    the write
    head has overwritten frames that the stack needs.
    """
    n_rows = kind.shape[0]
    depth, n_bytes = out.shape[1], out.shape[2]
    oldest = (head - size) % n_rows
    for b in range(rows.shape[0]):
        row, stream, last = rows[b], streams[b], depth - 1
        if row < 0:
            row = -1 - row
            entry = final_index[row, stream]
            for i in range(n_bytes):
                out[b, last, i] = final[entry, i] if entry >= 0 else 0
            last -= 1
        ended = False
        for k in range(last, -1, -1):
            if ended:
                for i in range(n_bytes):
                    out[b, k, i] = 0
            else:  # a plain loop: assigning slices takes Numba ten times as long
                for i in range(n_bytes):
                    out[b, k, i] = frames[row, stream, i]
            if k == 0 or ended:
                continue
            if row == oldest:
                out_whole[b] = 0.0 if size == n_rows else out_whole[b]  # else the memory just began here
                ended = True
            else:
                row = (row - 1) % n_rows
                ended = kind[row, stream] != 0


@njit(cache=True, nogil=True)
def tree_set(tree, leaves, values):
    """Sets leaves and adds up their ancestors. tree[1] is the sum; leaf i is tree[len(tree) // 2 + i]."""
    half = tree.shape[0] // 2
    for b in range(leaves.shape[0]):
        node = half + leaves[b]
        tree[node] = values[b]
        node //= 2
        while node >= 1:
            tree[node] = tree[2 * node] + tree[2 * node + 1]
            node //= 2


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def tree_find(tree, uniforms, out_leaf, out_share):
    """Draws one leaf from each of n equal slices of the sum; uniforms place the draw within its slice.

    out_share is the probability with which a single draw finds that leaf.
    """
    half = tree.shape[0] // 2
    n = uniforms.shape[0]
    for b in range(n):
        mass = (b + uniforms[b]) / n * tree[1]
        node = 1
        while node < half:
            node *= 2
            # Rounding may leave a little mass beyond the last leaf: never step into an empty branch.
            if mass >= tree[node] and tree[node + 1] > 0:
                mass -= tree[node]
                node += 1
        out_leaf[b] = node - half
        out_share[b] = tree[node] / tree[1]
