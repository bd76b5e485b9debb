"""Scales and biases for compact stages: next to what was wanted, and exactly TensorFlow Lite's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.integer.compact import expand_scales, scale_exponents
from microlut.ops.fixed_point import channel_multipliers
from microlut.quantize.compact import round_bias, round_scales

SINGLE = st.floats(2.0**-20, 2.0**6, width=32)
SCALES = st.lists(st.floats(2.0**-100, 2.0**10), min_size=1, max_size=20).map(np.array)
UNIT = 2.0**-11  # of a 12-bit mantissa


@given(SCALES, SINGLE, SINGLE)
def test_rounded_scales_give_the_multipliers_of_tensorflow_lite(scales, x, output):
    rounded = round_scales(scales, x, output)
    for found, wanted in zip(
        expand_scales(rounded, x, output), channel_multipliers(x, rounded, output), strict=True
    ):
        assert np.array_equal(found, wanted)


@given(SCALES, SINGLE, SINGLE)
def test_rounded_scales_are_above_by_a_unit_or_two_or_at_the_bottom(scales, x, output):
    rounded = round_scales(scales, x, output)
    bottom = max(scales.max() * 2.0**-30, 2.0**-30 * output / x)
    wanted = np.maximum(scales, bottom)
    assert np.all(rounded >= wanted)
    assert np.all(rounded <= wanted * (1 + 2 * UNIT))


@given(SCALES, SINGLE, SINGLE)
def test_rounding_scales_twice_changes_nothing(scales, x, output):
    once = round_scales(scales, x, output)
    assert np.array_equal(round_scales(once, x, output), once)


@pytest.mark.parametrize(
    ("x", "output", "mantissa"),
    [
        ("0x1.bb1efap+0", "0x1.81f2ccp+0", 2940),
        ("0x1.b47e4ep+0", "0x1.968b14p+0", 3409),
        ("0x1.272a94p+0", "0x1.93542cp+0", 3682),
    ],
)
def test_scale_of_another_multiplier_moves_up(x: str, output: str, mantissa: int):
    """In one of some 10 million cases 52 bits of the ratio round to the other side."""
    scales = np.ldexp([float(mantissa), 3000.0], -20).astype(np.float32)
    s_in, s_out = float.fromhex(x), float.fromhex(output)
    engine, _ = expand_scales(scales, s_in, s_out)
    assert (engine - channel_multipliers(s_in, scales, s_out)[0]).tolist() in ([1, 0], [-1, 0])
    assert round_scales(scales, s_in, s_out).tolist() == [(mantissa + 1) / 2**20, 3000 / 2**20]


def units(scales: np.ndarray, ratio: float) -> np.ndarray:
    """Return what a unit of each channel's bias is worth in output steps."""
    return scales.astype(float) * ratio


@given(st.integers(0, 2**32), st.floats(2.0**-16, 2.0**-4))
def test_rounded_bias_is_off_by_a_sixteenth_of_an_output_step_at_most(seed, ratio):
    rng = np.random.default_rng(seed)
    scales = round_scales(10.0 ** rng.uniform(-4, 0, 9), ratio, 1.0)
    bias = rng.integers(-(2**24), 2**24, 9).astype(np.int32)
    fold = rng.integers(-(2**20), 2**20, 9)
    rounded = round_bias(bias, fold, scales, ratio)
    off = np.abs(rounded.astype(float) - bias) * units(scales, ratio)
    assert off.max() <= 1 / 16
    assert rounded.dtype == np.int32


def test_bias_of_16_bits_is_kept():
    scales = np.array([1, 0.5], np.float32)
    bias, fold = np.array([32767, -1], np.int32), np.array([0, -32767])
    assert np.array_equal(round_bias(bias, fold, scales, 1.0), bias)


def test_channel_of_small_scale_has_large_steps():
    """17 bits too many in a channel of scale 2^-17 leave the other one exact."""
    scales = np.array([1, 2.0**-17], np.float32)
    bias, fold = np.array([30_001, 2**31 - 2**17], np.int32), np.zeros(2, np.int64)
    assert scale_exponents(scales).tolist() == [31, 14]
    rounded = round_bias(bias, fold, scales, 2.0**-4)
    assert rounded.tolist() == [30_001, 2**31 - 2**17]
    assert round_bias(bias + np.int32(1), fold, scales, 2.0**-4).tolist() == [30_002, 2**31 - 2**17]


@pytest.mark.parametrize(
    ("ratio", "wanted"), [(2.0**-5, 65_532), (2.0**-4, 65_532), (2.0**-3, 65_533)]
)
def test_bias_is_left_alone_where_rounding_shows(ratio: float, wanted: int):
    """One bit too many: a step is two units, which may be worth an eighth of an output step."""
    bias, scales = np.array([65_533], np.int32), np.ones(1, np.float32)
    assert round_bias(bias, np.zeros(1, np.int64), scales, ratio).tolist() == [wanted]
