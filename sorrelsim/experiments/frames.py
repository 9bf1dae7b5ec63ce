"""Metrics as pandas frames: one row per epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

COUNTERS = ("epoch", "env_steps", "agent_steps", "episodes")
"""Columns of whole numbers that say how far a run is."""


def metrics_frame(metrics: Mapping[str, np.ndarray]) -> pandas.DataFrame:
    """Returns metrics by column as a frame; counters are whole numbers, all else is as in metrics.csv."""
    import pandas

    columns: dict[str, Any] = {}
    for name, values in metrics.items():
        whole = name in COUNTERS and np.isfinite(values).all()
        columns[name] = values.astype(np.int64) if whole else values
    return pandas.DataFrame(columns)
