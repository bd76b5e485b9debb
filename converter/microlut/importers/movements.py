"""Operators that move values, as all formats need them: along axes, picked, padded, resized."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import numpy as np

from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.gather import Gather
from microlut.ops.movement import Axis, whole
from microlut.ops.pad import Pad
from microlut.ops.repeat import Repeat
from microlut.ops.reshape import Reshape
from microlut.ops.resize_bilinear import Alignment
from microlut.ops.slice import Slice
from microlut.ops.transpose import Transpose
from microlut.ops.windows import Padding


def reordered(shape: Shape, order: Sequence[int]) -> FloatOp:
    """Return what puts dimensions into another order: a view if only those of size 1 move."""
    moving = [i for i in order if shape[i] != 1]
    if moving == sorted(moving):
        return Reshape(tuple(shape[i] for i in order))
    return Transpose(tuple(order))


def along(op: FloatOp, axes: Sequence[int], shape: Shape) -> list[FloatOp]:
    """Return the operators that apply one over the last dimension along others, as if one.

    Args:
        op: An operator that keeps the shape.
        axes: The dimensions, ascending.
        shape: Shape of what is read.
    """
    order = [i for i in range(len(shape)) if i not in axes] + list(axes)
    moved = tuple(shape[i] for i in order)
    flat = (*moved[: len(moved) - len(axes)], prod(moved[len(moved) - len(axes) :]))
    back = [order.index(i) for i in range(len(shape))]
    ops: list[FloatOp] = []
    for each in (
        reordered(shape, order),
        Reshape(flat),
        op,
        Reshape(moved),
        reordered(moved, back),
    ):
        (made,) = each.shapes((shape,))
        if made != shape or not isinstance(each, Reshape):
            ops.append(each)
        shape = made
    return ops


def picked(shape: Sequence[int], axis: int, places: Sequence[int]) -> FloatOp:
    """Return what takes places along an axis: a slice if they have equal distances."""
    steps = {second - first for first, second in pairwise(places)} or {1}
    if len(steps) == 1 and 0 not in steps:
        axes = list(map(whole, shape))
        axes[axis] = Axis(places[0], steps.pop(), len(places))
        return Slice(tuple(axes))
    return Gather(axis, tuple(places))


def zero_padding(shape: Shape, amounts: Sequence[tuple[int, int]]) -> list[FloatOp]:
    """Return the operators that pad a tensor with zeros, as pictures of one or two of its axes.

    The rows and columns of a picture are padded as they are, so that convolutions can take over.
    """
    ops: list[FloatOp] = []
    sizes = list(shape)
    axes = [i for i, pair in enumerate(amounts) if pair != (0, 0)]
    while axes:
        axis = axes.pop(0)
        before, after = amounts[axis]
        padding = Padding(0, 0, before, after)
        view = [prod(sizes[:axis]), sizes[axis], prod(sizes[axis + 1 :])]
        both = axes[:1] == [axis + 1]
        if view[0] == 1 and (both or axis == 0):  # rows, and columns if there are any
            padding = Padding(before, after, *(amounts[axes.pop(0)] if both else (0, 0)))
            width = sizes[axis + 1] if both or len(sizes) > 2 else 1
            view = [sizes[axis], width, prod(sizes[axis + 1 :]) // width]
            if both:
                sizes[axis + 1] += padding.left + padding.right
        sizes[axis] += before + after
        ops += [Reshape(tuple(view)), Pad(padding), Reshape(tuple(sizes))]
    return ops


def nearest_places(size: int, output: int, alignment: Alignment) -> list[int]:
    """Return the places that TensorFlow takes, which computes them in float32."""
    at = np.arange(output, dtype=np.float32)
    if alignment == "corners" and output > 1:
        at = at * np.float32(np.float32(size - 1) / np.float32(output - 1))
        at = np.trunc(at + np.float32(0.5))
    else:
        scale = np.float32(np.float32(size) / np.float32(output))
        at = (at + np.float32(0.5 if alignment == "centers" else 0.0)) * scale
    return [int(n) for n in np.clip(np.floor(at), 0, size - 1)]


def chosen_pixels(shape: Shape, rows: Sequence[int], columns: Sequence[int]) -> list[FloatOp]:
    """Return what takes rows and columns of pictures [height, width, channels].

    Whole repetitions are one operator; otherwise the smaller picture is between the two steps.
    """
    height, width, channels = shape
    counts = [len(places) // n for places, n in zip((rows, columns), shape[:2], strict=True)]
    if all(
        list(places) == [i for i in range(n) for _ in range(count)]
        for places, n, count in zip((rows, columns), shape[:2], counts, strict=True)
    ):
        return [Repeat((counts[0], counts[1], 1))]
    if len(columns) * height < len(rows) * width:
        between = (height, len(columns), channels)
        return [picked(shape, 1, columns), picked(between, 0, rows)]
    return [picked(shape, 0, rows), picked((len(rows), width, channels), 1, columns)]
