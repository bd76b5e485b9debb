"""Convolutions of groups of channels, as one convolution per group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.conv2d import Conv2D
from microlut.ops.movement import Axis, whole
from microlut.ops.slice import Slice
from microlut.ops.transpose_conv2d import TransposeConv2D

_Convolution = TypeVar("_Convolution", Conv2D, TransposeConv2D)


def parts_of(op: _Convolution, shape: Shape) -> Iterator[tuple[Slice, _Convolution]]:
    """Yield, for each group, what takes its channels, and their convolution.

    Args:
        op: All filters [filters, height, width, channels of one group], and the rest.
        shape: The pictures [height, width, channels] that it reads.
    """
    *picture, channels = shape
    depth = op.kernel.shape[-1]
    filters = len(op.kernel) * depth // channels
    for group in range(channels // depth):
        axes = (*(whole(n) for n in picture), Axis(group * depth, 1, depth))
        rows = slice(group * filters, (group + 1) * filters)
        kernel, bias = frozen_array(op.kernel[rows]), frozen_array(op.bias[rows])
        yield Slice(axes), replace(op, kernel=kernel, bias=bias)
