"""Translate layers that normalize the values of an input by their own mean and variance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

import numpy as np

from microlut.importers.movements import along
from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.binary import two
from microlut.importers.onnx.reducing import reduced
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.arrays import FloatArray, frozen_array
from microlut.ops.layer_normalization import LayerNormalization, Mode
from microlut.ops.reduce import ReduceMean, ReduceSum
from microlut.ops.reshape import Reshape
from microlut.ops.unary import Abs, Rsqrt, Square
from microlut.ops.unit_normalization import UnitNormalization

_ONE, _ZERO = frozen_array([1.0]), frozen_array([0.0])
_SMALLEST = 1e-9  # what MeanVarianceNormalization adds to a deviation
_ROWS = 2  # dimensions: groups, and all values of one
_PER_CHANNEL = 21  # opset from which GroupNormalization has a scale per channel


def _epsilon(use: Use) -> float:
    epsilon = float(use.option("epsilon", 1e-5))
    if not 0 <= epsilon < np.inf:
        raise use.operator.invalid(f"epsilon is {epsilon:g}, expected no negative number")
    return epsilon


def _grouped(use: Use, live: Live, groups: int, gain: FloatArray, offset: FloatArray) -> Live:
    """Return a tensor [batch, channels, ...] with groups of channels normalized."""
    live = use.batched(live)
    channels = live.shape[1]
    if groups < 1 or channels % groups:
        raise use.operator.invalid(f"has {groups} groups of {channels} channels")
    rows = prod(live.shape[2:])
    norm = LayerNormalization(gain, offset, _epsilon(use), groups, rows)
    return use.applied(live, *along(norm, [0], live.inner))


def _instance(use: Use) -> Iterable[Value | None]:
    """Read InstanceNormalization; between two reshapes it is how PyTorch writes group norms."""
    live = use.batched(use.live())
    groups = live.shape[1]
    if any(isinstance(value, Live) for value in use.values[1:]):
        return (_scaled(use, live, groups),)
    gain, offset = (use.weights(i, what, (groups,)) for i, what in ((1, "scale"), (2, "bias")))
    node = use.building.nodes.get(live.tensor)
    if node is not None and isinstance(node.op, Reshape):
        shape = use.building.shapes[node.inputs[0]]
        grouped = len(live.inner) == _ROWS and prod(shape[1:]) > 1
        if grouped and shape[0] > groups and shape[0] % groups == 0:
            source = Live(node.inputs[0], (1, *shape), 0)
            each = [frozen_array(np.repeat(a, shape[0] // groups)) for a in (gain, offset)]
            return (use.like(_grouped(use, source, groups, *each).tensor, live),)
    return (_grouped(use, live, groups, gain, offset),)


def _scaled(use: Use, live: Live, groups: int) -> Live:
    """Return normalized channels whose scale or bias depends on the inputs."""
    ones, zeros = (frozen_array(np.full(groups, n)) for n in (1.0, 0.0))
    made = _grouped(use, live, groups, ones, zeros)
    wide = (groups, *[1] * (len(live.shape) - 2))
    for kind, value in zip(("Mul", "Add"), use.values[1:], strict=True):
        if isinstance(value, Live):
            made = two(use, kind, made, use.given(use.whole(value).tensor, wide))
        elif value is not None:
            made = two(use, kind, made, value.reshape(wide))
    return made


def _group(use: Use) -> Iterable[Value | None]:
    live = use.batched(use.live())
    groups, channels = int(use.option("num_groups", 1)), live.shape[1]
    if groups < 1 or channels % groups:
        raise use.operator.invalid(f"has {groups} groups of {channels} channels")
    size = channels if use.operator.opset >= _PER_CHANNEL else groups
    gain, offset = (
        frozen_array(np.repeat(use.weights(i, what, (size,)), channels // size))
        for i, what in ((1, "scale"), (2, "bias"))
    )
    return (_grouped(use, live, groups, gain, offset),)


def _over_last(mode: Mode) -> Handler:
    def handle(use: Use) -> Iterable[Value | None]:
        live = use.live()
        rank = len(live.shape)
        axes = list(range(use.axis(int(use.option("axis", -1)), rank), rank))
        if live.batch in axes:
            live = use.whole(live)
        sizes = tuple(live.shape[axis] for axis in axes)
        gain = _broadcast(use, 1, "scale", sizes)
        offset = _ZERO if use.maybe(2, "bias") is None else _broadcast(use, 2, "bias", sizes)
        norm = LayerNormalization(gain, offset, _epsilon(use), mode=mode)
        inner = [live.axis(axis) for axis in axes]
        made = use.applied(live, *along(norm, inner, live.inner))
        return (made, *_statistics(use, live, axes)) if any(use.wanted[1:]) else (made,)

    return handle


def _statistics(use: Use, live: Live, axes: Sequence[int]) -> Iterator[Live]:
    """Yield the mean, and the reciprocal of the deviation."""
    mean = reduced(use, live, ReduceMean, axes)
    yield mean
    centered = two(use, "Sub", live, mean)
    variance = reduced(use, use.applied(centered, Square()), ReduceMean, axes)
    yield use.applied(affine(use, variance, 1.0, _epsilon(use)), Rsqrt())


def _broadcast(use: Use, index: int, what: str, sizes: tuple[int, ...]) -> FloatArray:
    found = use.weights(index, what)
    if found.ndim > len(sizes) and prod(found.shape) == prod(sizes):
        found = found.reshape(sizes)
    return frozen_array(np.broadcast_to(found, sizes).ravel())


def _mean_variance(use: Use) -> Iterable[Value | None]:
    live = use.batched(use.live())
    rank = len(live.shape)
    axes = {use.axis(int(axis), rank) for axis in use.option("axes", [0, 2, 3])}
    if 0 in axes:
        use.check_one()
    axes -= {0}
    if axes != set(range(2, rank)):
        raise use.operator.unsupported(
            f"normalizes along {sorted(axes)}", "supported are all dimensions but the channels"
        )
    norm = LayerNormalization(_ONE, _ZERO, _SMALLEST**2, live.shape[1], prod(live.shape[2:]))
    return (use.applied(live, *along(norm, [0], live.inner)),)


def _unit(use: Use) -> Iterable[Value | None]:
    live = use.live()
    axis = use.axis(int(use.option("axis", -1)), len(live.shape))
    if axis == live.batch:
        live = use.whole(live)
    if use.option("p", 2) == 1:
        total = reduced(use, use.applied(live, Abs()), ReduceSum, [axis])
        return (two(use, "Div", live, total),)
    return (use.applied(live, *along(UnitNormalization(), [live.axis(axis)], live.inner)),)


NORMS: Mapping[str, Handler] = {
    "GroupNormalization": _group,
    "InstanceNormalization": _instance,
    "LayerNormalization": _over_last("standard"),
    "LpNormalization": _unit,
    "MeanVarianceNormalization": _mean_variance,
    "RMSNormalization": _over_last("rms"),
}
