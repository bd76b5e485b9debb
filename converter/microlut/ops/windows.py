"""Windows that move over pictures: padding, strides, dilation, and what a window sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from microlut.ops.arrays import Shape

_Number = TypeVar("_Number", bound=np.generic)
_Tensor = Any  # TensorFlow has no types


@dataclass(frozen=True, slots=True)
class Padding:
    """Explicit padding of the two spatial dimensions, in pixels."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __bool__(self) -> bool:
        """Return whether anything is padded at all."""
        return any((self.top, self.bottom, self.left, self.right))

    def __add__(self, other: Padding) -> Padding:
        """Return the padding equivalent to both in a row."""
        return Padding(
            self.top + other.top,
            self.bottom + other.bottom,
            self.left + other.left,
            self.right + other.right,
        )

    def padded(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of a padded picture."""
        return height + self.top + self.bottom, width + self.left + self.right

    @property
    def is_negative(self) -> bool:
        """Whether a side is negative, which only occurs in damaged files."""
        return min(self.top, self.bottom, self.left, self.right) < 0


@dataclass(frozen=True, slots=True)
class Window:
    """The path of a kernel or a pool over its input; pairs are (height, width)."""

    size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = Padding()
    dilation: tuple[int, int] = (1, 1)

    @property
    def spans(self) -> tuple[int, int]:
        """The pixels (down, across) from the first one that an output reads to the last one."""
        (height, width), (down, across) = self.size, self.dilation
        return (height - 1) * down + 1, (width - 1) * across + 1

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the output (height, width) for an input of `height` x `width` pixels."""
        padded = self.padding.padded(height, width)
        steps = zip(padded, self.spans, self.strides, strict=True)
        out = [(n - span) // stride + 1 for n, span, stride in steps]
        return out[0], out[1]

    def shape(self, source: Shape, channels: int) -> Shape:
        """Return the output's shape; raise ValueError for a window that does not fit."""
        positive = (*self.size, *self.strides, *self.dilation)
        if min(positive) < 1 or self.padding.is_negative:
            raise ValueError(
                "has a window with a size, stride or dilation below 1, or with negative padding"
            )
        height, width = self.output_size(source[0], source[1])
        if height < 1 or width < 1:
            raise ValueError(f"has a window that is larger than its input {list(source)}")
        return height, width, channels


def same_padding(
    size: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int],
) -> Padding:
    """Return TensorFlow's "same" padding for an input of `size` (height, width) pixels.

    The output has ceil(size / stride) pixels; an odd pixel of padding goes to the bottom or right.
    """
    before, after = [], []
    for n, k, s, d in zip(size, window, strides, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return Padding(before[0], after[0], before[1], after[1])


def pad(x: NDArray[_Number], padding: Padding, value: float) -> NDArray[_Number]:
    """Return pictures [batch, height, width, channels] with a border of `value`."""
    if not padding:
        return x
    p = padding
    widths = ((0, 0), (p.top, p.bottom), (p.left, p.right), (0, 0))
    return np.pad(x, widths, constant_values=value)


def patches(x: NDArray[_Number], window: Window, pad_value: float) -> NDArray[_Number]:
    """Return the patch at each position of the window; only padding makes a copy.

    Args:
        x: Pictures [batch, height, width, channels] of any number type.
        window: Size, strides, padding and dilation.
        pad_value: Value of padded positions: 0 for floats, the zero point for integers.

    Returns:
        A read-only view [batch, out_height, out_width, kernel_height, kernel_width, channels].
    """
    out_height, out_width = window.output_size(x.shape[1], x.shape[2])
    padded = pad(x, window.padding, pad_value)
    batch, _, _, channels = padded.shape
    sb, sy, sx, sc = padded.strides
    (stride_y, stride_x), (dilation_y, dilation_x) = window.strides, window.dilation
    return as_strided(
        padded,
        shape=(batch, out_height, out_width, *window.size, channels),
        strides=(sb, sy * stride_y, sx * stride_x, sy * dilation_y, sx * dilation_x, sc),
        writeable=False,
    )


# The same for training. Unlike the layers of TensorFlow, these support every window of a graph: a
# kernel is spread out instead of dilated, and where TensorFlow does not support the strides, the
# outputs of stride 1 are thinned out.


def train_pad(tf: Any, x: _Tensor, padding: Padding, value: float = 0.0) -> _Tensor:  # noqa: ANN401
    """Return pictures [batch, height, width, channels] with a border of `value`."""
    if not padding:
        return x
    p = padding
    widths = ((0, 0), (p.top, p.bottom), (p.left, p.right), (0, 0))
    return tf.pad(x, widths, constant_values=value)


def train_depthwise(tf: Any, x: _Tensor, filters: _Tensor, window: Window) -> _Tensor:  # noqa: ANN401
    """Return a depthwise convolution with filters [height, width, channels, multiplier]."""
    x, filters = train_pad(tf, x, window.padding), train_spread(tf, filters, window.dilation)
    (down, across), equal = window.strides, window.strides[0] == window.strides[1]
    if equal:
        return tf.nn.depthwise_conv2d(x, filters, (1, down, across, 1), "VALID")
    return tf.nn.depthwise_conv2d(x, filters, (1, 1, 1, 1), "VALID")[:, ::down, ::across]


def train_spread(tf: Any, filters: _Tensor, dilation: Iterable[int]) -> _Tensor:  # noqa: ANN401
    """Return filters [height, width, ...] with dilation - 1 rows and columns of zeros between."""
    for axis, step in enumerate(dilation):
        if step == 1:
            continue
        size = filters.shape[axis]
        apart = tf.expand_dims(filters, axis + 1)
        gaps = [(0, 0)] * len(apart.shape)
        gaps[axis + 1] = (0, step - 1)
        shape = list(filters.shape)
        shape[axis] = size * step
        keep = tf.range((size - 1) * step + 1)
        filters = tf.gather(tf.reshape(tf.pad(apart, gaps), shape), keep, axis=axis)
    return filters
