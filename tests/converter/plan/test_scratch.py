"""Tiles: within their budget, of allowed sizes, and the engine's own scratch formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.ir import Padding, Window
from microlut.plan.scratch import choose_tile, gathers
from microlut.quantized import (
    OutputStage,
    QClamp,
    QConv2D,
    QDense,
    QDepthwiseConv2D,
    QuantizedWeights,
)

BITS = st.integers(2, 8)
SMALL = 2048
STAGE = OutputStage(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.int8), -128, 127)


def weights(shape: tuple[int, ...], rows: int, bits: int) -> QuantizedWeights:
    indices = np.zeros((rows, int(np.prod(shape)) // rows), np.uint8)
    book = None if bits == 8 else np.zeros(2**bits, np.int8)
    return QuantizedWeights(shape, bits, indices, book, np.ones(1, np.float32))


def align(size: int) -> int:
    return (size + 15) // 16 * 16


@given(BITS, st.integers(1, 100), st.integers(1, 5), st.integers(1, 40), st.integers(0, 20_000))
def test_convolution_tile(bits: int, filters: int, kernel: int, channels: int, free: int):
    w = weights((filters, kernel, kernel, channels), filters, bits)
    tile = choose_tile(QConv2D(w, STAGE, Window((kernel, kernel))), free)
    columns = kernel * kernel * channels
    patch = align(columns) if kernel > 1 else 0
    assert 1 <= tile.channels <= filters
    each = 12 + (0 if bits == 8 else columns)
    assert tile.scratch_bytes == align(tile.channels * each) + patch
    assert tile.channels == filters or tile.channels % 4 == 0
    smallest = align(16 * 12) + patch if bits == 8 else SMALL
    smallest = max(smallest, align(min(filters, 4) * each) + patch)
    assert tile.scratch_bytes <= max(align(free), smallest)


@given(BITS, st.integers(1, 300), st.integers(1, 900), st.integers(0, 20_000))
def test_dense_tile(bits: int, units: int, inputs: int, free: int):
    tile = choose_tile(QDense(weights((units, inputs), units, bits), STAGE), free)
    assert 1 <= tile.channels <= units
    each = 12 + (0 if bits == 8 else inputs)
    assert tile.scratch_bytes == align(tile.channels * each)
    smallest = 16 * 12 if bits == 8 else SMALL
    assert tile.scratch_bytes <= max(align(free), smallest, align(4 * each))


@given(BITS, st.integers(1, 60), st.integers(1, 4), st.integers(1, 5), st.integers(0, 20_000))
def test_depthwise_tile(bits: int, channels: int, multiplier: int, kernel: int, free: int):
    outputs, positions = channels * multiplier, kernel * kernel
    w = weights((kernel, kernel, outputs), positions, bits)
    op = QDepthwiseConv2D(w, STAGE, Window((kernel, kernel)), multiplier)
    tile = choose_tile(op, free)
    assert 1 <= tile.channels <= outputs
    assert tile.channels == outputs or tile.channels % (8 * multiplier) == 0
    assert tile.scratch_bytes == align(tile.channels * (16 + positions))
    smallest = align(8 * multiplier * (16 + positions))
    assert tile.scratch_bytes <= max(align(free), SMALL // 2, smallest)


@given(st.integers(2, 7), st.integers(0, 30_000), st.integers(0, 30_000))
def test_more_room_never_gives_a_smaller_tile(bits: int, a: int, b: int):
    op = QDense(weights((128, 640), 128, bits), STAGE)
    assert choose_tile(op, min(a, b)).channels <= choose_tile(op, max(a, b)).channels


@given(st.integers(1, 400), st.integers(1, 300), st.integers(0, 20_000))
def test_smaller_tile_would_take_more_rounds(units: int, inputs: int, free: int):
    """Of the tiles that take as many rounds as the largest that fits, the smallest is chosen."""
    tile = choose_tile(QDense(weights((units, inputs), units, 4), STAGE), free).channels
    largest = max(max(free, SMALL) // (12 + inputs) // 4 * 4, 4)
    rounds = -(-units // tile)
    assert rounds == -(-units // min(largest, units))
    assert tile <= 4 or -(-units // (tile - 4)) > rounds


@pytest.mark.parametrize(
    ("window", "wanted"),
    [
        (Window((1, 1)), False),
        (Window((1, 1), strides=(2, 2)), False),
        (Window((1, 1), padding=Padding(right=1)), True),
        (Window((1, 2)), True),
        (Window((3, 3)), True),
    ],
)
def test_only_unpadded_1x1_kernels_read_in_place(window: Window, wanted: bool):
    assert gathers(QConv2D(weights((1, *window.size, 1), 1, 4), STAGE, window)) is wanted


def test_operator_without_weights_needs_no_scratch():
    assert choose_tile(QClamp(0, 127), 10_000).scratch_bytes == 0
