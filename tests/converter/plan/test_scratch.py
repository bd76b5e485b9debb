"""Tiles: within their budget, of allowed sizes, and the engine's own scratch formula."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.overlap import engine_overlap
from microlut.ops.relu import QClamp
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Padding, Window
from microlut.plan.scratch import Tile, patches, tiles, whole_tile

BITS = st.integers(2, 8)
STAGE = OutputStage(np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.int8), -128, 127)


def weights(shape: tuple[int, ...], rows: int, bits: int) -> QuantizedWeights:
    indices = np.zeros((rows, int(np.prod(shape)) // rows), np.uint8)
    book = None if bits == 8 else np.zeros(2**bits, np.int8)
    return QuantizedWeights(shape, bits, indices, book, np.ones(1, np.float32))


def align(size: int) -> int:
    return (size + 15) // 16 * 16


@given(BITS, st.integers(1, 100), st.integers(1, 5), st.integers(1, 40), st.booleans())
def test_convolution_tiles(bits: int, filters: int, kernel: int, channels: int, adds: bool):
    w = weights((filters, kernel, kernel, channels), filters, bits)
    op = QConv2D(w, STAGE, Window((kernel, kernel)))
    quads = max((kernel * kernel * channels + 3) // 4, 2)
    fixed = 32 * quads + (4 * quads if kernel > 1 and channels % 4 else 0)
    each = 16 + 8 * quads + 4 * adds
    found = list(tiles(op, (9, 9, filters), adds))
    for tile in found:
        assert tile.channels == filters or tile.channels % 2 == 0
        assert tile.scratch_bytes == align((tile.channels + tile.channels % 2) * each + fixed)
    assert [found[0].channels, found[-1].channels] == [filters, min(2, filters)]


@given(st.integers(1, 400), st.integers(1, 75))
def test_tiles_are_the_smallest_for_each_number_of_passes(filters: int, quads: int):
    found = [tile.channels for tile in tiles(pointwise(filters, 4 * quads), (5, 5, filters))]
    passes = {-(-filters // n) for n in (*range(2, filters, 2), filters)}
    assert [-(-filters // n) for n in found] == sorted(passes)
    assert all(n <= 2 or -(-filters // (n - 2)) > -(-filters // n) for n in found)


@given(BITS, st.integers(1, 300), st.integers(1, 900), st.booleans())
def test_dense_layers_have_one_tile(bits: int, units: int, inputs: int, overlapping: bool):
    overlap = engine_overlap((units, inputs), bits) if overlapping else 0
    table = 4 * 2 ** (2 * bits + overlap) if 2 * bits + overlap <= 9 else 0
    scratch = 0 if bits == 8 else align(table + (inputs + 7) // 8 * 16)
    op = QDense(replace(weights((units, inputs), units, bits), overlap=overlap), STAGE)
    assert list(tiles(op, (units,))) == [Tile(units, scratch)]


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
def test_depthwise_tiles(channels: int, multiplier: int, kernel: int, stride: int):
    outputs, positions, (height, width) = channels * multiplier, kernel * kernel, (9, 7)
    w = weights((kernel, kernel, outputs), positions, 4)
    op = QDepthwiseConv2D(w, STAGE, Window((kernel, kernel), (stride, stride)), multiplier)
    found = list(tiles(op, (height, width, outputs)))
    for tile in found:
        assert tile.channels == outputs or tile.channels % (8 * multiplier) == 0
        assert 2 <= tile.rows <= height
        tall, wide = (tile.rows - 1) * stride + kernel, (width - 1) * stride + kernel
        band = 8 * (tall + tall % 2) * wide
        assert tile.scratch_bytes == align(tile.channels * (16 + positions) + band)
    sizes = {(tile.channels, tile.rows) for tile in found}
    assert len(sizes) == len(found)
    assert {(outputs, height), (min(outputs, 8 * multiplier), 2)} <= sizes
    assert found[0] == whole_tile(op, (height, width, outputs))


def pointwise(filters: int, channels: int) -> QConv2D:
    return QConv2D(weights((filters, 1, 1, channels), filters, 4), STAGE, Window((1, 1)))


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
    assert list(tiles(QClamp(0, 127), (4,))) == [Tile(0, 0)]
