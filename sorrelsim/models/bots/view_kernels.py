"""The compiled inner loop of finding the way. ``view`` allocates; this reads, and writes where it is told."""

from __future__ import annotations

from sorrelsim.machine_code.kept import kept


@kept
def first_steps(targets, free, row, col, order, queue, far, direction, distance):
    """Writes the first step of a shortest walk to the nearest target, and its length, where there is one.

    A wave runs from the targets over free cells until it is next to the agent, or all is reached.

    Args:
        targets: bool [n, rows, cols].
        free: bool [n, rows, cols], cells that may be walked over.
        row, col: int64 [n], where each agent stands.
        order: int64 [n, 4], directions, the preferred ones first.
        queue: int64 [rows * cols], scratch, as is ``far``.
        far: int64 [rows, cols].
        direction: int64 [n], written where a target is reached.
        distance: int64 [n], likewise.
    """
    n, rows, cols = targets.shape
    for i in range(n):
        head = tail = 0
        for r in range(rows):
            for c in range(cols):
                far[r, c] = -1
                if targets[i, r, c]:
                    far[r, c] = 0
                    queue[tail] = r * cols + c
                    tail += 1
        if far[row[i], col[i]] == 0:
            distance[i] = 0
            continue
        while head < tail:
            r, c = queue[head] // cols, queue[head] % cols
            head += 1
            if abs(r - row[i]) + abs(c - col[i]) == 1:
                for k in range(4):
                    d = order[i, k]
                    r0 = row[i] + (d == 2) - (d == 0)
                    c0 = col[i] + (d == 1) - (d == 3)
                    inside = r0 >= 0 and r0 < rows and c0 >= 0 and c0 < cols
                    if inside and far[r0, c0] == far[r, c]:
                        direction[i] = d
                        distance[i] = far[r, c] + 1
                        break
                break
            for d in range(4):
                r1 = r + (d == 2) - (d == 0)
                c1 = c + (d == 1) - (d == 3)
                if r1 >= 0 and r1 < rows and c1 >= 0 and c1 < cols and far[r1, c1] < 0 and free[i, r1, c1]:
                    far[r1, c1] = far[r, c] + 1
                    queue[tail] = r1 * cols + c1
                    tail += 1
