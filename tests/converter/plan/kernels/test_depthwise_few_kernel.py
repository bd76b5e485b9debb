"""Depthwise convolution with few outputs: which calls they are, scratch, work, and no bands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_depthwise_lines_kernel import line_call

from graphs import make_qnode
from kernel_calls import align
from microlut.ops.tensor import Quantization
from microlut.ops.windows import Padding, Window
from microlut.plan.kernels import kernel_of
from microlut.plan.kernels.depthwise_conv2d import has_few_outputs
from microlut.plan.segments.part import Band, Part, runs_in_bands


@pytest.mark.parametrize(
    ("window", "shape", "few"),
    [
        (Window((15, 1)), (15, 1, 8), True),
        (Window((15, 1)), (17, 1, 8), True),
        (Window((15, 1)), (18, 1, 8), False),
        (Window((1, 4), (1, 2)), (1, 8, 8), True),
        (Window((5, 4)), (5, 4, 8), True),
        (Window((3, 3)), (3, 3, 8), True),
        (Window((3, 3)), (3, 4, 8), False),  # what spreads the inputs does two at a time
    ],
)
def test_outputs_are_counted(window, shape, few):
    one = line_call(window, shape)
    assert has_few_outputs(one) == few
    assert (kernel_of(one.op).function(one) == "depthwise_few") == few
    assert not has_few_outputs(line_call(window, shape, multiplier=2))


@given(st.integers(1, 90), st.integers(1, 20))
def test_scratch_is_the_engines_formula(channels: int, size: int):
    one = line_call(Window((size, 1)), (size, 1, channels))
    for tile in kernel_of(one.op).tiles(one):
        assert tile.scratch_bytes == align(tile.channels * (16 + size))
        assert tile.channels == channels or tile.channels % 8 == 0


def test_output_has_the_place_of_a_single_pixel():
    alone = Window((3, 1), padding=Padding(1, 1, 0, 0))
    for channels, places in ((8, (0,)), (6, ())):
        one = line_call(alone, (1, 1, channels))
        assert kernel_of(one.op).overwrites(one) == places
    one = line_call(alone, (3, 1, 8))
    assert kernel_of(one.op).overwrites(one) == ()


@given(st.integers(1, 70), st.integers(1, 3), st.booleans())
def test_work_counts_every_product_once(channels: int, outputs: int, vectors: bool):
    one = line_call(Window((4, 1)), (3 + outputs, 1, channels))
    tile = next(iter(kernel_of(one.op).tiles(one)))
    found = kernel_of(one.op).work(one, tile, "cortex-m55" if vectors else "cortex-m4f")
    products = 4 * found["few product"] + found["few rest product"]
    idle = -channels % 4 if vectors else 0
    assert products == 4 * outputs * (channels + idle)
    assert found["few output quick"] == outputs * channels


def test_bands_are_not_few_outputs():
    one = line_call(Window((4, 1)), (24, 1, 8))
    node = make_qnode("a", one.op, ("x",), one.shape, Quantization(1.0, 0))
    banded = Part(node, one, kernel_of(one.op)).banded(Band(4, 1, 0))
    assert banded.shape == (1, 1, 8)
    assert kernel_of(one.op).function(banded) == "depthwise_lines"
    few = line_call(Window((4, 1)), (5, 1, 8))
    assert runs_in_bands(one.op, one)
    assert not runs_in_bands(few.op, few)
    assert np.prod(few.shape[:2]) == 2
