"""Depthwise convolution: tiles of allowed sizes, and the engine's own scratch formula."""

from hypothesis import given
from hypothesis import strategies as st

from kernel_calls import STAGE, align, call, weights
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.windows import Window
from microlut.plan.kernels import kernel_of
from microlut.plan.tiles import whole_tile


@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
def test_scratch_is_the_engines_formula(channels: int, multiplier: int, kernel: int, stride: int):
    outputs, positions, (height, width) = channels * multiplier, kernel * kernel, (9, 7)
    w = weights((kernel, kernel, outputs), positions, 4)
    op = QDepthwiseConv2D(w, STAGE, Window((kernel, kernel), (stride, stride)), multiplier)
    one = call(op, (40, 40, channels), (height, width, outputs))
    found = list(kernel_of(op).tiles(one))
    for tile in found:
        assert tile.channels == outputs or tile.channels % (8 * multiplier) == 0
        assert 2 <= tile.rows <= height
        tall, wide = (tile.rows - 1) * stride + kernel, (width - 1) * stride + kernel
        band = 8 * (tall + tall % 2) * wide
        assert tile.scratch_bytes == align(tile.channels * (16 + positions) + band)
    sizes = {(tile.channels, tile.rows) for tile in found}
    assert len(sizes) == len(found)
    assert {(outputs, height), (min(outputs, 8 * multiplier), 2)} <= sizes
    assert found[0] == whole_tile(one)
