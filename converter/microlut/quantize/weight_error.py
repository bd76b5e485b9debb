"""The squared error of quantized weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.ops.arrays import FloatArray
from microlut.ops.linear import Linear
from microlut.ops.weights import Granularity, QuantizedWeights
from microlut.quantize.levels.densities import Array


def real_kernel(weights: QuantizedWeights, axis: int) -> FloatArray:
    """Return the real values of quantized weights in the kernel's shape.

    `axis` is that of output channels.
    """
    last = axis == len(weights.shape) - 1
    scales = weights.scales if last else weights.scales.reshape(-1, *[1] * (len(weights.shape) - 1))
    kernel: FloatArray = weights.int8() * scales
    return kernel


def relative_error(op: Linear, weights: QuantizedWeights, granularity: Granularity) -> float:
    """Return squared error over squared weights: the mean of the channels, or the tensor's.

    A channel whose weights are tiny compared with its bias has a scale suited to the bias, many
    times the weights. Its weights are lost, and it counts 1.
    """
    axis = op.channel_axis
    error = real_kernel(weights, axis)
    error -= op.kernel
    others = tuple(i for i in range(op.kernel.ndim) if i != axis)
    # Scales may be huge if inputs are almost zero: squares need the range of float64.
    squares = (np.square(a, dtype=np.float64) for a in (error, op.kernel))
    lost, energy = (square.sum(axis=others) for square in squares)
    if granularity == "tensor":
        lost, energy = lost.sum(keepdims=True), energy.sum(keepdims=True)
    used = energy > 0
    return float(np.mean(np.minimum(lost[used] / energy[used], 1.0))) if used.any() else 0.0


def fit_error(error: Array, normalized: Array, granularity: Granularity) -> float:
    """Return squared error over squared weights, both [channels, weights] and normalized."""
    lost, energy = (np.sum(values**2, axis=1) for values in (error, normalized))
    if granularity == "tensor":
        lost, energy = lost.sum(keepdims=True), energy.sum(keepdims=True)
    # As in `relative_error`, a channel counts at most 1.
    return float(np.sum(np.minimum(lost, energy[: len(lost)]))) / (float(np.sum(energy)) or 1.0)


def with_error(weights: QuantizedWeights, op: Linear, granularity: Granularity) -> QuantizedWeights:
    """Return the weights with the error of their fit measured again."""
    if weights.fit is None:
        return weights
    error = relative_error(op, weights, granularity)
    return replace(weights, fit=replace(weights.fit, error=error))
