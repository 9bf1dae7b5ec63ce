"""How many threads the networks use: set in this one place, before any model is built.

Experiments, evaluations, windows and measurements set it first; importing torch alone never decides it. Copies of
worlds have threads of their own, in ``engine.threads``.
"""

from __future__ import annotations

import sys
from typing import Any

_wanted = 1


def set_network_threads(n: int) -> None:
    """Sets the threads of the networks, now and for what is imported later."""
    global _wanted
    if n < 1:
        raise ValueError(f"a number of threads is at least 1, not {n}")
    _wanted = n
    apply_threads()


def apply_threads() -> None:
    """Gives the libraries that are imported by now the number that was set; 1 unless it was."""
    # Numba serves the networks' first layers. It comes first, because where both run on one OpenMP library it sets
    # PyTorch's threads too when it starts its own.
    numba: Any = sys.modules.get("numba")
    if numba is not None and hasattr(numba, "set_num_threads"):
        numba.set_num_threads(min(_wanted, numba.config.NUMBA_NUM_THREADS))
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "set_num_threads"):
        torch.set_num_threads(_wanted)
