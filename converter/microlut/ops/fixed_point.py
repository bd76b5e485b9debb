"""Fixed-point multipliers of the TensorFlow Lite 8-bit quantization specification.

Every formula is that of the on-device reference kernels, so that results agree bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Int64 = NDArray[np.int64]
_INT32_MAX = (1 << 31) - 1
# Constants of gemmlowp's fixedpoint.h.
_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8) in Q0.31
_ONE_THIRD = 715827883  # 1/3 in Q0.31
# (exponent, exp(-2^exponent) in Q0.31)
_EXP_FACTORS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
_LARGEST_REDUCED = 0x7FFF0000  # multipliers from here on are 32767 in 15 bits
_LARGEST_NEWTON = 1 << 29  # of a number whose square root is taken; larger ones are divided by 4
_ONE = 1 << 28  # 1 in Q3.28
_ROOT_BITS, _WIDE_BITS = 30, 62  # of numbers whose square root is taken
_HALF_ROOT_2 = 1518500250  # sqrt(2) / 2 in Q0.31
_48_OVER_17 = 1515870810  # Q2.29
_MINUS_32_OVER_17 = -1010580540  # Q2.29


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
    """Return the factor real / count as the on-device kernel for MEAN computes it.

    The kernel divides the multiplier of `real` by the count and truncates (reduce.h,
    QuantizedMeanOrSum).
    """
    whole = quantize_multiplier(real)
    bits = min(count.bit_length() - 1, 32, 31 + whole.shift)
    return Multiplier((whole.multiplier << bits) // count, whole.shift - bits)


def channel_multipliers(
    input_scale: float, weight_scales: NDArray[np.float32], output_scale: float
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return multiplier and shift of s_in * s_w[c] / s_out for every channel, in double."""
    return _split(float(input_scale) * float(s) / float(output_scale) for s in weight_scales)


def rounded_multipliers(
    input_scale: float, weight_scales: NDArray[np.float32], output_scale: float
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Return the same for kernels that round the product of the scales to single precision.

    Those of uint8 do, and that of a FULLY_CONNECTED without bias whose weights have one scale.
    """
    products = np.float32(input_scale) * weight_scales.astype(np.float32)
    return _split(float(product) / float(output_scale) for product in products)


def _split(factors: Iterable[float]) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    fixed = [quantize_multiplier(factor) for factor in factors]
    return (
        np.array([m.multiplier for m in fixed], dtype=np.int32),
        np.array([m.shift for m in fixed], dtype=np.int8),
    )


def saturating_doubling_high_mul(
    a: NDArray[np.int64], b: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return round(a * b / 2^31), halves up, for 32-bit a and b that are not both -2^31.

    Equals gemmlowp's SaturatingRoundingDoublingHighMul with its nudge and truncating division.
    """
    product = np.asarray(a * b)
    product += 1 << 30
    product >>= 31
    return product


def rounding_divide_by_pot(
    x: NDArray[np.int64], exponent: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return x / 2^exponent rounded to nearest, halves away from zero (gemmlowp)."""
    # Floor of x + 1/2, less the smallest step where x is negative and something is shifted out.
    power = np.int64(1) << exponent
    rounded = np.asarray((x >> 63) & -(power > 1).astype(np.int64))
    rounded += x
    rounded += power >> 1
    rounded >>= exponent
    return rounded


def multiply(
    x: NDArray[np.int64], multiplier: NDArray[np.int64] | int, shift: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return x * multiplier * 2^(shift - 31) with TensorFlow Lite's double rounding."""
    left = np.maximum(shift, 0)
    right = np.maximum(-np.asarray(shift), 0)
    return rounding_divide_by_pot(saturating_doubling_high_mul(x << left, multiplier), right)


def multiply_wide(
    x: NDArray[np.int64], multiplier: NDArray[np.int64] | int, shift: NDArray[np.int64] | int
) -> NDArray[np.int64]:
    """Return the same for |x| < 2^47, with a multiplier of 15 bits and one rounding.

    This is TensorFlow Lite's MultiplyByQuantizedMultiplier of 64-bit accumulators.
    """
    right = 15 - np.asarray(shift)
    scaled: NDArray[np.int64] = (x * reduced(multiplier) + (np.int64(1) << (right - 1))) >> right
    return scaled


def reduced(multiplier: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Return a multiplier of 31 bits in 15."""
    wide = np.asarray(multiplier)
    return np.where(wide < _LARGEST_REDUCED, (wide + (1 << 15)) >> 16, 0x7FFF)


def input_radius(integer_bits: int, left_shift: int) -> int:
    """Return the magnitude from which inputs that a left shift scales to Q(integer_bits) saturate.

    This is CalculateInputRadius of TensorFlow Lite for 31 bits in total.
    """
    largest = ((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits)
    return math.floor(largest / 2.0**left_shift)


def exp_on_negative_values(a: _Int64, integer_bits: int) -> _Int64:
    """Return exp(a) in Q0.31 for a <= 0 in Qm.(31 - m), where m is `integer_bits`.

    Like all numbers below, `a` is raw 32-bit fixed point held in int64; Qm.n has m integer and n
    fractional bits.
    """
    fraction_bits = 31 - integer_bits
    quarter = 1 << (fraction_bits - 2)
    fraction = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_saturating_shift_left(fraction, integer_bits))
    remainder = fraction - a
    for exponent, factor in _EXP_FACTORS:
        if exponent >= integer_bits:
            break
        scaled = saturating_doubling_high_mul(result, factor)
        result = np.where(remainder & (1 << (fraction_bits + exponent)), scaled, result)
    if integer_bits > 5:
        result = np.where(a < -(1 << (fraction_bits + 5)), 0, result)
    return np.where(a == 0, _INT32_MAX, result)


def one_over_one_plus(a: _Int64) -> _Int64:
    """Return 1 / (1 + a) in Q0.31 for a in [0, 1)."""
    return _saturating_shift_left(_twice_over_one_plus(a), 1)


def _twice_over_one_plus(a: _Int64) -> _Int64:
    """Return 2 / (1 + a) in Q2.29 for a in [0, 1): three Newton-Raphson steps."""
    half_denominator = (a + _INT32_MAX + 1) >> 1  # rounding half sum of two non-negative numbers
    x = _48_OVER_17 + saturating_doubling_high_mul(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - saturating_doubling_high_mul(half_denominator, x)
        x = x + _saturating_shift_left(saturating_doubling_high_mul(x, error), 2)
    return x


def one_minus_over_one_plus(a: _Int64) -> _Int64:
    """Return (1 - a) / (1 + a) in Q0.31 for a in [0, 1): that is 2 / (1 + a) - 1."""
    return _saturating_shift_left(_twice_over_one_plus(a) - (1 << 29), 2)


def _saturating_shift_left(x: _Int64, bits: int) -> _Int64:
    return np.asarray(np.clip(x << bits, -_INT32_MAX - 1, _INT32_MAX))


def _exp_near_zero(a: _Int64) -> _Int64:
    """Return exp(a) for a in [-1/4, 0), both Q0.31: a Taylor series around -1/8."""
    x = a + (1 << 28)
    x2 = saturating_doubling_high_mul(x, x)
    x3 = saturating_doubling_high_mul(x2, x)
    x4 = saturating_doubling_high_mul(x2, x2)
    x4_over_4 = rounding_divide_by_pot(x4, 2)
    third = saturating_doubling_high_mul(x4_over_4 + x3, _ONE_THIRD)
    series = rounding_divide_by_pot(third + x2, 1)
    return _EXP_MINUS_EIGHTH + saturating_doubling_high_mul(x + series, _EXP_MINUS_EIGHTH)


def inverse_square_root(x: _Int64) -> tuple[_Int64, _Int64]:
    """Return 1 / sqrt(x) as (multiplier, shift) of multiplier * 2^(shift - 31), for 0 <= x < 2^31.

    This is GetInvSqrtQuantizedMultiplierExp of TensorFlow Lite: five Newton-Raphson steps in Q3.28.
    0 counts as 1.
    """
    large = x >= _LARGEST_NEWTON
    root = np.maximum(np.where(large, x // 4, x), 2)
    bit_length = np.frexp(root.astype(np.float64))[1].astype(np.int64)
    pairs = (31 - bit_length) // 2 - 1
    half = root << (2 * pairs) >> 1
    quarter = rounding_divide_by_pot(half, 1)
    y = np.full_like(half, _ONE)
    for _ in range(5):
        cube = saturating_doubling_high_mul(saturating_doubling_high_mul(y, y), y)
        cube = _saturating_shift_left(cube, 6)
        step = saturating_doubling_high_mul(y, _ONE + _ONE // 2)
        y = _saturating_shift_left(step - saturating_doubling_high_mul(cube, quarter), 3)
    y = saturating_doubling_high_mul(y, _HALF_ROOT_2)
    right = 11 + large - pairs
    multiplier = np.where(x <= 1, _INT32_MAX, y << np.maximum(-right, 0))
    return multiplier, np.where(x <= 1, 0, -np.maximum(right, 0))


def wide_inverse_square_root(x: _Int64) -> tuple[_Int64, _Int64]:
    """Return the same for 0 <= x < 2^62, which is divided by 4 until it has 30 bits."""
    steps = np.arange(_ROOT_BITS, _WIDE_BITS + 1, 2)
    halved = (x[..., None] >> steps > 0).sum(axis=-1)
    multiplier, shift = inverse_square_root(x >> (2 * halved))
    return multiplier, shift - halved
