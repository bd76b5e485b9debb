"""Warn of problems in calibration inputs.

A warning says what was found, where it begins, and what to do. The limits are documented in
docs/reference/errors.md.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Quantization, Tensor, quantized_range

FEWEST_INPUTS = 50  # different calibration inputs
_OUTLIER_SPANS = 4.0  # times the span of the values without the outermost ones
_OUTERMOST = 1e-3  # share of the values that may be outliers at either end
_FEWEST_STEPS = 4.0  # of the input's 255, spanned by a feature
_MANY_FEATURES = 0.1  # share of the features
_LISTED = 5


def input_warnings(samples: FloatArray, tensor: Tensor) -> Iterator[str]:
    """Yield warnings about calibration inputs [n, ...] of a quantized input."""
    quantization = tensor.quantized
    different = len({sample.tobytes() for sample in samples})
    if different < FEWEST_INPUTS:
        found = f"{len(samples)} calibration inputs"
        if different < len(samples):
            found += f", of which {different} differ"
        yield (
            f"{found}: ranges and biases are measured on them; give {FEWEST_INPUTS} or more "
            "different ones like those in use"
        )
    yield from _outliers(samples, tensor)
    features = unlike_features(samples, quantization)
    if features:
        yield _unlike_text(features, samples.shape[-1], quantization)


def _outliers(samples: FloatArray, tensor: Tensor) -> Iterator[str]:
    """Yield a warning if few values reach much further than all others."""
    if samples.size < 4 * FEWEST_INPUTS:
        return
    outermost = max(1, int(_OUTERMOST * samples.size))
    places = (outermost, samples.size - 1 - outermost)
    ordered = np.partition(samples, places, axis=None)  # a full sort of images takes seconds
    low, high = (float(ordered[place]) for place in places)
    least, most = float(samples.min()), float(samples.max())
    if high > low and most - least > _OUTLIER_SPANS * (high - low):
        beyond = int(np.sum((samples < low) | (samples > high)))
        used = "{:g} to {:g}".format(*quantized_range(tensor.quantized, tensor.dtype))
        yield (
            f"calibration inputs span {least:g} to {most:g}, but all except {beyond:,} of "
            f"{samples.size:,} values lie in {low:g} to {high:g}; the range in use is {used}; "
            "repair these inputs, or give --input-range LOW HIGH"
        )


def unlike_features(samples: FloatArray, quantization: Quantization) -> list[int]:
    """Return the features, along the last axis, that span few of the input's steps.

    All features share one step. None are returned if they are too few to matter, or if all are
    small: then their scales do not differ.
    """
    span = np.ptp(samples.reshape(-1, samples.shape[-1]), axis=0)
    faint = span < _FEWEST_STEPS * np.abs(quantization.scales)
    lost = np.flatnonzero((span > 0) & faint)
    return lost.tolist() if len(lost) > _MANY_FEATURES * len(span) and not faint.all() else []


def _unlike_text(features: list[int], count: int, quantization: Quantization) -> str:
    listed = ", ".join(map(str, features[:_LISTED]))
    more = f" and {len(features) - _LISTED} more" if len(features) > _LISTED else ""
    verb = "spans" if len(features) == 1 else "span"
    return (
        f"input features differ too much in scale: {len(features)} of {count} ({listed}{more}) "
        f"{verb} less than {_FEWEST_STEPS:g} of the input's steps of {quantization.scale:.3g}; "
        "scale all features alike before the network, such as (x - mean) / deviation, and train "
        "it on those"
    )
