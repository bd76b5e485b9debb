"""Translate pools over windows, and over all of a picture or sequence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from microlut.importers.movements import picked
from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.importers.onnx.windows import kernel_size, numbers, padded, window
from microlut.ops.add import Add
from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.maximum import Maximum
from microlut.ops.mul import Mul
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.unary import Abs, Exp, Log, Power, Sqrt, Square
from microlut.ops.windows import Padding, Window

_Kind = type[MaxPool2D] | type[AveragePool2D]
_Powers = tuple[tuple[FloatOp, ...], tuple[FloatOp, ...]]
_SPACE = 5  # dimensions of pictures with a depth, batch and channels


def _pool(kind: _Kind) -> Handler:
    def handle(use: Use) -> Iterable[Value | None]:
        if any(use.wanted[1:]):
            raise use.operator.unsupported(
                "its indices are read", "supported are the largest values: change the network"
            )
        if len(use.live().shape) == _SPACE:
            return (_in_space(use, handle),)
        picture, live = use.picture(use.live())
        sizes, count = live.shape[2:], len(live.shape) - 2
        kernel = kernel_size(use, None, count)
        strides = numbers(use, "strides", count, 1)
        dilations = numbers(use, "dilations", count, 1)
        first, last = padded(use, sizes, kernel, strides)
        beyond = [0] * count
        if use.option("ceil_mode", 0):
            spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
            beyond = [
                _beyond(*each) for each in zip(sizes, spans, strides, first, last, strict=True)
            ]
        counted = kind is AveragePool2D and bool(use.option("count_include_pad", 0))
        if counted and any((*first, *last)):
            zeros = window(kernel, strides, (first, last), dilations).padding
            picture = use.add(Pad(zeros), picture, suffix="_pad")
            first = last = [0] * count
        ends = [max(a + b, 0) for a, b in zip(last, beyond, strict=True)]
        over = window(kernel, strides, (first, ends), dilations)
        made = (
            use.add(kind(over), picture)
            if set(dilations) == {1}
            else _apart(use, kind, over, picture)
        )
        return (use.unpictured(made, len(live.shape)),)

    return handle


def _in_space(use: Use, pool: Handler) -> Live:
    """Return a pool along depth, height and width: of each picture, and along the depth then."""
    live = use.batched(use.live())
    channels, depth, *sizes = live.shape[1:]
    pictures = use.given(live.tensor, (1, channels * depth, *sizes), 0)
    made = _along(use, pool, pictures, slice(1, 3))
    rows = prod(made.shape[2:])
    columns = use.given(made.tensor, (1, channels, depth, rows), 0)
    found = _along(use, pool, columns, slice(0, 1))
    return use.given(found.tensor, (1, channels, found.shape[2], *made.shape[2:]), 0)


def _along(use: Use, pool: Handler, live: Live, part: slice) -> Live:
    """Return a pool with the options of some of three dimensions, and none of a last one."""
    attributes = dict(use.operator.attributes)
    for name, nothing in (("kernel_shape", 1), ("strides", 1), ("dilations", 1), ("pads", 0)):
        if name in attributes:
            given = [int(n) for n in attributes[name]]
            ends = [given[i : i + 3] for i in range(0, len(given), 3)]
            lacking = [nothing] * (2 - len(range(3)[part]))
            attributes[name] = [n for each in ends for n in (*each[part], *lacking)]
    operator = replace(use.operator, attributes=attributes)
    (made,) = pool(replace(use, operator=operator, values=(live,)))
    assert isinstance(made, Live)
    return made


def _apart(use: Use, kind: _Kind, over: Window, picture: str) -> str:
    """Return a pool over windows with gaps: along each dimension, of a part per place in a window.

    Places in the padding take another place of their window, which leaves its largest value.
    """
    shape = use.building.shapes[picture]
    shares = _shares(over, shape)
    if over.padding and kind is AveragePool2D:  # zeros add nothing to sums
        picture = use.add(Pad(over.padding), picture, suffix="_pad")
        over, shape = replace(over, padding=Padding()), use.building.shapes[picture]
    made = over.shape(shape, shape[2])
    first = (over.padding.top, over.padding.left)
    for axis in (0, 1):
        size, gap, stride = over.size[axis], over.dilation[axis], over.strides[axis]
        places = np.arange(made[axis])[:, None] * stride - first[axis] + np.arange(size) * gap
        inside = (places >= 0) & (places < shape[axis])
        if not inside.any(axis=1).all():
            raise use.operator.unsupported(
                "a window lies in the padding alone", "change the padding of the network"
            )
        other = places[np.arange(len(places)), inside.argmax(axis=1)]
        places = np.where(inside, places, other[:, None])
        now = use.building.shapes[picture]
        parts = [
            use.chain(picture, picked(now, axis, [int(n) for n in column]), suffix="_part")
            for column in places.T
        ]
        picture = parts[0]
        for part in parts[1:]:
            picture = use.add(Maximum() if kind is MaxPool2D else Add(), picture, part)
    if kind is MaxPool2D:
        return picture
    if (shares == shares.flat[0]).all():
        return use.add(_scaled(shape[2], float(shares.flat[0]), 0.0), picture)
    return use.add(Mul(constant=frozen_array(shares)), picture)


def _shares(over: Window, shape: Shape) -> NDArray[np.float64]:
    """Return by what sums over windows are multiplied: one by the number of pixels in each."""
    made = over.shape(shape, shape[2])
    counts = []
    for axis, first in enumerate((over.padding.top, over.padding.left)):
        places = np.arange(over.size[axis]) * over.dilation[axis] - first
        at = np.arange(made[axis])[:, None] * over.strides[axis] + places
        counts.append(((at >= 0) & (at < shape[axis])).sum(axis=1))
    pixels = counts[0][:, None, None] * counts[1][None, :, None]
    return np.asarray(1.0 / np.maximum(pixels, 1))


def _scaled(channels: int, scale: float, offset: float) -> BatchNorm:
    """Return x * scale + offset."""
    factors, offsets = (frozen_array(np.full(channels, each)) for each in (scale, offset))
    return BatchNorm(factors, offsets)


def _power_pool(use: Use) -> Iterable[Value | None]:
    """Read LpPool: the root of a sum of powers, which is a mean of those times their number."""
    power = int(use.option("p", 2))
    if not 1 <= power <= Power.largest:
        raise use.operator.invalid(f"p={power}, expected 1 to {Power.largest}")
    before, after = _powers(power)
    live = use.applied(use.live(), *before)
    attributes = {**use.operator.attributes, "count_include_pad": 1}
    operator = replace(use.operator, attributes=attributes)
    (mean,) = _pool(AveragePool2D)(replace(use, operator=operator, values=(live,)))
    assert isinstance(mean, Live)
    places = prod(int(n) for n in use.option("kernel_shape", ()))
    return (use.applied(affine(use, mean, float(places), 0.0), *after),)


def _powers(power: int) -> _Powers:
    """Return what is summed up by LpPool, and what becomes of the sum."""
    if power == 1:
        return (Abs(),), ()
    if power == 2:
        return (Square(),), (Sqrt(),)
    return (Abs(), Power(float(power))), (Power(1.0 / power),)


def _local_response(use: Use) -> Iterable[Value | None]:
    """Read LRN: x / (bias + alpha * the mean of squares of neighbouring channels) ** beta."""
    alpha, beta, bias = (
        float(use.option(name, default))
        for name, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    )
    size = int(use.option("size", 0))
    picture, live = use.picture(use.live())
    shape = use.building.shapes[picture]
    if size < 1 or bias <= 0:
        raise use.operator.invalid(f"size is {size}, bias {bias:g}; expected positive numbers")
    places, channels = prod(shape[:2]), shape[2]
    before = (size - 1) // 2
    across = Window((1, size), (1, 1), Padding(0, 0, before, size - 1 - before))
    zeros = Window((1, size), (1, 1))
    mean = use.chain(
        picture,
        Square(),
        Reshape((places, channels, 1)),
        Pad(across.padding),
        AveragePool2D(zeros),
        Reshape(shape),
        suffix="_mean",
    )
    log = use.chain(mean, _scaled(channels, alpha, bias), Log(), suffix="_log")
    factor = use.chain(log, _scaled(channels, -beta, 0.0), Exp(), suffix="_factor")
    return (use.unpictured(use.add(Mul(), picture, factor), len(live.shape)),)


def _beyond(size: int, span: int, stride: int, first: int, last: int) -> int:
    """Return how far the last window of ceil_mode reaches beyond the padding."""
    rest = size + first + last - span
    places = -(-rest // stride) + 1
    if (places - 1) * stride >= size + first:  # it would begin in the padding after the picture
        places -= 1
    return (places - 1) * stride - rest


def global_pool(use: Use, live: Live, kind: _Kind) -> Live:
    """Return the mean or the largest value of each channel, of pictures with channels first."""
    picture, live = use.picture(live)
    height, width, _ = use.building.shapes[picture]
    made = use.add(kind(Window((height, width), (height, width))), picture)
    return use.unpictured(made, len(live.shape))


def _over_all(kind: _Kind) -> Handler:
    return lambda use: (global_pool(use, use.live(), kind),)


POOLS: Mapping[str, Handler] = {
    "AveragePool": _pool(AveragePool2D),
    "GlobalAveragePool": _over_all(AveragePool2D),
    "GlobalMaxPool": _over_all(MaxPool2D),
    "LRN": _local_response,
    "LpPool": _power_pool,
    "MaxPool": _pool(MaxPool2D),
}
