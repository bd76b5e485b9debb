"""Depthwise convolution: tiles of allowed sizes, and the engine's own scratch formula."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernel_calls import STAGE, align, call, weights
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.windows import Window
from microlut.plan.kernels import Tile, kernel_of
from microlut.plan.tiles import whole_tile

QUICK = replace(STAGE, shift=np.full(8, -8, np.int8), bias=np.zeros(8, np.int32))


@given(st.integers(1, 60), st.integers(1, 4), st.integers(2, 5), st.integers(1, 3))
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


@given(st.integers(2, 7), st.integers(2, 7), st.integers(1, 3), st.integers(2, 9))
def test_steps_of_any_kernel_are_the_pairs_of_rows_that_it_meets(
    kernel: int, height: int, stride: int, width: int
):
    w = weights((kernel, 2, 8), 2 * kernel, 4)
    op = QDepthwiseConv2D(w, STAGE, Window((kernel, 2), (stride, 1)), 1)
    one = call(op, ((height - 1) * stride + kernel, width + 1, 8), (height, width, 8))
    rows = 2
    found = kernel_of(op).work(one, Tile(8, 0, rows), "cortex-m4f")
    kind, groups = ("four", -(-width // 4)) if width >= 4 else ("one", width)
    met = [{(y % rows * stride + i) // 2 for i in range(kernel)} for y in range(height)]
    assert found[f"any {kind} row"] == 8 * groups * sum(len(pairs) for pairs in met)
    assert found[f"any {kind} pair"] == 2 * found[f"any {kind} row"]


def test_forms_follow_from_strides():
    for strides, form in (
        *(((1, 1), "3x3_signed"), ((2, 1), "3x3_signed"), ((1, 2), "3x3_2_signed")),
        *(((2, 2), "3x3_2_signed"), ((1, 3), "any")),
    ):
        op = QDepthwiseConv2D(weights((3, 3, 8), 9, 4), QUICK, Window((3, 3), strides), 1)
        one = call(op, (9, 9, 8), (*op.window.output_size(9, 9), 8))
        assert kernel_of(op).fields(one)["convolve"] == form
