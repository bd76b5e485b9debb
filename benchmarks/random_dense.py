"""Draw dense layers with random weights, as the engine can run them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.integer import folded_bias
from microlut.integer.packing import row_bytes, unpack_rows
from microlut.ops.dense import QDense
from microlut.ops.fixed_point import channel_multipliers
from microlut.ops.tensor import Quantization
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.quantize.compact import round_bias, round_scales

ENDS = Quantization(0.05, 3)  # of input and output


def random_dense(
    rng: np.random.Generator,
    shape: tuple[int, int],
    bits: int,
    overlap: int,
    scale: float,
    maximum: int = 127,
) -> QDense:
    """Return a dense layer between tensors of `ENDS`.

    Args:
        rng: Source of randomness.
        shape: Units and inputs.
        bits: Bits per weight.
        overlap: Bits that indices share with those before them.
        scale: Scale of all weights.
        maximum: The largest output.
    """
    packed = rng.integers(0, 256, (shape[0], row_bytes(shape[1], bits)), np.uint8)
    indices = unpack_rows(packed, shape[1], bits, overlap)
    book = np.sort(rng.integers(-127, 128, 1 << bits + overlap)).astype(np.int8)
    scales = round_scales(np.full(shape[0], scale), ENDS.scale, ENDS.scale)
    weights = QuantizedWeights(
        shape, bits, indices, None if bits == 8 else book, scales, overlap=overlap
    )
    multiplier, shift = channel_multipliers(ENDS.scale, scales, ENDS.scale)
    stage = OutputStage(np.zeros(shape[0], np.int32), multiplier, shift, -128, maximum)
    op = QDense(weights, stage)
    bias = round_bias(stage.bias, folded_bias(op, ENDS.zero_point), scales, 1.0)
    return replace(op, output=replace(stage, bias=bias))
