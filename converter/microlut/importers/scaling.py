"""Tell inputs that are scaled otherwise than those that a model was calibrated with."""

from __future__ import annotations

import numpy as np

from microlut.errors import InvalidInput
from microlut.ops.arrays import FloatArray

_BEYOND_RANGE = 0.25  # share of values outside the calibrated range; real data have fewer
_FEWEST_STEPS = 2  # of the input's 255; with fewer, all values quantize to one or two numbers
_MANY_SAMPLES = 8


def check_scaled_alike(x: FloatArray, low: float, high: float) -> None:
    """Raise InvalidInput if inputs [n, ...] have another scale than the calibration inputs.

    Args:
        x: Inputs to run.
        low: Lower end of the calibrated range.
        high: Upper end of the calibrated range.
    """
    if not scaled_alike(x, low, high):
        raise InvalidInput(
            f"inputs span {x.min():g} to {x.max():g}, but the model was calibrated with inputs "
            f"from {low:g} to {high:g}; scale them like the calibration inputs"
        )


def scaled_alike(x: FloatArray, low: float, high: float) -> bool:
    """Return whether inputs [n, ...] may have the range `low` to `high`.

    Some values beyond it are normal, and saturate. But images of 0 to 255 for a range of 0 to 1, or
    the other way round, would run and give nonsense.
    """
    beyond = float(np.mean((x < low) | (x > high)))
    step = (high - low) / 255
    # One dark image may be almost uniform; many are not.
    flat = len(x) >= _MANY_SAMPLES and float(np.ptp(x)) < _FEWEST_STEPS * step
    return beyond <= _BEYOND_RANGE and not flat
