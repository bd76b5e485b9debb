"""Translate layers that scale and shift values by constants into `BatchNorm`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras import options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, limited, zeros
from microlut.importers.movements import reordered
from microlut.ops.arrays import FloatArray
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics
from microlut.ops.reshape import Reshape

_Float64Array = NDArray[np.float64]
_NORMALIZATION_EPSILON = 1e-7  # Keras divides by no smaller deviation


def scaled(
    use: LayerUse,
    scale: _Float64Array,
    offset: _Float64Array,
    statistics: ChannelStatistics | None = None,
) -> tuple[Step, ...]:
    """Return the steps that compute x * scale + offset.

    Args:
        use: The layer.
        scale: An array that can be broadcast to the layer's input, without the batch.
        offset: Another one.
        statistics: Those of the result, as arrays that can be broadcast in the same way.

    Raises:
        InvalidInput: One of them is not finite.
    """
    rank = len(use.shape)
    ranges = [np.shape(values) for values in (scale, offset)]
    varied = {rank - len(r) + i for r in ranges for i, size in enumerate(r) if size > 1}
    first = min([*varied, rank - 1])
    inner = use.shape[first:]
    if len(varied) == 1 and prod(inner) > use.shape[first]:
        return _along_last(use, first, (scale, offset), statistics)

    def flattened(values: NDArray[Any], what: str) -> FloatArray:
        wide = np.broadcast_to(_inner(values, first, rank), inner)
        return options.array(use.layer, wide.ravel(), what, (prod(inner),))

    kept = statistics and ChannelStatistics(
        flattened(statistics.mean, "mean"), flattened(statistics.deviation, "deviation")
    )
    norm = BatchNorm(flattened(scale, "scale"), flattened(offset, "offset"), kept)
    if first == rank - 1:
        return (Step(norm, use.shape),)
    flat = (prod(use.shape[:first]), prod(inner))
    return (
        Step(Reshape(flat), flat, suffix="_rows"),
        Step(norm, flat, (PREVIOUS,), "_scaled"),
        Step(Reshape(use.shape), use.shape, (PREVIOUS,)),
    )


def _along_last(
    use: LayerUse,
    axis: int,
    factors: tuple[_Float64Array, _Float64Array],
    statistics: ChannelStatistics | None,
) -> tuple[Step, ...]:
    """Return the steps of numbers along one dimension, which is the last one between transposes.

    In networks with channels first, the transposes of the layers around it cancel them.
    """
    rank, size = len(use.shape), use.shape[axis]
    order = [*(i for i in range(rank) if i != axis), axis]
    shape = tuple(use.shape[i] for i in order)

    def last(values: NDArray[Any]) -> NDArray[Any]:
        return np.broadcast_to(np.asarray(values).ravel(), (size,))

    kept = statistics and ChannelStatistics(last(statistics.mean), last(statistics.deviation))
    (step,) = scaled(replace(use, shapes=(shape,)), last(factors[0]), last(factors[1]), kept)
    return (
        Step(reordered(use.shape, order), shape, suffix="_last"),
        replace(step, inputs=(PREVIOUS,), suffix="_scaled"),
        Step(reordered(shape, [order.index(i) for i in range(rank)]), use.shape, (PREVIOUS,)),
    )


def _inner(values: NDArray[Any], first: int, rank: int) -> NDArray[Any]:
    """Return an array for the dimensions from `first` on; it is 1 along all before."""
    values = np.asarray(values)
    return values.reshape(values.shape[max(0, first - rank + values.ndim) :])


def along(values: NDArray[Any], axes: tuple[int, ...], rank: int) -> NDArray[Any]:
    """Return an array whose dimensions are some of an input's, for broadcasting to the input."""
    shape = [1] * rank
    for axis, size in zip(axes, values.shape, strict=True):
        shape[axis] = size
    return values.reshape(shape)


@limited("one axis other than the batch")
def _batch_norm(use: LayerUse) -> tuple[Step, ...]:
    layer, rank = use.layer, len(use.shape)
    axes = options.axes(layer, rank)
    if len(axes) != 1:
        raise layer.unsupported(
            f"axis={layer.config.get('axis')}", "supported is one dimension, such as axis=-1"
        )
    channels = use.shape[axes[0]]
    has_gamma = options.flag(layer, "scale", True)
    has_beta = options.flag(layer, "center", True)
    order = ["gamma"] * has_gamma + ["beta"] * has_beta + ["moving_mean", "moving_variance"]
    arrays = {what: use.array(i, what, (channels,)) for i, what in enumerate(order)}
    variance = arrays["moving_variance"].astype(np.float64)
    epsilon = options.number(layer, "epsilon", 1e-3)
    if variance.min() + epsilon <= 0:
        raise layer.invalid("moving_variance holds negative values")
    scale = arrays.get("gamma", np.float32(1)) / np.sqrt(variance + epsilon)
    beta = arrays["beta"] if has_beta else zeros(channels)
    offset = beta - arrays["moving_mean"] * scale
    deviation = np.abs(scale) * np.sqrt(np.maximum(variance, 0.0))
    deviation = options.array(layer, deviation, "deviation", (channels,))
    statistics = ChannelStatistics(along(beta, axes, rank), along(deviation, axes, rank))
    return scaled(use, along(scale, axes, rank), along(offset, axes, rank), statistics)


def _rescaling(use: LayerUse) -> tuple[Step, ...]:
    scale, offset = (
        _constant(use, use.layer.config.get(key, default), key)
        for key, default in (("scale", 1.0), ("offset", 0.0))
    )
    return scaled(use, scale, offset)


def _constant(use: LayerUse, value: object, what: str) -> _Float64Array:
    """Return numbers that can be broadcast to the layer's input, without the batch."""
    array = options.numbers(use.layer, value, what)
    rank = len(use.shape)
    inner = array[0] if array.ndim == rank + 1 and len(array) == 1 else array
    try:
        if np.broadcast_shapes(inner.shape, use.shape) == use.shape:
            return np.asarray(inner)
    except ValueError:
        pass
    raise use.layer.unsupported(
        f"{what} has shape {list(array.shape)}",
        f"supported are one number, one for each of the {use.shape[-1]} channels, and what can be "
        f"broadcast to {list(use.shape)}",
    )


@limited("adapted, or with given mean and variance")
def _normalization(use: LayerUse) -> tuple[Step, ...]:
    """Read (x - mean) / deviation, or the inverse, with given or adapted mean and variance."""
    layer = use.layer
    mean, variance = (_statistic(use, i, what) for i, what in enumerate(("mean", "variance")))
    if variance.min() < 0:
        raise layer.invalid("variance holds negative values")
    deviation = np.maximum(np.sqrt(variance), _NORMALIZATION_EPSILON)
    if options.flag(layer, "invert", False):
        return scaled(use, deviation, mean)
    adapted = layer.config.get("mean") is None  # those of the training inputs
    after = ChannelStatistics(
        np.zeros_like(mean, np.float32), (np.sqrt(variance) / deviation).astype(np.float32)
    )
    return scaled(use, 1.0 / deviation, -mean / deviation, after if adapted else None)


def _statistic(use: LayerUse, index: int, what: str) -> _Float64Array:
    """Return the layer's given mean or variance, or else the adapted one, for broadcasting."""
    given, rank = use.layer.config.get(what), len(use.shape)
    axes = options.axes(use.layer, rank)
    if given is None:
        if index >= len(use.weights):
            raise use.layer.unsupported(
                f"has no {what}",
                "adapt it to the training inputs with layer.adapt(x) and save again",
            )
        given = np.asarray(use.weights[index]).tolist()
    found = options.numbers(use.layer, given, what)
    kept = tuple(use.shape[axis] for axis in axes)
    if found.size == 1:
        return found.reshape(())
    inner = found[0] if found.ndim == rank + 1 and len(found) == 1 else found
    try:  # Keras broadcasts it to the kept dimensions, or it has all dimensions already
        if inner.ndim == rank > len(axes):
            return _constant(use, inner.tolist(), what)
        return along(np.broadcast_to(inner, kept), axes, rank)
    except ValueError:
        raise use.layer.unsupported(
            f"{what} has shape {list(found.shape)}",
            f"supported are one number, and numbers of shape {list(kept)}",
        ) from None


AFFINE: Mapping[str, Handler] = {
    "BatchNormalization": _batch_norm,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "SyncBatchNormalization": _batch_norm,
}
