"""Fixed-point multipliers against exact rational arithmetic and numbers worked out by hand."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.ops.fixed_point import (
    Multiplier,
    channel_multipliers,
    mean_multiplier,
    multiply,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_doubling_high_mul,
)

INT32 = st.integers(-(2**31), 2**31 - 1)
FACTORS = st.floats(2.0**-31, 2.0**30)


def half_away(value: Fraction) -> int:
    """Round to nearest, halves away from zero."""
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


@pytest.mark.parametrize(
    ("real", "multiplier", "shift"),
    [
        (1.0, 1 << 30, 1),
        (0.5, 1 << 30, 0),
        (0.75, 3 << 29, 0),
        (3.0, 3 << 29, 2),
        (0.0, 0, 0),
        (2.0**-32, 1 << 30, -31),
        (2.0**-33, 0, 0),
        (1.0 - 2.0**-40, 1 << 30, 1),  # the fraction rounds up to 1
        (1 / 3, 1431655765, -1),  # 2/3 * 2^31 = 1431655765.33
    ],
)
def test_multiplier_is_the_one_computed_by_hand(real: float, multiplier: int, shift: int):
    assert quantize_multiplier(real) == Multiplier(multiplier, shift)


@pytest.mark.parametrize(
    ("real", "count", "multiplier", "shift"),
    [
        (1.0, 64, 1 << 30, -5),
        (1.0, 3, 715827882, 0),  # 2^31 / 3 = 715827882.67, truncated
        (0.0, 5, 0, -2),
        (2.0**-30, 8, 1 << 29, -31),  # no shift beyond 31
    ],
)
def test_multiplier_of_a_mean(real: float, count: int, multiplier: int, shift: int):
    assert mean_multiplier(real, count) == Multiplier(multiplier, shift)


@given(FACTORS)
def test_multiplier_is_within_half_a_unit_of_the_factor(real: float):
    m = quantize_multiplier(real)
    assert 2**30 <= m.multiplier < 2**31
    unit = Fraction(2) ** (m.shift - 31)
    assert abs(Fraction(real) - m.multiplier * unit) <= unit / 2


@given(INT32, INT32)
def test_high_mul_rounds_halves_up(a: int, b: int):
    if a == b == -(2**31):
        return
    wanted = floor(Fraction(a * b, 2**31) + Fraction(1, 2))
    assert saturating_doubling_high_mul(np.int64(a), b) == wanted


@given(INT32, st.integers(0, 31))
def test_rounding_divide_rounds_halves_away_from_zero(x: int, exponent: int):
    assert rounding_divide_by_pot(np.int64(x), exponent) == half_away(Fraction(x, 2**exponent))


@pytest.mark.parametrize(
    ("x", "exponent", "wanted"), [(5, 1, 3), (-5, 1, -3), (-6, 2, -2), (6, 2, 2), (-7, 0, -7)]
)
def test_rounding_divide_of_halves(x: int, exponent: int, wanted: int):
    assert rounding_divide_by_pot(np.array([x]), exponent).tolist() == [wanted]


@given(st.integers(-(2**20), 2**20), st.floats(2.0**-31, 2.0**10))
def test_multiply_is_within_one_of_the_product(x: int, real: float):
    m = quantize_multiplier(real)
    product = Fraction(real) * x
    assert abs(multiply(np.int64(x), m.multiplier, m.shift) - product) <= Fraction(1001, 1000)


@pytest.mark.parametrize(
    ("x", "multiplier", "shift", "wanted"),
    [
        (100, 1 << 30, 1, 100),
        (3, 1 << 30, 0, 2),  # 1.5 up
        (-3, 1 << 30, 0, -1),  # -1.5: the high product rounds halves up
        (-3, 1 << 30, -1, -1),  # -1.5 to -1, then -0.5 away from zero
        (1000, 0, 0, 0),
    ],
)
def test_multiply_rounds_twice(x: int, multiplier: int, shift: int, wanted: int):
    assert multiply(np.array([x]), multiplier, shift).tolist() == [wanted]


@given(st.lists(FACTORS, min_size=1, max_size=5), st.floats(1e-6, 1e3), st.floats(1e-6, 1e3))
def test_channel_multipliers_are_those_of_the_double_products(
    scales: list[float], input_scale: float, output_scale: float
):
    weight_scales = np.array(scales, np.float32)
    wanted = [quantize_multiplier(input_scale * float(s) / output_scale) for s in weight_scales]
    multiplier, shift = channel_multipliers(input_scale, weight_scales, output_scale)
    assert multiplier.dtype == np.int32
    assert shift.dtype == np.int8
    assert multiplier.tolist() == [m.multiplier for m in wanted]
    assert shift.tolist() == [m.shift for m in wanted]
