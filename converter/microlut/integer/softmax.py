"""TensorFlow Lite's int8 softmax in fixed point: gemmlowp's exponential and reciprocal.

Numbers are raw 32-bit fixed point held in int64 arrays; Qm.n has m integer and n fractional bits.
The constants are the ones that gemmlowp's fixedpoint.h publishes, with their formulas beside them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.integer import QSoftmax
from microlut.integer.requantize import rounding_divide_by_pot, saturating_doubling_high_mul

Int64 = NDArray[np.int64]
_INT32_MAX = (1 << 31) - 1
_EXP_MINUS_EIGHTH = 1895147668  # exp(-1/8) in Q0.31
_ONE_THIRD = 715827883  # 1/3 in Q0.31
# (bit of a Q5.26 number, exp(-2^(bit - 26)) in Q0.31)
_EXP_FACTORS = (
    (24, 1672461947),
    (25, 1302514674),
    (26, 790015084),
    (27, 290630308),
    (28, 39332535),
    (29, 720401),
    (30, 242),
)
_48_OVER_17 = 1515870810  # Q2.29
_MINUS_32_OVER_17 = -1010580540  # Q2.29
_ACCUMULATION_INTEGER_BITS = 12


def softmax_int8(op: QSoftmax, x: NDArray[np.int8]) -> NDArray[np.int8]:
    """Return the softmax of the last dimension, scale 1/256 and zero point -128."""
    wide = x.astype(np.int64)
    difference = wide - wide.max(axis=-1, keepdims=True)
    counted = difference >= op.minimum_difference
    kept = np.where(counted, difference, 0)
    scaled = saturating_doubling_high_mul(kept << op.left_shift, op.multiplier)
    exponential = _exp_on_negative_values(scaled)
    rescaled = rounding_divide_by_pot(exponential, _ACCUMULATION_INTEGER_BITS)
    total = np.where(counted, rescaled, 0).sum(axis=-1, keepdims=True)
    reciprocal, over_unit = _reciprocal(total)
    product = saturating_doubling_high_mul(reciprocal, exponential)
    value = rounding_divide_by_pot(product, over_unit + 31 - 8) - 128
    return np.where(counted, np.clip(value, -128, 127), -128).astype(np.int8)


def _saturating_shift_left(x: Int64, bits: int) -> Int64:
    return np.asarray(np.clip(x << bits, -_INT32_MAX - 1, _INT32_MAX))


def _exp_on_negative_values(a: Int64) -> Int64:
    """Return exp(a) in Q0.31 for a <= 0 in Q5.26."""
    quarter = 1 << 24
    fraction = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_saturating_shift_left(fraction, 5))
    remainder = fraction - a
    for bit, factor in _EXP_FACTORS:
        scaled = saturating_doubling_high_mul(result, factor)
        result = np.where(remainder & (1 << bit), scaled, result)
    return np.where(a == 0, _INT32_MAX, result)


def _exp_near_zero(a: Int64) -> Int64:
    """Return exp(a) for a in [-1/4, 0), both Q0.31: a Taylor series around -1/8."""
    x = a + (1 << 28)
    x2 = saturating_doubling_high_mul(x, x)
    x3 = saturating_doubling_high_mul(x2, x)
    x4 = saturating_doubling_high_mul(x2, x2)
    x4_over_4 = rounding_divide_by_pot(x4, 2)
    third = saturating_doubling_high_mul(x4_over_4 + x3, _ONE_THIRD)
    series = rounding_divide_by_pot(third + x2, 1)
    return _EXP_MINUS_EIGHTH + saturating_doubling_high_mul(x + series, _EXP_MINUS_EIGHTH)


def _reciprocal(x: Int64) -> tuple[Int64, Int64]:
    """Return 1 / x as (Q0.31 mantissa, exponent) for x > 0 in Q12.19."""
    headroom = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)  # leading zeros of 32 bits
    mantissa = (x << headroom) - (1 << 31)
    return _one_over_one_plus(mantissa), _ACCUMULATION_INTEGER_BITS - headroom


def _one_over_one_plus(a: Int64) -> Int64:
    """Return 1 / (1 + a) in Q0.31 for a in [0, 1): three Newton-Raphson steps."""
    half_denominator = (a + _INT32_MAX + 1) >> 1  # rounding half sum of two non-negative numbers
    x = _48_OVER_17 + saturating_doubling_high_mul(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 29) - saturating_doubling_high_mul(half_denominator, x)
        x = x + _saturating_shift_left(saturating_doubling_high_mul(x, error), 2)
    return _saturating_shift_left(x, 1)
