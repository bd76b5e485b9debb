"""Translate layers that scale and shift channels by constants into `BatchNorm`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras import options
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, zeros
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics

_Float64Array = NDArray[np.float64]
_NORMALIZATION_EPSILON = 1e-7  # Keras divides by no smaller deviation


def scaled(use: LayerUse, scale: _Float64Array, offset: _Float64Array) -> tuple[Step, ...]:
    """Return the step that computes x * scale + offset, with one of each per channel.

    Raises:
        InvalidInput: One of them is not finite.
    """
    checked = [
        options.array(use.layer, values, what, (use.shape[-1],))
        for values, what in ((scale, "scale"), (offset, "offset"))
    ]
    return (Step(BatchNorm(checked[0], checked[1]), use.shape),)


def _batch_norm(use: LayerUse) -> tuple[Step, ...]:
    layer, channels = use.layer, use.shape[-1]
    if not options.axis_is_last(layer, use.shape):
        raise layer.unsupported(
            f"axis={layer.config.get('axis')}",
            "supported is the last axis: rebuild it with axis=-1",
        )
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
    first, second, third = (
        options.array(layer, values, what, (channels,))
        for values, what in ((scale, "scale"), (offset, "offset"), (deviation, "deviation"))
    )
    return (Step(BatchNorm(first, second, ChannelStatistics(beta, third)), use.shape),)


def _rescaling(use: LayerUse) -> tuple[Step, ...]:
    scale, offset = (
        options.constant(use.layer, use.layer.config.get(key, default), key, use.shape[-1])
        for key, default in (("scale", 1.0), ("offset", 0.0))
    )
    return scaled(use, scale, offset)


def _normalization(use: LayerUse) -> tuple[Step, ...]:
    """Read (x - mean) / deviation, or the inverse, with given or adapted mean and variance."""
    layer, channels = use.layer, use.shape[-1]
    whole = layer.config.get("axis", -1) in (None, [])
    if not whole and not options.axis_is_last(layer, use.shape):
        raise layer.unsupported(
            f"axis={layer.config.get('axis')}",
            "supported are the last axis and axis=None: rebuild it with axis=-1 and adapt it again",
        )
    mean, variance = (_statistic(use, i, what) for i, what in enumerate(("mean", "variance")))
    if variance.min() < 0:
        raise layer.invalid("variance holds negative values")
    deviation = np.maximum(np.sqrt(variance), _NORMALIZATION_EPSILON) * np.ones(channels)
    if options.flag(layer, "invert", False):
        return scaled(use, deviation, mean * np.ones(channels))
    return scaled(use, 1.0 / deviation, -mean / deviation)


def _statistic(use: LayerUse, index: int, what: str) -> _Float64Array:
    """Return the layer's given mean or variance, or else the adapted one."""
    given = use.layer.config.get(what)
    if given is not None:
        return options.constant(use.layer, given, what, use.shape[-1])
    if index >= len(use.weights):
        raise use.layer.unsupported(
            f"has no {what}", "adapt it to the training inputs with layer.adapt(x) and save again"
        )
    found = np.asarray(use.weights[index])
    return options.constant(use.layer, found.tolist(), what, use.shape[-1])


AFFINE: Mapping[str, Handler] = {
    "BatchNormalization": _batch_norm,
    "Normalization": _normalization,
    "Rescaling": _rescaling,
    "SyncBatchNormalization": _batch_norm,
}
