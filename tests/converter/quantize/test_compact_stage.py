"""The words of compact output stages: decoded by the book they are the stage that went in."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import random_graphs as rg
from microlut.integer import CompactStage, compact_stage, folded_bias
from microlut.integer.compact import expand_scales
from microlut.ops.dense import QDense
from microlut.ops.tensor import Quantization
from microlut.ops.weights import OutputStage, QuantizedWeights
from whole_stages import whole_dense

WHOLE = 5  # words per channel


def decoded(stage: CompactStage) -> list[tuple[int, int, int]]:
    """Return bias, multiplier and shift of every channel, by docs/reference/format.md."""
    if stage.channels.shape[1] == WHOLE:
        shifts = stage.channels[:, 0].astype(np.int16).tolist()
        low, high = stage.channels[:, [1, 3]], stage.channels[:, [2, 4]].astype(np.int64)
        pairs = (high << 16 | low).astype(np.int32).tolist()
        return [(b, m, shift) for (m, b), shift in zip(pairs, shifts, strict=True)]
    result = []
    for scale, *bias in stage.channels.tolist():
        exponent, mantissa = scale >> 11, 2048 + (scale & 2047)
        product = stage.ratio * mantissa
        bits = product.bit_length()
        assert bits in (63, 64)
        multiplier = (product + (1 << bits - 32)) >> bits - 31
        if len(bias) == 1:
            value = (bias[0] ^ 0x8000) - 0x8000
            value <<= max(stage.bias_shift - exponent, 0)
        else:
            value = (bias[0] | bias[1] << 16) ^ 0x8000_0000
            value -= 0x8000_0000
        result.append((value, multiplier, stage.shift + exponent + bits - 64))
    return result


def dense(scales, bias, point: int = 0, output_scale: float = 1.0) -> tuple[QDense, Quantization]:
    """Return a layer of one input and weights of 1, and its input's quantization."""
    scales, x = np.array(scales, np.float32), Quantization(1.0, point)
    multiplier, shift = expand_scales(scales, x.scale, output_scale)
    stage = OutputStage(
        np.array(bias, np.int32), multiplier.astype(np.int32), shift.astype(np.int8), -128, 127
    )
    ones = np.ones((len(scales), 1), np.uint8)
    return QDense(QuantizedWeights(ones.shape, 8, ones, None, scales), stage), x


def test_words_of_random_networks_decode_to_their_stages():
    cases = [*rg.network_cases(30, seed=5), *(rg.every_operator_case(bits) for bits in (2, 5, 8))]
    words, shifts = set(), set()
    for case in cases:
        graph = case.quantized()
        for node, op in graph.weighted():
            x = graph.quantization_of(node.inputs[0])
            stage = compact_stage(op, x, node.quantization)
            folded = folded_bias(op, x.zero_point)
            wanted = zip(folded, op.output.multiplier, op.output.shift, strict=True)
            assert decoded(stage) == [tuple(int(v) for v in channel) for channel in wanted]
            words.add(stage.channels.shape[1])
            shifts.add(stage.bias_shift)
    assert words == {2, 3}
    assert len(shifts) > 3


@given(
    st.lists(st.integers(2048, 4095), min_size=1, max_size=9),
    st.integers(-20, 20),
    st.floats(2.0**-30, 2.0**30, width=32),
    st.floats(2.0**-30, 2.0**30, width=32),
)
def test_multipliers_are_the_exact_products_rounded_to_31_bits(mantissas, exponent, x, output):
    """Up to what 52 bits of the ratio leave open: one half and 2^-20 of a unit."""
    scales = np.ldexp(np.array(mantissas, np.float64), exponent).astype(np.float32)
    multiplier, shift = expand_scales(scales, x, output)
    for m, s, scale in zip(multiplier.tolist(), shift.tolist(), scales.tolist(), strict=True):
        exact = Fraction(x) * Fraction(scale) / Fraction(output)
        assert 2**30 <= m <= 2**31
        unit = Fraction(2) ** (s - 31)
        assert abs(exact - m * unit) <= unit * (Fraction(1, 2) + Fraction(1, 2**20))


def test_example_of_the_format():
    """The numbers of docs/reference/format.md."""
    op, x = dense([0.75, 0.09375], [1000, -70_000], output_scale=3.0)
    stage = compact_stage(op, x, Quantization(3.0, 0))
    assert (stage.ratio, stage.shift, stage.bias_shift) == (3002399751580331, -32, 30)
    assert stage.channels.tolist() == [[0xFC00, 0x03E8], [0xE400, 0xBBA4]]
    assert decoded(stage) == [(1000, 1 << 30, -1), (-70_000, 1 << 30, -4)]


@pytest.mark.parametrize(
    ("bias", "words"),
    [
        ([32767, -32768], 2),
        ([32768, 0], 2),  # a multiple of 2, which is the step then
        ([32769, 0], 3),
        ([32768, 1], 3),
        ([-(2**31), 2**31 - 1], 3),
    ],
)
def test_bias_takes_a_second_word_only_if_it_must(bias: list[int], words: int):
    op, x = dense([1, 1], bias)
    stage = compact_stage(op, x, Quantization(1.0, 0))
    assert stage.channels.shape == (2, 1 + words - 1)
    assert [channel[0] for channel in decoded(stage)] == bias


def test_no_bias_is_shifted_left_by_more_than_31():
    """A bias of 0 would fit at any shift, but the engine's 32-bit numbers would not."""
    op, x = dense([1, 2.0**-31], [2**30, 0])
    assert compact_stage(op, x, Quantization(1.0, 0)).channels.shape == (2, 3)
    op, x = dense([1, 2.0**-15], [2**30, 0])
    stage = compact_stage(op, x, Quantization(1.0, 0))
    assert (stage.bias_shift, stage.channels.tolist()) == (47, [[31 << 11, 2**14], [16 << 11, 0]])
    assert stage.bias_shift - 16 == 31


def test_bias_has_the_input_zero_point_folded_in():
    op, x = dense([1, 1], [5, -5], point=-128)
    assert folded_bias(op, x.zero_point).tolist() == [133, 123]
    assert [b for b, _, _ in decoded(compact_stage(op, x, Quantization(1.0, 0)))] == [133, 123]


def test_smallest_and_largest_exponent_fit():
    op, x = dense([1.0, 2.0**-31], [0, 0])
    stage = compact_stage(op, x, Quantization(1.0, 0))
    assert (stage.channels[:, 0] >> 11).tolist() == [31, 0]


@pytest.mark.parametrize("scales", [[1 + 2.0**-12], [1.0, 2.0**-32], [0.1]])
def test_scales_without_a_code_are_refused(scales: list[float]):
    with pytest.raises(ValueError, match="16 bits"):
        expand_scales(np.array(scales, np.float32), 1.0, 1.0)


def test_channels_with_scales_of_24_bits_are_stored_whole():
    rng = np.random.default_rng(0)
    for _ in range(50):
        op, x, y = whole_dense(rng)
        stage = compact_stage(op, x, y)
        assert stage.channels.shape[1] == WHOLE
        assert stage.ratio == 0
        folded = folded_bias(op, x.zero_point).tolist()
        wanted = zip(folded, op.output.multiplier.tolist(), op.output.shift.tolist(), strict=True)
        assert decoded(stage) == list(wanted)


def test_other_multipliers_than_the_scales_are_refused():
    op, x = dense([1.0], [0])
    with pytest.raises(ValueError, match="multipliers are not those"):
        compact_stage(op, x, Quantization(2.0, 0))
