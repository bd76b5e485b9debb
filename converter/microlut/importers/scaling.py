"""Tell inputs that are scaled otherwise than those that a model was calibrated with."""

from __future__ import annotations

import numpy as np

from microlut.errors import InvalidInput
from microlut.ops.arrays import FloatArray, Real

_BEYOND_RANGE = 0.25  # share of values outside the calibrated range; real data have fewer
_FEWEST_STEPS = 2  # of the input's 255; with fewer, all values quantize to one or two numbers
_MANY_SAMPLES = 8


def check_scaled_alike(x: FloatArray, low: float | Real, high: float | Real) -> None:
    """Raise InvalidInput if inputs [n, ...] have another scale than the calibration inputs.

    Args:
        x: Inputs to run.
        low: Lower end of the calibrated range, or of that of each feature.
        high: Upper end of the calibrated range, or of that of each feature.
    """
    if not scaled_alike(x, low, high):
        raise InvalidInput(
            f"inputs span {x.min():g} to {x.max():g}, but the model was calibrated with inputs "
            f"from {np.min(low):g} to {np.max(high):g}; scale them like the calibration inputs"
        )


def scaled_alike(x: FloatArray, low: float | Real, high: float | Real) -> bool:
    """Return whether inputs [n, ...] may have the range `low` to `high`, in each feature.

    Some values beyond it are normal, and saturate. But images of 0 to 255 for a range of 0 to 1, or
    the other way round, would run and give nonsense.
    """
    step = (np.asarray(high) - np.asarray(low)) / 255
    # A range is one of whole steps: its ends may be half a step away from those asked for.
    beyond = float(np.mean((x < low - step / 2) | (x > high + step / 2)))
    spans = np.ptp(x.reshape(-1, step.size), axis=0)
    # One dark image may be almost uniform; many are not.
    flat = len(x) >= _MANY_SAMPLES and bool(np.all(spans < _FEWEST_STEPS * step))
    return beyond <= _BEYOND_RANGE and not flat
