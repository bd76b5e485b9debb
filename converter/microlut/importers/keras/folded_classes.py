"""Translate the layers of QKeras that fold a batch normalization into their weights, then round.

At inference both folding modes multiply the kernel by gamma / sqrt(moving variance + epsilon).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras.config import Layer
from microlut.importers.keras.layer_use import Handler, LayerUse, Step
from microlut.importers.keras.quantized_classes import QUANTIZED_CLASSES
from microlut.ops.arrays import frozen_array

_FOLDED = {
    name: name.removesuffix("Batchnorm")
    for name in ("QConv2DBatchnorm", "QDenseBatchnorm", "QDepthwiseConv2DBatchnorm")
}
_EPSILON = 1e-3  # Keras's
_TRAINING = ("ema_freeze_delay", "folding_mode", "momentum", "axis", "center", "scale", "epsilon")
_PARTS = ("beta", "gamma", "moving_mean", "moving_variance")


def _layer(use: LayerUse) -> tuple[Step, ...]:
    layer = use.layer
    kernel, bias = _weights(layer, use.weights)
    config = {key: value for key, value in layer.config.items() if not _of_training(key)}
    config["use_bias"] = True
    plain = replace(layer, class_name=_FOLDED[layer.class_name], config=config)
    weights = (frozen_array(kernel), frozen_array(bias))
    return QUANTIZED_CLASSES[plain.class_name](replace(use, layer=plain, weights=weights))


def _of_training(key: str) -> bool:
    return key in _TRAINING or key.startswith(_PARTS)


def _weights(
    layer: Layer, stored: tuple[NDArray[np.generic], ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the folded kernel and bias."""
    arrays = [np.asarray(array, np.float64) for array in stored if np.ndim(array)]  # no iteration
    has = [bool(layer.config.get(key, True)) for key in ("use_bias", "scale", "center")]
    if len(arrays) != 3 + sum(has):
        raise layer.invalid(f"has {len(arrays)} arrays, {3 + sum(has)} are needed")
    kernel, *rest = arrays
    mean, variance = rest[-2:]
    channels = mean.shape[0] if mean.ndim == 1 else 0
    if any(array.shape != (channels,) for array in rest) or kernel.size % max(channels, 1):
        raise layer.invalid(f"has arrays of shapes {[array.shape for array in arrays]}")
    given: dict[str, Any] = dict(
        zip(("bias", "gamma", "beta"), _spread(rest[:-2], has), strict=True)
    )
    spread = variance + float(layer.config.get("epsilon", _EPSILON))
    if not spread.min() > 0:
        raise layer.invalid("moving_variance holds negative values")
    factor = given["gamma"] / np.sqrt(spread)
    by_channel = kernel.shape[2:] if "Depthwise" in layer.class_name else (channels,)
    return kernel * factor.reshape(by_channel), factor * (given["bias"] - mean) + given["beta"]


def _spread(arrays: list[NDArray[np.float64]], has: list[bool]) -> list[Any]:
    """Return bias, gamma and beta; of those that are left out, what changes nothing."""
    left = iter(arrays)
    neutral = (0.0, 1.0, 0.0)
    return [next(left) if given else value for given, value in zip(has, neutral, strict=True)]


FOLDED_CLASSES: Mapping[str, Handler] = dict.fromkeys(_FOLDED, _layer)
