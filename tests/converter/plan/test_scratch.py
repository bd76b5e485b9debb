"""Tiles: within their budget, of allowed sizes, and the engine's own scratch formula."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.ir import Padding, Window
from microlut.plan.scratch import choose_tile, patches, whole_tile
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


@given(
    BITS,
    st.integers(1, 100),
    st.integers(1, 5),
    st.integers(1, 40),
    st.integers(0, 20_000),
    st.booleans(),
)
def test_convolution_tile(
    bits: int, filters: int, kernel: int, channels: int, free: int, adds: bool
):
    w = weights((filters, kernel, kernel, channels), filters, bits)
    op = QConv2D(w, STAGE, Window((kernel, kernel)))
    tile = choose_tile(op, (9, 9, filters), free, adds)
    quads = max((kernel * kernel * channels + 3) // 4, 2)
    fixed = 32 * quads + (4 * quads if kernel > 1 and channels % 4 else 0)
    each = 16 + 8 * quads + 4 * adds
    assert 1 <= tile.channels <= filters
    assert tile.channels == filters or tile.channels % 2 == 0
    assert tile.scratch_bytes == align((tile.channels + tile.channels % 2) * each + fixed)
    smallest = align(2 * each + fixed)
    assert tile.scratch_bytes <= max(align(max(free, SMALL) + each), smallest)


@given(BITS, st.integers(1, 300), st.integers(1, 900), st.integers(0, 20_000))
def test_dense_scratch(bits: int, units: int, inputs: int, free: int):
    tile = choose_tile(QDense(weights((units, inputs), units, bits), STAGE), (units,), free)
    table = 4 * 2 ** (2 * bits) if bits <= 4 else 0
    assert tile.channels == units
    assert tile.scratch_bytes == (0 if bits == 8 else align(table + (inputs + 7) // 8 * 16))


@given(
    st.integers(1, 60),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 3),
    st.integers(0, 20_000),
)
def test_depthwise_tile(channels: int, multiplier: int, kernel: int, stride: int, free: int):
    outputs, positions, (height, width) = channels * multiplier, kernel * kernel, (9, 7)
    w = weights((kernel, kernel, outputs), positions, 4)
    op = QDepthwiseConv2D(w, STAGE, Window((kernel, kernel), (stride, stride)), multiplier)
    tile = choose_tile(op, (height, width, outputs), free)
    assert 1 <= tile.channels <= outputs
    assert tile.channels == outputs or tile.channels % (8 * multiplier) == 0
    assert 1 <= tile.rows <= height

    def bytes_of(tile_channels: int, rows: int) -> int:
        tall, wide = (rows - 1) * stride + kernel, (width - 1) * stride + kernel
        return align(tile_channels * (16 + positions) + 8 * (tall + tall % 2) * wide)

    assert tile.scratch_bytes == bytes_of(tile.channels, tile.rows)
    smallest = bytes_of(min(outputs, 8 * multiplier), min(height, 2))
    assert tile.scratch_bytes <= max(align(max(free, SMALL)), smallest)


def test_depthwise_tile_is_whole_where_there_is_room():
    w = weights((3, 3, 24), 9, 4)
    op = QDepthwiseConv2D(w, STAGE, Window((3, 3)), 1)
    assert whole_tile(op, (25, 5, 24)) == choose_tile(op, (25, 5, 24), 10_000)
    assert (whole_tile(op, (25, 5, 24)).channels, whole_tile(op, (25, 5, 24)).rows) == (24, 25)


def pointwise(filters: int, channels: int) -> QConv2D:
    return QConv2D(weights((filters, 1, 1, channels), filters, 4), STAGE, Window((1, 1)))


@given(st.integers(0, 30_000), st.integers(0, 30_000))
def test_more_room_never_gives_a_smaller_tile(a: int, b: int):
    op = pointwise(128, 640)
    less, more = (choose_tile(op, (5, 5, 128), free).channels for free in sorted((a, b)))
    assert less <= more


@given(st.integers(1, 400), st.integers(2, 75), st.integers(0, 20_000))
def test_smaller_tile_would_take_more_rounds(filters: int, quads: int, free: int):
    """Of the tiles that take as many rounds as the largest that fits, the smallest is chosen."""
    tile = choose_tile(pointwise(filters, 4 * quads), (5, 5, filters), free).channels
    fitting = (max(free, SMALL) - 32 * quads) // (16 + 8 * quads)
    largest = filters if fitting >= filters else max(fitting // 2 * 2, 2)
    rounds = -(-filters // tile)
    assert rounds == -(-filters // min(largest, filters))
    assert tile <= 2 or -(-filters // (tile - 2)) > rounds


@pytest.mark.parametrize(
    ("window", "channels", "wanted"),
    [
        (Window((1, 1)), 3, False),
        (Window((1, 1), padding=Padding(right=1)), 3, False),
        (Window((3, 3)), 8, False),
        (Window((1, 2)), 3, True),
        (Window((3, 3)), 1, True),
    ],
)
def test_only_kernels_over_odd_channels_gather_bytes(window: Window, channels: int, wanted: bool):
    assert patches(QConv2D(weights((1, *window.size, channels), 1, 4), STAGE, window)) is wanted


def test_operator_without_weights_needs_no_scratch():
    assert choose_tile(QClamp(0, 127), (4,), 10_000).scratch_bytes == 0
