"""Readings of a weather station, whose features differ in scale."""

from __future__ import annotations

import numpy as np

from microlut.ops.arrays import FloatArray


def sensors(count: int = 200) -> FloatArray:
    """Return degrees, hPa, percent and ohm."""
    rng = np.random.default_rng(0)
    columns = [(20, 5), (1013, 8), (50, 15), (90_000, 20_000)]
    return np.stack([rng.normal(*c, count) for c in columns], axis=1).astype(np.float32)
