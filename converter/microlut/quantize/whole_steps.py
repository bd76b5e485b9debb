"""Weights that were rounded before: whole numbers of one step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEVEL_MAX = 127
_SAMPLE = 1 << 12
_MOST_VALUES = 2 * _LEVEL_MAX + 2  # distinct ones, of 8 bits with any zero point
_FEWEST_VALUES = 8  # fewer are whole numbers of a step by chance
_NEAR = 1e-3  # of a step: single precision has 7 digits


def own_step(weights: NDArray[np.float64]) -> float | None:
    """Return the step of which all weights are whole numbers, up to 255; None if there is none.

    Quantized models whose weights have one scale per tensor hold such ones.
    """
    flat = weights.reshape(-1)
    if np.unique(flat[:_SAMPLE]).size > _MOST_VALUES:
        return None
    values = np.unique(np.abs(flat).astype(np.float32)).astype(np.float64)
    values = values[values > 0]
    if not _FEWEST_VALUES <= values.size <= _MOST_VALUES:
        return None
    step = float(min(values[0], np.diff(values).min()))
    counts = np.round(values / step)
    if counts[-1] > _MOST_VALUES:
        return None
    step = float(values @ counts / (counts @ counts))  # which all of them tell best
    counts = np.round(values / step)
    return step if np.abs(values / step - counts).max() < _NEAR else None


def kept_scales(weights: NDArray[np.float64], scales: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scales of channels, which keep weights as they are where these have a step."""
    step = own_step(weights)
    if step is None:
        return scales
    largest = np.abs(weights).max(axis=1)
    fits = (largest > 0) & (np.round(largest / step) <= _LEVEL_MAX)
    return np.where(fits, step, scales)
