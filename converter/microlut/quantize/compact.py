"""Scales and biases that compact output stages hold: wanted ones in, the next possible ones out.

The encoding itself, and why it has these limits: microlut.integer.compact.
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

_LARGEST_BIAS_STEP = 1 / 8  # of an output step: biases are wrong by half of it at most
_SMALLEST_FACTOR = 2.0**-30  # s_in * s_w / s_out below which a channel adds nothing to its output


def round_scales(
    scales: NDArray[np.floating], input_scale: float, output_scale: float
) -> NDArray[np.float32]:
    """Return the next weight scales, above or equal, that a compact stage holds.

    They have 12 significant bits, and the engine's multipliers are those of TensorFlow Lite: where
    they are not (once in some 10 million), the scale moves up by one more unit of its last bit.
    Scales so small that they make nothing of their channel's sums are raised.
    """
    wide = np.asarray(scales, np.float64)
    # One octave less than a word holds, for the largest one may move up.
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
    """Return where the engine makes another multiplier of a scale than TensorFlow Lite."""
    wanted = np.stack(channel_multipliers(input_scale, scales, output_scale))
    found = np.stack(expand_scales(scales, input_scale, output_scale))
    differs: NDArray[np.bool_] = np.any(wanted != found, axis=0)
    return differs


def round_bias(
    bias: NDArray[np.int32], fold: NDArray[np.int64], scales: NDArray[np.float32], ratio: float
) -> NDArray[np.int32]:
    """Return the nearest biases that a compact stage holds in 16 bits.

    They are returned unchanged if some step of these is more than 1/8 of an output step; then the
    layer's biases take 32 bits.

    Args:
        bias: [channels] biases of TensorFlow Lite.
        fold: [channels] what is added to them before they are stored: -zero_point * sum(weights).
        scales: [channels] of the weights, as `round_scales` returns them.
        ratio: s_in / s_out.
    """
    stored = bias + fold
    for _, steps in bias_steps(scale_exponents(scales)):
        words = np.rint(stored / steps).astype(np.int64)
        if fits_16_bits(words):
            visible = (steps > 1) & (steps * scales * ratio > _LARGEST_BIAS_STEP)
            return bias if np.any(visible) else (words * steps - fold).astype(np.int32)
    return bias
