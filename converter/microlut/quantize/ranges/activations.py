"""Ranges of activations in, their int8 quantizations and the limits of fused activations out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microlut.graph.ir import (
    ActivationKind,
    Add,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Mean,
    Op,
    channel_axis,
)
from microlut.integer import Quantization
from microlut.integer.requantize import INT8_MAX, INT8_MIN


def activation_quantization(low: float, high: float, smallest_scale: float = 0.0) -> Quantization:
    """Return the asymmetric int8 quantization of a range, widened to contain zero exactly.

    A range of less than 256 steps of `smallest_scale` is nothing but rounding errors around zero.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < 256 * max(smallest_scale, float(np.finfo(np.float32).tiny)):
        return Quantization(float(np.float32(smallest_scale)) or 1.0, 0)
    scale = float(np.float32((high - low) / 255.0))
    return Quantization(scale, int(np.clip(np.round(INT8_MIN - low / scale), INT8_MIN, INT8_MAX)))


def smallest_output_scale(op: Op, input_scales: Sequence[float]) -> float:
    """Return the output scale below which 32 bits could not hold the sums while they are scaled.

    Sums and additions that cancel out on all samples leave ranges of that kind.
    """
    match op:
        case Add():
            return 2.0**-18 * max(input_scales)  # 2^-19 makes the last factor 1, which is too large
        case Mean():
            # |sum| <= 255 * pixels, and 2^shift <= 4 * input scale / (output scale * pixels).
            return 2.0**-20 * input_scales[0]
        case Conv2D() | DepthwiseConv2D() | Dense():
            axis = channel_axis(op)
            others = tuple(i for i in range(op.kernel.ndim) if i != axis)
            weights = np.abs(op.kernel).sum(axis=others, dtype=np.float64)
            largest = 255.0 * input_scales[0] * weights + np.abs(op.bias)
            # |sum| * 2^shift < 2^31 with 2^shift <= 2 * factor asks for 2^-30; coarse levels can
            # be several times larger than the weights they stand for.
            return 2.0**-26 * float(largest.max())
    return 0.0


def clamp_range(activation: ActivationKind, output: Quantization) -> tuple[int, int]:
    """Return the int8 limits of a fused activation, rounded as TensorFlow Lite does."""
    scale = np.float32(output.scale)
    low, high = INT8_MIN, INT8_MAX
    if activation is not ActivationKind.LINEAR:
        low = max(low, output.zero_point)
    # Below that scale, 6 is more than 255 steps, and the quotient might even be infinite.
    if activation is ActivationKind.RELU6 and output.scale > 6.0 / 256:
        high = min(high, output.zero_point + int(np.floor(np.float32(6.0) / scale + 0.5)))
    return low, high
