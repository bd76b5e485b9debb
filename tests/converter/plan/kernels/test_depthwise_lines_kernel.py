"""Depthwise convolution line by line: which windows are lines, scratch, and the forms' names."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel_calls import STAGE, align, call, weights
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.windows import Padding, Window
from microlut.plan.kernels import Call, kernel_of

QUICK = replace(STAGE, shift=np.full(8, -8, np.int8), bias=np.zeros(8, np.int32))


def line_call(
    window: Window, shape: tuple[int, int, int], multiplier: int = 1
) -> Call[QDepthwiseConv2D]:
    height, width, channels = shape
    outputs = channels * multiplier
    positions = window.size[0] * window.size[1]
    stage = replace(QUICK, shift=np.full(outputs, -8, np.int8), bias=np.zeros(outputs, np.int32))
    op = QDepthwiseConv2D(weights((*window.size, outputs), positions, 4), stage, window, multiplier)
    return call(op, shape, (*window.output_size(height, width), outputs))


@given(st.integers(1, 40), st.integers(1, 3), st.integers(1, 12), st.integers(1, 3), st.booleans())
def test_scratch_is_the_engines_formula(
    channels: int, multiplier: int, size: int, stride: int, down: bool
):
    window = Window((size, 1), (stride, 1)) if down else Window((1, size), (1, stride))
    shape = (40, 2, channels) if down else (2, 40, channels)
    one = line_call(window, shape, multiplier)
    outputs = (40 - size) // stride + 1
    found = list(kernel_of(one.op).tiles(one))
    for tile in found:
        assert tile.rows <= max(outputs, 2) if size > 1 or down else tile.rows <= 2
    whole = found[0]
    if size > 1 or down:
        pairs, taps = ((outputs - 1) * stride + size + 1) // 2, size // 2 + 1
        tile = channels * multiplier
        fixed = 16 * pairs + 32 * multiplier * taps
        assert whole.scratch_bytes == align(fixed + 16 * tile + size * (tile + -tile % 4))
        assert (whole.channels, whole.rows) == (tile, outputs)


@pytest.mark.parametrize(
    ("window", "name"),
    [
        (Window((5, 1)), "lines"),
        (Window((1, 5), (2, 2)), "lines"),
        (Window((1, 5), dilation=(1, 2)), "lines"),
        (Window((1, 5), (1, 2), dilation=(1, 2)), "conv2d"),
        (Window((1, 5), padding=Padding(0, 0, 2, 2)), "lines"),
        (Window((1, 5), padding=Padding(1, 0, 2, 2)), "conv2d"),
        (Window((5, 2)), "conv2d"),
    ],
)
def test_lines_are_kernels_of_one_row_or_column(window: Window, name: str):
    one = line_call(window, (20, 20, 8))
    assert kernel_of(one.op).function(one) == f"depthwise_{name}"


def test_quick_form_is_for_strides_of_one():
    for stride, form in ((1, "line_quick"), (2, "line_any")):
        one = line_call(Window((3, 1), (stride, 1)), (9, 1, 8))
        assert kernel_of(one.op).fields(one)["convolve"] == form
    stage = replace(one.op.output, maximum=126)
    slow = replace(line_call(Window((3, 1)), (9, 1, 8)), op=replace(one.op, output=stage))
    assert kernel_of(slow.op).fields(slow)["convolve"] == "line_any"


def test_output_in_place_needs_lines_of_its_own():
    for dilation, padding, places in (
        *((1, (1, 1), (0,)), (2, (2, 2), (0,))),
        *((2, (1, 3), ()), (1, (0, 1), ())),
    ):
        window = Window((3, 1), padding=Padding(*padding, 0, 0), dilation=(dilation, 1))
        one = line_call(window, (9, 1, 8))
        assert kernel_of(one.op).overwrites(one) == places
