"""Random layers with scales of 24 bits, as files have them: their channels are stored whole."""

from __future__ import annotations

import numpy as np

from microlut.ops.dense import QDense
from microlut.ops.fixed_point import channel_multipliers
from microlut.ops.tensor import Quantization
from microlut.ops.weights import OutputStage, QuantizedWeights


def whole_dense(rng: np.random.Generator) -> tuple[QDense, Quantization, Quantization]:
    """Return a layer with scales of 24 bits, as files have them, and its quantizations."""
    channels = int(rng.integers(1, 9))
    scales = rng.lognormal(-4, 2, channels).astype(np.float32)
    x, y = (Quantization(float(np.float32(s)), -3) for s in rng.lognormal(-2, 1, 2))
    multiplier, shift = channel_multipliers(x.scale, scales, y.scale)
    bias = rng.integers(-(2**30), 2**30, channels, dtype=np.int32)
    ones = np.ones((channels, 1), np.uint8)
    stage = OutputStage(bias, multiplier, shift, -128, 127)
    return QDense(QuantizedWeights(ones.shape, 8, ones, None, scales), stage), x, y
