"""Translate products and sums with constants, and batch normalization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.movements import along
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics
from microlut.ops.mul import Mul

_Array = NDArray[Any]


def affine(
    use: Use, live: Live, scale: object, offset: object, after: tuple[_Array, _Array] | None = None
) -> Live:
    """Return x * scale + offset.

    Args:
        use: The operator.
        live: x.
        scale: What can be broadcast to the shape of x, as ONNX counts it.
        offset: Likewise.
        after: Mean and deviation of the result over the training data, if known, likewise.
    """
    rank = len(live.shape)
    arrays = [np.asarray(each, np.float64) for each in (scale, offset, *(after or ()))]
    wide = [each.reshape((1,) * (rank - each.ndim) + each.shape) for each in arrays]
    varied = sorted({i for each in wide for i, n in enumerate(each.shape) if n > 1})
    if any(axis == live.batch for axis in varied) or any(each.ndim > rank for each in arrays):
        raise use.operator.invalid("its constants do not fit the batch")
    if len(varied) > 1:
        return _by_value(use, live, wide[0], wide[1])
    axis = live.axis(varied[0]) if varied else len(live.inner) - 1
    size = live.inner[axis]

    def channels(values: _Array, what: str) -> FloatArray:
        return use.checked(np.broadcast_to(values.ravel(), (size,)), what)

    scales, offsets = channels(wide[0], "its scale"), channels(wide[1], "its offset")
    statistics = None
    if after is not None:
        statistics = ChannelStatistics(channels(wide[2], "mean"), channels(wide[3], "deviation"))
    norm = BatchNorm(scales, offsets, statistics)
    return use.applied(live, *along(norm, [axis], live.inner))


def _by_value(use: Use, live: Live, scale: _Array, offset: _Array) -> Live:
    """Return the same with constants that differ along several dimensions."""

    def constant(values: _Array) -> FloatArray:
        kept = [n for i, n in enumerate(values.shape) if i != live.batch]
        return use.checked(values.reshape(kept or (1,)), "its constant")

    tensor = live.tensor
    if (scale != 1.0).any():
        tensor = use.add(Mul(constant=constant(scale)), tensor, suffix="_scaled")
    if offset.any():
        tensor = use.add(Add(constant=constant(offset)), tensor)
    return use.like(tensor, live)


def _batch_norm(use: Use) -> Iterable[Value | None]:
    if use.option("training_mode", 0) or any(use.wanted[1:]):
        raise use.operator.unsupported(
            "computes statistics of the batch, as in training",
            "export the model in evaluation mode: call model.eval() before",
        )
    if use.option("spatial", 1) != 1:
        raise use.operator.unsupported("spatial=0", "supported are statistics per channel")
    live = use.live()
    axis = 1 if len(live.shape) > 1 else 0
    shape = (live.shape[axis],)
    names = ("scale", "bias", "mean", "variance")
    gamma, beta, mean, variance = (
        use.weights(i, what, shape).astype(np.float64) for i, what in enumerate(names, 1)
    )
    epsilon = float(use.option("epsilon", 1e-5))
    if variance.min() + epsilon <= 0:
        raise use.operator.invalid("variance holds negative values")
    scale = gamma / np.sqrt(variance + epsilon)
    deviation = np.abs(scale) * np.sqrt(np.maximum(variance, 0.0))
    wide = (-1, *[1] * (len(live.shape) - axis - 1))
    arrays = [a.reshape(wide) for a in (scale, beta - mean * scale, beta, deviation)]
    return (affine(use, live, arrays[0], arrays[1], (arrays[2], arrays[3])),)


AFFINE: Mapping[str, Handler] = {"BatchNormalization": _batch_norm}
