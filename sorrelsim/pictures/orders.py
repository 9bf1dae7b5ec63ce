"""The words of an order to write windows in another form, by which a kernel is told all that it needs.

``KERNEL`` is its own address, by which a step finds it. ``CELLS`` and ``INTO`` are where the windows of the first copy
lie and where they are written to, and their strides the bytes from copy to copy; ``SCRATCH`` leads to two words,
address and bytes of the lanes of threads.
"""

from __future__ import annotations

KERNEL, CELLS, CELLS_STRIDE, INTO, INTO_STRIDE, AGENTS, ROWS, COLS, LAYERS, TABLE, N_TABLE, SCRATCH, WORDS = range(13)
SLOTS = 2048
"""Blended sprites of cells that a thread keeps, a power of two."""
UNCOVERING = 1 << 31
"""What is added to the code point of what hides nothing in text; beyond all code points."""
