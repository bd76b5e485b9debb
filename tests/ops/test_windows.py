"""Windows over pictures against plain indexing: what they see, and convolutions of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphs import run_float
from microlut.ops.conv2d import Conv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.windows import Padding, Window, patches


def spatial(draw):
    size = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    strides = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = Padding(*draw(st.tuples(*[st.integers(0, 2)] * 4)))
    return Window(size, strides, padding, dilation)


@st.composite
def windows(draw):
    """Draw a window and a picture that it fits into."""
    window = spatial(draw)
    height, width = draw(st.tuples(st.integers(5, 8), st.integers(5, 8)))
    channels = draw(st.integers(1, 3))
    seed = draw(st.integers(0, 1000))
    x = np.random.default_rng(seed).integers(-9, 9, (2, height, width, channels))
    return window, x.astype(np.float32)


def seen_at(x, window, row, col, pad_value):
    """Return what the window sees at one output position, by plain indexing."""
    p = window.padding
    seen = np.full((len(x), *window.size, x.shape[-1]), pad_value, x.dtype)
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            y = row * window.strides[0] + i * window.dilation[0] - p.top
            z = col * window.strides[1] + j * window.dilation[1] - p.left
            if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
                seen[:, i, j] = x[:, y, z]
    return seen


def positions(x, window):
    height, width = window.output_size(*x.shape[1:3])
    return (height, width), [(r, c) for r in range(height) for c in range(width)]


@settings(max_examples=40, deadline=None)
@given(windows(), st.sampled_from([np.float32, np.int8, np.int32]))
def test_patches_equals_indexing(drawn, dtype):
    window, x = drawn[0], drawn[1].astype(dtype)
    found = patches(x, window, 7)
    assert found.dtype == dtype
    assert found.shape[1:3] == positions(x, window)[0]
    for row, col in positions(x, window)[1]:
        np.testing.assert_array_equal(found[:, row, col], seen_at(x, window, row, col, 7))


def test_patches_does_not_copy_without_padding():
    x = np.zeros((1, 4, 4, 2), np.int8)
    assert np.shares_memory(patches(x, Window((2, 2)), 0), x)


def test_patches_is_read_only():
    assert not patches(np.zeros((1, 4, 4, 2)), Window((2, 2)), 0).flags.writeable


@settings(max_examples=40, deadline=None)
@given(windows(), st.integers(1, 4))
def test_conv2d_equals_loops(drawn, filters):
    window, x = drawn
    rng = np.random.default_rng(1)
    kernel = rng.integers(-3, 4, (filters, *window.size, x.shape[-1])).astype(np.float32)
    bias = rng.integers(-3, 4, filters).astype(np.float32)
    size, where = positions(x, window)
    found = run_float(Conv2D(kernel, bias, window), x)
    assert found.shape == (2, *size, filters)
    for row, col in where:
        seen = seen_at(x, window, row, col, 0)
        expected = np.einsum("nijc,fijc->nf", seen, kernel) + bias
        np.testing.assert_array_equal(found[:, row, col], expected)


@settings(max_examples=40, deadline=None)
@given(windows(), st.integers(1, 3))
def test_depthwise_equals_loops(drawn, multiplier):
    window, x = drawn
    channels = x.shape[-1] * multiplier
    rng = np.random.default_rng(1)
    kernel = rng.integers(-3, 4, (*window.size, channels)).astype(np.float32)
    bias = rng.integers(-3, 4, channels).astype(np.float32)
    size, where = positions(x, window)
    op = DepthwiseConv2D(kernel, bias, window, multiplier)
    found = run_float(op, x)
    assert found.shape == (2, *size, channels)
    for row, col in where:
        seen = seen_at(x, window, row, col, 0)
        for channel in range(channels):
            product = seen[..., channel // multiplier] * kernel[..., channel]
            expected = product.sum(axis=(1, 2)) + bias[channel]
            np.testing.assert_array_equal(found[:, row, col, channel], expected)


@pytest.mark.parametrize(
    "window",
    [
        Window((0, 1)),
        Window((1, 1), (1, 0)),
        Window((1, 1), dilation=(0, 1)),
        Window((1, 1), padding=Padding(right=-1)),
    ],
)
def test_window_with_a_number_that_is_too_small_is_refused(window):
    with pytest.raises(ValueError, match="below 1, or with negative padding"):
        window.shape((4, 4, 2), 2)


def test_window_that_is_larger_than_its_input_is_refused():
    with pytest.raises(ValueError, match=r"larger than its input \[4, 4, 2\]"):
        Window((5, 1)).shape((4, 4, 2), 2)
