"""Movements by operators of TensorFlow Lite: a single one where there is one, or a few in a row.

Those of TensorFlow Lite Micro have at most 5 dimensions, the batch included, slices 4, and there is
no TILE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from microlut.ops.arrays import Shape
from microlut.ops.builtin import Builtin, Constant
from microlut.ops.movement import (
    Axis,
    Movement,
    depth_to_space,
    repeated,
    space_to_depth,
    whole,
)
from microlut.ops.tensor import Tensor

_MOST_DIMENSIONS = 4  # without the batch
_MOST_SLICED = 3


@dataclass(frozen=True, slots=True)
class _Stage:
    """A builtin without its tensors: the shape that it makes, and the constant that it reads."""

    name: str
    shape: Shape
    constants: tuple[Constant, ...] = ()
    options: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1


def builtins(movement: Movement, source: Tensor, output: Tensor) -> tuple[Builtin, ...]:
    """Return the builtins that make the output of the input."""
    stage = _single(movement, source)
    stages = [stage] if stage else list(_composed(movement, source.shape))
    made = []
    read = source
    for i, stage in enumerate(stages):
        last = i == len(stages) - 1
        name = output.name if last else f"{output.name}/{stage.name.lower()}_{i}"
        write = Tensor(name, stage.shape, output.dtype, output.quantization)
        tensors: tuple[Tensor | Constant, ...] = (read, *stage.constants)
        made.append(
            Builtin(stage.name, stage.version, tensors, (write,), stage.options, stage.fields)
        )
        read = write
    return tuple(made)


def _single(movement: Movement, source: Tensor) -> _Stage | None:
    """Return the builtin for a movement of pictures that has a name of its own."""
    shape, after = source.shape, movement.shape
    if len(shape) != 3 or len(after) != 3:
        return None
    counts = [-(-n // m) for n, m in zip(after, shape, strict=True)]
    if counts[2] == 1 and movement == repeated(shape, counts, values=True):
        size = Constant("size", np.array(after[:2], np.int32))
        fields: dict[str, Any] = {"alignCorners": False, "halfPixelCenters": False}
        name, options = "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"
        return _Stage(name, after, (size,), options, fields, 2)
    block = max(after[0] // shape[0], shape[0] // after[0])
    if source.dtype != "int8" or block < 2:
        return None
    if movement == depth_to_space(shape, block):
        return _Stage("DEPTH_TO_SPACE", after, (), "DepthToSpaceOptions", {"blockSize": block})
    if movement == space_to_depth(shape, block):
        return _Stage("SPACE_TO_DEPTH", after, (), "SpaceToDepthOptions", {"blockSize": block})
    return None


def _composed(movement: Movement, shape: Shape) -> Iterator[_Stage]:
    """Yield slices, repetitions and transpositions, and views between them."""
    m = movement if len(movement.source) <= _MOST_DIMENSIONS else movement.merged()
    at = shape
    count = 0
    for before, stage in (*_slices(m), *_repeats(m), *_transpositions(m)):
        if before != at:
            yield _view(before)
        yield stage
        at, count = stage.shape, count + 1
    if at != m.shape or count == 0:
        yield _view(m.shape)


_Steps = Iterator[tuple[Shape, _Stage]]  # stages with the shapes that they read


def _slices(m: Movement) -> _Steps:
    """Yield one slice, or one per dimension if there are too many."""
    axes = [Axis(axis.begin, 1, 1) if axis.step == 0 else axis for axis in m.axes]
    cut = [not axis.is_all(size) for axis, size in zip(axes, m.source, strict=True)]
    if any(cut) and len(axes) <= _MOST_SLICED:
        yield m.source, _slice(m.source, axes)
        return
    sizes = list(m.source)
    for i, axis in enumerate(axes):
        if cut[i]:
            before = _around(sizes, i)
            yield before, _slice(before, (whole(before[0]), axis, whole(before[2])))
            sizes[i] = axis.size


def _slice(shape: Shape, axes: Sequence[Axis]) -> _Stage:
    rows = [(0, 1, 1), *((a.begin, a.last + (1 if a.step > 0 else -1), a.step) for a in axes)]
    names = ("begin", "end", "strides")
    constants = [
        Constant(name, np.array([row[i] for row in rows], np.int32)) for i, name in enumerate(names)
    ]
    # An end of -1 would be counted from the back.
    to_the_first = sum(1 << i for i, (_, end, _) in enumerate(rows) if end < 0)
    masks = ("beginMask", "ellipsisMask", "newAxisMask", "shrinkAxisMask")
    fields = {**dict.fromkeys(masks, 0), "endMask": to_the_first, "offset": False}
    after = tuple(axis.size for axis in axes)
    return _Stage("STRIDED_SLICE", after, tuple(constants), "StridedSliceOptions", fields, 2)


def _repeats(m: Movement) -> _Steps:
    sizes = [1 if axis.step == 0 else axis.size for axis in m.axes]
    for i, axis in enumerate(m.axes):
        if axis.step == 0 and axis.size > 1:
            before = _around(sizes, i)
            sizes[i] = axis.size
            after = _around(sizes, i)
            constant = Constant("shape", np.array((1, *after), np.int32))
            yield before, _Stage("BROADCAST_TO", after, (constant,), "BroadcastToOptions", {}, 2)


def _transpositions(m: Movement) -> _Steps:
    """Yield one transposition, or several that bring one dimension to the front each."""
    sizes = [axis.size for axis in m.axes]
    order = [i for i in m.order if sizes[i] > 1]
    if order == sorted(order):
        return
    if len(sizes) <= _MOST_DIMENSIONS:
        yield tuple(sizes), _transposition(tuple(sizes), m.order)
        return
    left = sorted(order)
    done = 1
    for i in order:
        at = left.index(i)
        if at > 0:
            between = prod(sizes[k] for k in left[:at])
            after = prod(sizes[k] for k in left[at + 1 :])
            before = (done, between, sizes[i], after)
            yield before, _transposition(before, (0, 2, 1, 3))
        left.remove(i)
        done *= sizes[i]


def _transposition(shape: Shape, order: Sequence[int]) -> _Stage:
    constant = Constant("order", np.array((0, *(i + 1 for i in order)), np.int32))
    after = tuple(shape[i] for i in order)
    return _Stage("TRANSPOSE", after, (constant,), "TransposeOptions", {}, 1)


def _view(shape: Shape) -> _Stage:
    whole_shape = (1, *shape)
    constant = Constant("shape", np.array(whole_shape, np.int32))
    return _Stage("RESHAPE", shape, (constant,), "ReshapeOptions", {"newShape": list(whole_shape)})


def _around(sizes: Sequence[int], i: int) -> Shape:
    """Return the shape of a tensor with one dimension on either side of a dimension."""
    return prod(sizes[:i]), sizes[i], prod(sizes[i + 1 :])
