"""Translate layers that normalize the values of an input by their own mean and variance."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from microlut.importers.keras import options
from microlut.importers.keras.affine import scaled
from microlut.importers.keras.along import steps_along
from microlut.importers.keras.layer_use import Handler, LayerUse, Step, behind, limited
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.layer_normalization import LayerNormalization

_ONE, _ZERO = frozen_array([1.0]), frozen_array([0.0])


@limited("any axes but the batch")
def _layer(use: LayerUse) -> tuple[Step, ...]:
    layer, axes = use.layer, _axes(use)
    by_deviation = options.flag(layer, "rms_scaling", False)  # it is none of the root mean square
    has_gain = options.flag(layer, "scale", True) or by_deviation
    has_offset = options.flag(layer, "center", True) and not by_deviation
    sizes = tuple(use.shape[axis] for axis in axes)
    norm = LayerNormalization(
        gain=_weights(use, 0, "gamma", sizes).ravel() if has_gain else _ONE,
        offset=_weights(use, int(has_gain), "beta", sizes).ravel() if has_offset else _ZERO,
        epsilon=_epsilon(use, 1e-3),
        mode="deviation" if by_deviation else "standard",
    )
    return steps_along(norm, axes, use.shape)


@limited("any axes but the batch")
def _rms(use: LayerUse) -> tuple[Step, ...]:
    axes, epsilon, rank = _axes(use), _epsilon(use, 1e-6), len(use.shape)
    scale = _weights(use, 0, "scale", tuple(use.shape[axis] for axis in axes))
    last = use.shape[rank - scale.ndim :]
    if axes[0] == rank - len(axes) and scale.shape == last:
        norm = LayerNormalization(scale.ravel(), _ZERO, epsilon, mode="rms")
        return steps_along(norm, axes, use.shape)
    # Keras multiplies by the weights along the last dimensions, whichever it normalizes.
    if any(n not in (1, m) for n, m in zip(scale.shape, last, strict=True)):
        raise use.layer.invalid(f"multiplies {list(use.shape)} by {list(scale.shape)} weights")
    plain = LayerNormalization(_ONE, _ZERO, epsilon, mode="rms")
    normal = steps_along(plain, axes, use.shape, suffix="_normal")
    return (*normal, *behind(scaled(use, scale.astype(np.float64), np.zeros(()))))


@limited("any number of groups, -1 (instances) too; one axis other than the batch")
def _group(use: LayerUse) -> tuple[Step, ...]:
    layer, axes = use.layer, _axes(use)
    if len(axes) != 1:
        raise layer.unsupported(
            f"axis={layer.config.get('axis')}", "supported is one dimension, such as axis=-1"
        )
    channels = use.shape[axes[0]]
    groups = options.integer(layer, "groups", 32, least=-1)
    groups = channels if groups == -1 else groups
    if groups == 0 or channels % groups:
        raise layer.invalid(f"has {groups} groups of {channels} channels")
    has_gain, has_offset = (options.flag(layer, key, True) for key in ("scale", "center"))
    norm = LayerNormalization(
        gain=use.array(0, "gamma", (channels,)) if has_gain else _ONE,
        offset=use.array(int(has_gain), "beta", (channels,)) if has_offset else _ZERO,
        epsilon=_epsilon(use, 1e-3),
        groups=groups,
        rows=prod(use.shape) // channels,
    )
    return steps_along(norm, axes, use.shape)


def _axes(use: LayerUse) -> tuple[int, ...]:
    """Return the dimensions of the option `axis`, ascending."""
    axes = options.axes(use.layer, len(use.shape))
    if not axes:
        raise use.layer.unsupported(
            f"axis={use.layer.config.get('axis')}", "supported is one axis or more, such as axis=-1"
        )
    return axes


def _epsilon(use: LayerUse, default: float) -> float:
    epsilon = options.number(use.layer, "epsilon", default)
    if epsilon < 0:
        raise use.layer.invalid(f"option epsilon is {epsilon:g}, expected no negative number")
    return epsilon


def _weights(use: LayerUse, index: int, what: str, sizes: Shape) -> FloatArray:
    """Return weights along some dimensions; the sizes may be in the order of the option `axis`."""
    found = use.weights[index].shape if index < len(use.weights) else ()
    return use.array(index, what, found if sorted(found) == sorted(sizes) else sizes)


NORMS: Mapping[str, Handler] = {
    "GroupNormalization": _group,
    "LayerNormalization": _layer,
    "RMSNormalization": _rms,
}
