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
    if bits == 8:
        assert (tile.channels, tile.scratch_bytes) == (filters, patch)
        return
    assert tile.scratch_bytes == align(tile.channels * columns) + patch
    assert tile.channels == filters or tile.channels % 4 == 0
    smallest = align(min(filters, 4) * columns) + patch
    assert tile.scratch_bytes <= max(align(free), SMALL, smallest)


@given(BITS, st.integers(1, 300), st.integers(1, 900), st.integers(0, 20_000))
def test_dense_tile(bits: int, units: int, inputs: int, free: int):
    tile = choose_tile(QDense(weights((units, inputs), units, bits), STAGE), free)
    assert 1 <= tile.channels <= units
    if bits == 8:
        assert (tile.channels, tile.scratch_bytes) == (units, 0)
        return
    assert tile.scratch_bytes == align(tile.channels * inputs)
    assert tile.scratch_bytes <= max(align(free), SMALL, align(4 * inputs))


@given(BITS, st.integers(1, 60), st.integers(1, 4), st.integers(1, 5), st.integers(0, 20_000))
def test_depthwise_tile(bits: int, channels: int, multiplier: int, kernel: int, free: int):
    outputs, positions = channels * multiplier, kernel * kernel
    w = weights((kernel, kernel, outputs), positions, bits)
    op = QDepthwiseConv2D(w, STAGE, Window((kernel, kernel)), multiplier)
    tile = choose_tile(op, free)
    assert 1 <= tile.channels <= outputs
    assert tile.channels == outputs or tile.channels % (8 * multiplier) == 0
    assert tile.scratch_bytes == align(tile.channels * (4 + positions))
    smallest = align(8 * multiplier * (4 + positions))
    assert tile.scratch_bytes <= max(align(free), SMALL, smallest)


@given(st.integers(2, 7), st.integers(0, 30_000), st.integers(0, 30_000))
def test_more_room_never_gives_a_smaller_tile(bits: int, a: int, b: int):
    op = QDense(weights((128, 640), 128, bits), STAGE)
    assert choose_tile(op, min(a, b)).channels <= choose_tile(op, max(a, b)).channels


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
