"""Fixed-point multipliers of the TensorFlow Lite 8-bit quantization specification.

Every formula is that of the on-device reference kernels, so that results agree bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

INT8_MIN, INT8_MAX = -128, 127


@dataclass(frozen=True, slots=True)
class Multiplier:
    """The real factor multiplier * 2^(shift - 31); shift > 0 shifts left, before multiplying."""

    multiplier: int
    shift: int


def quantize_multiplier(real: float) -> Multiplier:
    """Split a non-negative factor into a 31-bit multiplier and a shift.

    Factors below 2^-32 become 0, as in TensorFlow Lite.
    """
    if real == 0.0:
        return Multiplier(0, 0)
    fraction, exponent = math.frexp(real)
    # The product is positive: floor(x + 1/2) rounds halves away from zero, as C's round does.
    fixed = math.floor(fraction * 2**31 + 0.5)
    if fixed == 2**31:
        fixed, exponent = fixed // 2, exponent + 1
    return Multiplier(0, 0) if exponent < -31 else Multiplier(fixed, exponent)


def mean_multiplier(real: float, count: int) -> Multiplier:
    """Return the factor real / count as the on-device kernel for MEAN makes it of that of `real`.

    It divides the multiplier by the count, and truncates (reduce.h, QuantizedMeanOrSum).
    """
    whole = quantize_multiplier(real)
    bits = min(count.bit_length() - 1, 32, 31 + whole.shift)
    return Multiplier((whole.multiplier << bits) // count, whole.shift - bits)


def channel_multipliers(
    input_scale: float, weight_scales: NDArray[np.float32], output_scale: float
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return multiplier and shift of s_in * s_w[c] / s_out for every channel, in double."""
    factors = [float(input_scale) * float(s) / float(output_scale) for s in weight_scales]
    fixed = [quantize_multiplier(factor) for factor in factors]
    return (
        np.array([m.multiplier for m in fixed], dtype=np.int32),
        np.array([m.shift for m in fixed], dtype=np.int8),
    )


def saturating_doubling_high_mul(
    a: NDArray[np.int64], b: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return round(a * b / 2^31), halves up, for 32-bit a and b that are not both -2^31.

    gemmlowp's SaturatingRoundingDoublingHighMul: its nudge and truncating division come to this.
    """
    return (a * b + (1 << 30)) >> 31


def rounding_divide_by_pot(
    x: NDArray[np.int64], exponent: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return x / 2^exponent rounded to nearest, halves away from zero (gemmlowp)."""
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def multiply(
    x: NDArray[np.int64], multiplier: NDArray[np.int64] | int, shift: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return x * multiplier * 2^(shift - 31) with TensorFlow Lite's double rounding."""
    left = np.maximum(shift, 0)
    right = np.maximum(-np.asarray(shift), 0)
    return rounding_divide_by_pot(saturating_doubling_high_mul(x << left, multiplier), right)
