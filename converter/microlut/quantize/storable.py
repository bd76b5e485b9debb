"""Rounding of scales and biases to values that flash can hold."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from microlut.integer import folded_bias
from microlut.ops.linear import Array, Linear, QLinear
from microlut.ops.tensor import Quantization
from microlut.quantize.assign.reconstruct import ScaleRule
from microlut.quantize.compact import round_bias, round_scales

_BIAS_LIMIT = 2**30  # leaves half of the 32-bit accumulator to the products
_LEAST_FACTOR = 2.0**-21  # of sums in output steps: a product that weighs less changes no output


def scale_rule(op: Linear, x: Quantization, output: Quantization) -> ScaleRule:
    """Return a function that rounds requested weight scales to values that can be stored."""
    # Biases are stored in units of s_in * s_w: a tiny s_w would push them beyond 32 bits.
    smallest = 2.0 * np.abs(op.bias.astype(np.float64)) / (_BIAS_LIMIT * x.scale)
    # One channel of dust would also cost its whole layer the engine's quick rounding.
    smallest = np.maximum(smallest, _LEAST_FACTOR * output.scale / x.scale)
    return partial(_storable_scales, smallest, x, output)


def _storable_scales(
    smallest: Array, x: Quantization, output: Quantization, scales: Array
) -> Array:
    raised = np.maximum(scales, smallest)
    return round_scales(raised, x.scale, output.scale).astype(np.float64)


def with_biases(draft: QLinear, biases: Array, x: Quantization, output: Quantization) -> QLinear:
    """Return a layer with its biases rounded to values that flash can hold.

    Args:
        draft: The layer with zero biases.
        biases: [channels] requested biases, in units of input scale times weight scale.
        x: Quantization of its input.
        output: Quantization of its output.
    """
    limited = np.clip(np.round(biases), -_BIAS_LIMIT, _BIAS_LIMIT).astype(np.int32)
    fold = folded_bias(draft, x.zero_point)
    fixed = round_bias(limited, fold, draft.weights.scales, x.scale / output.scale)
    return draft.with_output(replace(draft.output, bias=fixed))
