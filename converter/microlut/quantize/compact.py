"""Round scales and biases to values that compact output stages can store.

microlut.integer.compact has the encoding, and the reason for its limits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.integer.compact import (
    LARGEST_EXPONENT,
    MANTISSA_BITS,
    bias_steps,
    expand_scales,
    fits_16_bits,
    scale_exponents,
)
from microlut.ops.fixed_point import channel_multipliers

_LARGEST_BIAS_STEP = 1 / 8  # of an output step: biases are off by at most half of it
_SMALLEST_FACTOR = 2.0**-30  # s_in * s_w / s_out below which a channel adds nothing to its output


def round_scales(
    scales: NDArray[np.floating], input_scale: float, output_scale: float
) -> NDArray[np.float32]:
    """Round weight scales up to values that a compact stage can store.

    They have 12 significant bits, and give TensorFlow Lite's multipliers: where they do not (about
    once in 10 million), the scale moves up by one more unit of its last bit. Scales so small that
    their channel adds nothing to the output are raised.
    """
    wide = np.asarray(scales, np.float64)
    # One octave less than a word can store, since the largest one may move up.
    least = wide.max() * 2.0 ** (1 - LARGEST_EXPONENT)
    least = max(least, _SMALLEST_FACTOR * output_scale / input_scale, np.finfo(np.float32).tiny)
    fractions, exponents = np.frexp(np.maximum(wide, least))
    mantissas = np.ceil(fractions * 2.0**MANTISSA_BITS)
    result: NDArray[np.float32] = np.ldexp(mantissas, exponents - MANTISSA_BITS).astype(np.float32)
    while np.any(wrong := _inexact(result, input_scale, output_scale)):
        result[wrong] += np.ldexp(np.float32(1), np.frexp(result[wrong])[1] - MANTISSA_BITS)
    return result


def _inexact(
    scales: NDArray[np.float32], input_scale: float, output_scale: float
) -> NDArray[np.bool_]:
    """Return where the engine's multiplier of a scale differs from TensorFlow Lite's."""
    wanted = np.stack(channel_multipliers(input_scale, scales, output_scale))
    found = np.stack(expand_scales(scales, input_scale, output_scale))
    differs: NDArray[np.bool_] = np.any(wanted != found, axis=0)
    return differs


def round_bias(
    bias: NDArray[np.int32], fold: NDArray[np.int64], scales: NDArray[np.float32], ratio: float
) -> NDArray[np.int32]:
    """Round biases to values that a compact stage can store in 16 bits.

    If that would need a step of more than 1/8 of an output step, return them unchanged; then the
    layer's biases take 32 bits.

    Args:
        bias: [channels] biases of TensorFlow Lite.
        fold: [channels] added to them before they are stored: -zero_point * sum(weights).
        scales: [channels] scales of the weights, as `round_scales` returns them.
        ratio: s_in / s_out.
    """
    stored = bias + fold
    for _, steps in bias_steps(scale_exponents(scales)):
        words = np.rint(stored / steps).astype(np.int64)
        if fits_16_bits(words):
            visible = (steps > 1) & (steps * scales * ratio > _LARGEST_BIAS_STEP)
            return bias if np.any(visible) else (words * steps - fold).astype(np.int32)
    return bias
