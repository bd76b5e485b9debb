"""Quantize filters over time, whose integers came with the model, to fewer bits.

The projection is reconstructed as a dense layer. Kernels over time of 8 bits have its codebook:
both are brought to one spread before, and the values of a filter count as independent noise of
their variance. Kernels over time of 16 bits stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from microlut.graph.ir import Node
from microlut.integer import QNode
from microlut.ops.arrays import FloatArray, IntArray, frozen_array
from microlut.ops.base import IntegerOp
from microlut.ops.dense import Dense
from microlut.ops.svdf import QSvdf, Svdf
from microlut.ops.tensor import Quantization, Tensor, dequantize_array
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.assign.covariance import reconstruction_moments
from microlut.quantize.levels.densities import Array
from microlut.quantize.shared import kernel_key
from microlut.quantize.weights import WeightConfig, quantize_weights, single_precision

_UNIT = Quantization(1.0, 0)
_LARGEST_BIAS = 1 << 30


@dataclass(frozen=True, slots=True)
class ChosenFilters:
    """Weights of filters over time, and the scale of the columns over time among them."""

    weights: QuantizedWeights
    time_scale: float

    def real(self, op: Svdf) -> Svdf:
        """Return the operator with these weights."""
        scales = np.full(self.weights.shape[1], self.time_scale)
        scales[: op.inputs] = self.weights.scales[0]
        return replace(op, kernel=frozen_array(self.weights.int8() * scales))


def filter_weights(
    op: Svdf, x: FloatArray, rounded: FloatArray, config: WeightConfig
) -> ChosenFilters:
    """Return the quantized weights of an operator; there is one scale, whatever the granularity.

    Args:
        op: The operator.
        x: [n, inputs] its frames in the float network.
        rounded: The same in the quantized network, as real values.
        config: How to quantize them.
    """
    spreads = np.ones(op.kernel.shape[1])
    for part in (slice(op.inputs), slice(op.inputs, None)):
        if op.kernel[:, part].any():
            spreads[part] = float(np.sqrt(np.mean(op.kernel[:, part] ** 2)))
    even = frozen_array(op.kernel / spreads)
    if config.bits == 8:
        flat = quantize_weights(even.reshape(1, -1), 0, config)
        found = replace(flat, shape=even.shape, indices=flat.indices.reshape(even.shape))
    else:
        moments = None
        if config.needs_data:
            layer = Dense(even, frozen_array(np.zeros(len(even))))
            read, real = (_columns(op, values, spreads) for values in (rounded, x))
            moments = reconstruction_moments(layer, read, _UNIT, real)  # type: ignore[arg-type]
        found = quantize_weights(even, 0, replace(config, granularity="tensor"), moments)
    scales = single_precision(found.scales[0] * spreads)
    own = np.full(len(even), scales[0], np.float32)
    return ChosenFilters(replace(found, scales=own), float(scales[-1]))


def _columns(op: Svdf, x: FloatArray, spreads: Array) -> FloatArray:
    """Return what balanced rows are multiplied with, [n, columns]."""
    more = op.kernel.shape[1] - op.inputs
    noise = np.random.default_rng(0).normal(size=(len(x), more))
    noise *= float(np.sqrt(np.mean((x @ op.kernel[:, : op.inputs].T) ** 2)))
    return frozen_array(np.hstack([x, noise]) * spreads)


def quantize_svdf(
    node: Node,
    stored: IntegerOp | None,
    reads: tuple[FloatArray, IntArray],
    tensors: Mapping[str, Tensor],
    config: WeightConfig,
    known: dict[tuple[object, ...], ChosenFilters],
) -> QNode:
    """Return the quantized node of filters over time.

    Args:
        node: The node.
        stored: The operator with the integers that came with the model.
        reads: Its frames in the float network, and in the quantized one.
        tensors: The quantized tensors by name.
        config: How to quantize its weights.
        known: Weights by their kernels, to which those of this one are added.
    """
    op, source, state = node.op, *(tensors[name] for name in node.inputs)
    assert isinstance(op, Svdf)
    assert isinstance(stored, QSvdf)
    x, rounded = reads[0], dequantize_array(reads[1], source.quantized)
    key = kernel_key(op)
    if key not in known:
        known[key] = filter_weights(op, x, rounded, config)
    chosen = known[key]
    scale = chosen.time_scale if op.time is None else stored.time_scale
    bias = np.round(_bias(op, chosen, x, rounded) / (state.scale * scale))
    bias = np.clip(bias, -_LARGEST_BIAS, _LARGEST_BIAS)  # from there on, outputs are at their limit
    made = replace(
        stored, weights=chosen.weights, time_scale=scale, bias=frozen_array(bias, np.int32)
    )
    return QNode(node.name, made, node.inputs, tuple(tensors[t.name] for t in node.outputs))


def _bias(op: Svdf, chosen: ChosenFilters, x: FloatArray, rounded: FloatArray) -> Array:
    """Return the biases that keep the means of outputs, once all frames are like these."""
    found = chosen.real(op)
    wanted, reached = (
        (values.mean(axis=0) @ one.kernel[:, : op.inputs].T) * one.kernels.sum(axis=1)
        for one, values in ((op, x), (found, rounded))
    )
    shift = (wanted - reached).astype(np.float64).reshape(len(op.bias), -1).sum(axis=1)
    bias: Array = op.bias + shift
    return bias
