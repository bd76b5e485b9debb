"""Operators of pictures and of dimensions: pools, padding, resizing, means and extremes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np

from microlut.importers.tflite.linear import window_of
from microlut.importers.tflite.unsigned import rounds_halves_up, unsigned_means
from microlut.importers.tflite.use import PREVIOUS, Handler, Step, Use, limited, without_batch
from microlut.ops.depth_to_space import DepthToSpace
from microlut.ops.gather import Gather
from microlut.ops.mean import Mean
from microlut.ops.pad import Pad, QPad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.reduce import Reduce, ReduceMax, ReduceMean, ReduceMin, ReduceSum
from microlut.ops.reshape import Reshape
from microlut.ops.resize_bilinear import Alignment, ResizeBilinear
from microlut.ops.space_to_depth import SpaceToDepth
from microlut.ops.windows import Padding

_MOST_PADDED = 1 << 16
_PICTURE = 3  # dimensions: height, width, channels


def _pool(make: type[AveragePool2D | MaxPool2D]) -> Handler:
    def handler(use: Use) -> tuple[Step, ...]:
        size = int(use.option("FilterHeight")), int(use.option("FilterWidth"))
        window = window_of(use, size, use.picture())
        op = make(window, use.activation())
        if isinstance(op, AveragePool2D) and rounds_halves_up(use, window):
            return unsigned_means(use, op)
        return (Step(op),)

    return handler


def _reduce(make: type[Reduce]) -> Handler:
    """Return the handler of a mean, sum or extreme along constant dimensions."""

    @limited("constant dimensions")
    def handler(use: Use) -> tuple[Step, ...]:
        shape, offset = use.tensor().shape, use.offset()
        rank = len(shape)
        axes = {axis % max(rank, 1) for axis in use.integers(1)}
        if any(not -rank <= axis < rank for axis in use.integers(1)) or not rank:
            raise use.operator.invalid(f"reduces {sorted(axes)} of {list(shape)}")
        keep = bool(use.option("KeepDims", False))
        full = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
        own = tuple(sorted(axis - offset for axis in axes if axis >= offset))
        if not own:
            if use.is_integer and make in (ReduceMean, ReduceSum):
                raise use.operator.unsupported("reduces the batch alone", "leave it out")
            return (Step(Reshape(without_batch(full)), full=full),)
        if make is ReduceMean and own == (0, 1) and rank - offset == _PICTURE:
            return (Step(Mean(), full=full),)
        # An output of the graph has at least one dimension.
        return (Step(make(own, len(own) == rank - offset), full=full),)

    return handler


def _amounts(use: Use) -> list[tuple[int, int]]:
    """Return the constant padding before and after each dimension of the file's tensor."""
    shape, values = use.tensor().shape, use.integers(1)
    if len(values) != 2 * len(shape) or not all(0 <= n <= _MOST_PADDED for n in values):
        raise use.operator.invalid(f"pads {list(shape)} by {list(values)}")
    return list(zip(values[::2], values[1::2], strict=True))


@limited("constant padding with zeros; between int8, with a constant by PADV2")
def _pad(use: Use) -> tuple[Step, ...]:
    """Read PAD: two neighbouring dimensions as those of a picture, others one after the other."""
    value = _pad_value(use)
    amounts, shape = _amounts(use), list(use.tensor().shape)
    full = tuple(n + sum(pair) for n, pair in zip(shape, amounts, strict=True))
    padded = [i for i, pair in enumerate(amounts) if any(pair)]
    steps: list[Step] = []
    made = use.shape()
    while padded:
        first = padded.pop(0)
        pair = amounts[first]
        view = prod(shape[:first]), shape[first], prod(shape[first + 1 :])
        padding = Padding(0, 0, *pair)
        both = bool(padded) and padded[0] == first + 1
        if view[0] == 1 and (both or first + 2 < len(shape)):
            second = amounts[padded.pop(0)] if both else (0, 0)
            view = shape[first], shape[first + 1], prod(shape[first + 2 :])
            padding = Padding(*pair, *second)
            shape[first + 1] += sum(second)
        shape[first] += sum(pair)
        if made != view:
            read = (PREVIOUS,) if steps else (0,)
            steps.append(Step(Reshape(view), read, None, 0, suffix=f"_view{first}"))
        read = (PREVIOUS,) if steps else (0,)
        steps.append(replace(_padding(use, padding, value, f"_axis{first}"), inputs=read))
        made = (*padding.padded(*view[:2]), view[2])
    if not steps:
        return (Step(Reshape(without_batch(full)), full=full),)
    last = steps.pop()
    return (*steps, replace(last, output=0, like=None, suffix="", full=full))


def _padding(use: Use, padding: Padding, value: int | None, suffix: str) -> Step:
    """Return the step that pads a picture, with zeros or with another value of int8."""
    if value is None:
        return Step(Pad(padding), (PREVIOUS,), None, 0, suffix=suffix)
    source, exact = use.tensor().source, QPad(padding, value)
    real = float(source.scales[0]) * (value - int(source.zero_points[0]))
    return Step(Pad(padding, real), (PREVIOUS,), None, 0, lambda *_: exact, suffix)


def _pad_value(use: Use) -> int | None:
    """Return the integer that a PADV2 pads with, or None for zeros."""
    if use.operator.kind != "PADV2":
        return None
    values, source = use.constant(2), use.tensor().source
    point = int(source.zero_points[0]) if use.is_integer else 0
    if values.size == 1 and values.reshape(-1)[0] == point:
        return None
    if values.size != 1 or source.dtype != "int8" or values.dtype != np.int8:
        raise use.operator.unsupported(
            f"pads with {np.asarray(use.real(2)).reshape(-1)[:1]}",
            "supported are zeros, and between int8 one value of int8",
        )
    return int(values.reshape(-1)[0])


@limited("constant padding")
def _mirror_pad(use: Use) -> tuple[Step, ...]:
    """Read MIRROR_PAD as chosen places, dimension after dimension."""
    amounts, offset, shape = _amounts(use), use.offset(), use.tensor().shape
    symmetric = int(use.option("Mode")) == 1
    full = tuple(n + sum(pair) for n, pair in zip(shape, amounts, strict=True))
    if any(any(pair) for pair in amounts[:offset]):
        raise use.operator.unsupported("pads the batch", "supported are other dimensions")
    steps: list[Step] = []
    for axis, (before, after) in enumerate(amounts[offset:]):
        if not before and not after:
            continue
        n = shape[axis + offset]
        if max(before, after) > n - (not symmetric):
            raise use.operator.invalid(f"pads {n} values by {max(before, after)}")
        places = np.pad(np.arange(n), (before, after), "symmetric" if symmetric else "reflect")
        read = (PREVIOUS,) if steps else (0,)
        op = Gather(axis, tuple(places.tolist()))
        steps.append(Step(op, read, None, 0, suffix=f"_axis{axis}"))
    if not steps:
        return (Step(Reshape(without_batch(full)), full=full),)
    last = steps.pop()
    return (*steps, Step(last.op, last.inputs, full=full))


def _alignment(use: Use) -> Alignment:
    if use.option("AlignCorners"):
        return "corners"
    return "centers" if use.option("HalfPixelCenters") else "origin"


def _size(use: Use) -> tuple[int, int]:
    size = use.integers(1)
    if len(size) != 2 or not all(0 < n <= _MOST_PADDED for n in size):
        raise use.operator.invalid(f"resizes to {list(size)}")
    return size[0], size[1]


@limited("constant size")
def _resize_bilinear(use: Use) -> tuple[Step, ...]:
    use.picture()
    return (Step(ResizeBilinear(*_size(use), _alignment(use))),)


@limited("constant size")
def _resize_nearest(use: Use) -> tuple[Step, ...]:
    """Read RESIZE_NEAREST_NEIGHBOR as chosen rows and columns."""
    source, alignment = use.picture(), _alignment(use)
    rows, columns = (
        _nearest(n, size, alignment, bool(use.option("HalfPixelCenters")))
        for n, size in zip(source[:2], _size(use), strict=True)
    )
    return (
        Step(Gather(0, rows), (0,), None, 0, suffix="_rows"),
        Step(Gather(1, columns), (PREVIOUS,)),
    )


def _nearest(source: int, size: int, alignment: Alignment, centers: bool) -> tuple[int, ...]:
    """Return the places that TensorFlow Lite's kernel takes, computed as it does."""
    corners = alignment == "corners" and size > 1
    scale = np.float32((source - 1) / (size - 1) if corners else source / size)
    offset = np.float32(0.5 if centers else 0.0)
    places = (np.arange(size, dtype=np.float32) + offset) * scale
    # roundf: halves away from zero
    whole = np.floor(places + np.float32(0.5)) if alignment == "corners" else np.floor(places)
    return tuple(np.clip(whole, 0, source - 1).astype(int).tolist())


def _depth_to_space(use: Use) -> tuple[Step, ...]:
    use.picture()
    return (Step(DepthToSpace(int(use.option("BlockSize")))),)


def _space_to_depth(use: Use) -> tuple[Step, ...]:
    use.picture()
    return (Step(SpaceToDepth(int(use.option("BlockSize")))),)


PICTURES: Mapping[str, Handler] = {
    "AVERAGE_POOL_2D": _pool(AveragePool2D),
    "DEPTH_TO_SPACE": _depth_to_space,
    "MAX_POOL_2D": _pool(MaxPool2D),
    "MEAN": _reduce(ReduceMean),
    "MIRROR_PAD": _mirror_pad,
    "PAD": _pad,
    "PADV2": _pad,
    "REDUCE_MAX": _reduce(ReduceMax),
    "REDUCE_MIN": _reduce(ReduceMin),
    "RESIZE_BILINEAR": _resize_bilinear,
    "RESIZE_NEAREST_NEIGHBOR": _resize_nearest,
    "SPACE_TO_DEPTH": _space_to_depth,
    "SUM": _reduce(ReduceSum),
}
