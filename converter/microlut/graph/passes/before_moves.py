"""Operators before the moves that they read: the same function of values in another order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np

from microlut.graph.passes.layout import View, inverse, plain
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics
from microlut.ops.binary import Binary
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.gather import Gather
from microlut.ops.identity import Identity
from microlut.ops.movement import Axis
from microlut.ops.prelu import Prelu
from microlut.ops.reduce import Reduce
from microlut.ops.relu import Relu
from microlut.ops.slice import Slice

_Order = tuple[int, ...]
_BY_DIMENSIONS = (Binary, Concatenate, Gather, Prelu, Reduce, Slice)


@dataclass(frozen=True, slots=True)
class Before:
    """An operator that reads values before they are moved.

    Attributes:
        op: The operator.
        read: What it reads.
        made: What others see of its output, whose name is left open.
    """

    op: FloatOp
    read: tuple[View, ...]
    made: View


def before_moves(op: FloatOp, read: Sequence[View], there: Collection[View]) -> Before | None:
    """Return an operator that does the same before moves, or None if it has to read them.

    Args:
        op: The operator.
        read: What it reads.
        there: Moves that are there already, so that others may read them for nothing.
    """
    if isinstance(op, Relu | Identity) or op.becomes == "table":
        (view,) = read
        return Before(op, (view.as_laid(view.base),), replace(view, tensor=""))
    if all(view.in_order for view in read):
        return _before_reshapes(op, read)
    if isinstance(op, Dense):
        return _dense(op, read[0])
    if isinstance(op, BatchNorm):
        return _norm(op, read[0])
    if isinstance(op, Conv2D | DepthwiseConv2D):
        return _convolution(op, read[0])
    return _by_dimensions(op, read, there) if isinstance(op, _BY_DIMENSIONS) else None


def _before_reshapes(op: FloatOp, read: Sequence[View]) -> Before | None:
    """Return a sum or a normalization of channels in the shape before reshapes.

    Of several shapes, it is that of the most dimensions, since pictures come from convolutions.
    """
    if isinstance(op, Concatenate):
        return _joined(op, read)
    seen = read[0].shape
    earlier = max((view.base for view in read), key=len)
    sums = isinstance(op, Add) and op.constant is None  # a constant has dimensions of its own
    by_channel = isinstance(op, BatchNorm) and earlier[-1] == seen[-1]
    if any(view.shape != seen for view in read) or not (sums or by_channel):
        return None
    made = plain("", earlier).reshaped(seen)
    return Before(op, tuple(view.as_laid(earlier) for view in read), made)


def _joined(op: Concatenate, read: Sequence[View]) -> Before | None:
    """Return a concatenation of single channels along the last dimension of pictures.

    Seen with channels first they are in order, but what is joined would not be.
    """
    rank = len(read[0].shape)
    orders = set()
    for view in read:
        base = view.base[-rank:]
        if len(base) < rank or prod(base) != prod(view.base):
            return None
        orders.add(replace(view, base=base).dimensions())
    order = orders.pop()
    if orders or order is None or order == tuple(range(rank)) or order[-1] != op.axis:
        return None
    views = [moved for view in read if (moved := view.transposed(order)) is not None]
    joined = replace(op, axis=rank - 1)
    (shape,) = joined.shapes([view.shape for view in views])
    back = plain("", shape).transposed(inverse(order))
    assert back is not None
    return Before(joined, tuple(views), back)


def _dense(op: Dense, view: View) -> Before | None:
    """Return a dense layer with its inputs in the order in which they lie."""
    order = _last_in_order(view)
    if order is None:
        return None
    op = replace(op, kernel=order(op.kernel))
    shape = (*view.shape[:-1], len(op.kernel))
    return Before(op, (view.as_laid(view.shape),), plain("", shape))


def _convolution(op: Conv2D | DepthwiseConv2D, view: View) -> Before | None:
    """Return a convolution of channels in the order in which they lie.

    The outputs of a depthwise one are in that order, too.
    """
    order = _last_in_order(view)
    if order is None:
        return None
    laid = (view.as_laid(view.shape),)
    (shape,) = op.shapes([view.shape])
    if isinstance(op, Conv2D):
        return Before(replace(op, kernel=order(op.kernel)), laid, plain("", shape))
    found = view.parts()
    if op.depth_multiplier > 1 or found is None:
        return None
    sizes, groups = found
    last = groups[-1]
    parts = (*shape[:2], *(sizes[i] for i in sorted(last)))
    seen = (
        plain("", shape)
        .reshaped(parts)
        .transposed((0, 1, *(2 + sorted(last).index(i) for i in last)))
    )
    assert seen is not None
    op = replace(op, kernel=order(op.kernel), bias=order(op.bias))
    return Before(op, laid, seen.reshaped(shape))


def _norm(op: BatchNorm, view: View) -> Before | None:
    """Return a normalization of the channels as they lie, or else of all values of the last one."""
    own = _each(op, lambda values: _along_channels(values, view))
    if own is not None:
        return Before(own, (view.as_laid(view.base),), replace(view, tensor=""))
    order = _last_in_order(view)
    if order is None:
        return None
    ordered = _each(op, order)
    assert ordered is not None
    made = replace(view, tensor="", base=view.shape)
    return Before(ordered, (view.as_laid(view.shape),), made)


def _each(op: BatchNorm, move: Callable[[FloatArray], FloatArray | None]) -> BatchNorm | None:
    """Return a normalization whose arrays are moved, or None if one of them cannot be."""
    old = op.statistics
    arrays = [op.scale, op.offset, *([old.mean, old.deviation] if old else [])]
    moved = [made for array in arrays if (made := move(array)) is not None]
    if len(moved) < len(arrays):
        return None
    return BatchNorm(moved[0], moved[1], ChannelStatistics(*moved[2:]) if old else None)


def _along_channels(values: FloatArray, view: View) -> FloatArray | None:
    """Return values along the last dimension of a view as those along the tensor's own last one.

    None if they differ along another dimension, too.
    """
    found = view.parts()
    if found is None:
        return None
    sizes, groups = found
    last = groups[-1]
    laid = values.reshape([sizes[i] for i in last]).transpose(inverse(last))
    wide = laid.reshape([size if i in last else 1 for i, size in enumerate(sizes)])
    full = np.broadcast_to(wide, sizes).reshape(-1, view.base[-1])
    return frozen_array(full[0]) if (full == full[0]).all() else None


def _last_in_order(view: View) -> Callable[[FloatArray], FloatArray] | None:
    """Return what puts an array's last dimension, that of a view, in the order of its values.

    None if values of other dimensions lie between them, or these are not in order.
    """
    found = view.parts()
    if found is None:
        return None
    sizes, groups = found
    before, last = [i for group in groups[:-1] for i in group], groups[-1]
    if before != list(range(len(before))):
        return None

    def order(array: FloatArray) -> FloatArray:
        rest = array.shape[:-1]
        split = array.reshape(*rest, *(sizes[i] for i in last))
        places = (*range(len(rest)), *(len(rest) + i for i in inverse(last)))
        return frozen_array(split.transpose(places).reshape(array.shape))

    return order


def _by_dimensions(op: FloatOp, read: Sequence[View], there: Collection[View]) -> Before | None:
    """Return an operator on dimensions in that order which takes the fewest transposed values."""
    rank = max(len(view.shape) for view in read)
    constant = op.constant if isinstance(op, Binary) else None
    if constant is not None:
        rank = max(rank, constant.ndim)
    seen = [view.reshaped(_widened(view.shape, rank)) for view in read]
    same = tuple(range(rank))
    moving = [view for view in seen if not view.in_order]
    # Of channels that are shuffled, the other dimensions need not be moved.
    nearest = {found for view in moving if (found := view.nearest()) and not view.dimensions()}
    orders = {view.dimensions() or same for view in moving} | nearest
    cost, _, order = min(
        (_cost(seen, order, there), order not in nearest, order) for order in [*orders, same]
    )
    if (order == same and order not in nearest) or cost == np.inf:
        return None
    views = [view for each in seen if (view := each.transposed(order)) is not None]
    moved = _permuted(op, order, rank)
    if isinstance(moved, Slice):
        moved, views = _picked(moved, views[0])
    elif order == same:
        return None
    (shape,) = moved.shapes([view.shape for view in views])
    back = plain("", shape).transposed(inverse(_left(op, order)))
    assert back is not None
    return Before(moved, tuple(views), back)


def _picked(op: Slice, view: View) -> tuple[FloatOp, list[View]]:
    """Return a slice of the last dimension as one that takes its values where they lie."""
    order, places = _last_in_order(view), op.axes[-1]
    whole_rest = all(axis.is_all(n) for axis, n in zip(op.axes[:-1], view.shape, strict=False))
    if order is None or view.in_order or not whole_rest:
        return op, [view]
    lie = np.argsort(order(np.arange(view.shape[-1], dtype=np.float32)))
    made = tuple(int(lie[i]) for i in places.indices)
    steps = {second - first for first, second in pairwise(made)} or {1}
    laid = [view.as_laid(view.shape)]
    if len(steps) == 1 and 0 not in steps:
        return Slice((*op.axes[:-1], Axis(made[0], steps.pop(), len(made)))), laid
    return Gather(len(view.shape) - 1, made), laid


def _cost(seen: Sequence[View], order: _Order, there: Collection[View]) -> float:
    """Return how many values have to be transposed to have dimensions in an order."""
    views = [view.transposed(order) for view in seen]
    if any(view is None for view in views):
        return np.inf
    new = {view for view in views if view is not None and not view.in_order} - set(there)
    return float(sum(prod(view.shape) for view in new))


def _permuted(op: FloatOp, order: _Order, rank: int) -> FloatOp:
    """Return an operator for inputs whose dimensions are in another order."""
    place = inverse(order)  # of each old dimension
    match op:
        case Concatenate() | Gather():
            return replace(op, axis=place[op.axis])
        case Slice():
            return Slice(tuple(op.axes[i] for i in order))
        case Prelu():
            return Prelu(frozen_array(op.slopes.transpose(order)))
        case Reduce():
            return type(op)(tuple(sorted(place[axis] for axis in op.axes)), op.keep)
        case Binary() if op.constant is not None:
            wide = op.constant.reshape(_widened(op.constant.shape, rank))
            return replace(op, constant=frozen_array(wide.transpose(order)))  # type: ignore[type-var]
        case _:
            return op


def _left(op: FloatOp, order: _Order) -> _Order:
    """Return the order of the dimensions that an operator does not take away."""
    gone = op.axes if isinstance(op, Reduce) and not op.keep else ()
    left = [i for i in order if i not in gone]
    return tuple(sorted(left).index(i) for i in left)


def _widened(shape: Shape, rank: int) -> Shape:
    return (*[1] * (rank - len(shape)), *shape)
