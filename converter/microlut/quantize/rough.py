"""Quantize a graph in a moment and badly: for the sizes and the speed of its code only.

Indices and codebooks have the sizes that a conversion gives them, ranges come from a little noise,
and levels are evenly spaced. What a plan depends on is nearly that of a real conversion; outputs
are of no use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np

from microlut.graph.ir import Graph
from microlut.integer import QNode, QuantizedGraph
from microlut.ops.base import FloatOp
from microlut.ops.dense import Dense
from microlut.ops.linear import Array, Linear
from microlut.ops.recurrent_step import RecurrentStep
from microlut.ops.svdf import Svdf
from microlut.ops.tensor import Tensor, dequantize_array, integer_limits
from microlut.ops.weighted import Weighted
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.assign.reconstruct import LEVEL_MAX, ScaleRule
from microlut.quantize.nodes import integer_nodes, quantized_outputs
from microlut.quantize.own_rows import OWN_ROWS, Reads, SharedRows, quantize_rows
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.recurrent import Chosen
from microlut.quantize.shared import kernel_key
from microlut.quantize.stage import SharedWeights, assembled
from microlut.quantize.storable import scale_rule, with_biases
from microlut.quantize.svdf import ChosenFilters
from microlut.quantize.types import Types
from microlut.quantize.weights import WeightConfig, index_overlap, single_precision
from microlut.quantize.without_data.fit import expected_ranges
from microlut.quantize.without_data.synthetic import synthetic_inputs

_PLAIN_INT8 = 8  # bits
_LIMITS = (-1.0, 1.0)  # of inputs
_LEAST_SPAN = 1e-6  # of a range; noise may leave a tensor constant that real inputs do not


def quantize_roughly(
    graph: Graph, bits: Mapping[str, int], types: Types = MappingProxyType({})
) -> QuantizedGraph:
    """Quantize a graph on which all passes have run.

    Args:
        graph: Float graph without BatchNorm and Identity.
        bits: Bits per weight, by the names of layers with weights.
        types: Types of tensors other than int8.

    Raises:
        UnsupportedModel: An operator has no integer form.
    """
    tensors = quantized_tensors(graph, _ranges(graph).typed(types))
    shared = SharedWeights()
    nodes: list[QNode] = []
    for node in graph.nodes:
        op = node.op
        if node.name in graph.exact and not isinstance(op, Weighted):
            nodes.append(QNode(node.name, graph.exact[node.name], node.inputs, node.outputs))
            continue
        if isinstance(op, OWN_ROWS):
            stored, config = graph.exact.get(node.name), WeightConfig(bits[node.name])
            _choose(node.op, config.bits, shared.rows)
            reads = _noise(tensors[node.inputs[0]])
            nodes.append(quantize_rows(node, stored, reads, tensors, config, shared.rows))
            continue
        if not isinstance(op, Linear):
            nodes.extend(integer_nodes(node, tensors))
            continue
        x, end = tensors[node.inputs[0]].quantized, tensors[node.output]
        output = end.quantized
        rule = scale_rule(op, x, output)
        weights = shared.of(op, rule, partial(_weights, op, bits[node.name], rule))
        unit = x.scale * weights.scales.astype(np.float64)
        made = with_biases(op.unbiased(weights, x, output, end.dtype), op.bias / unit, x, output)
        nodes.append(QNode(node.name, made, node.inputs, quantized_outputs(node, tensors)))
    return assembled(graph, tensors, nodes)


def _choose(op: FloatOp, bits: int, shared: SharedRows) -> None:
    """Add weights of an operator with a kernel of its own kind."""
    assert isinstance(op, OWN_ROWS)
    key = kernel_key(op.layer if isinstance(op, RecurrentStep) else op)
    rows = _weights(Dense(op.kernel, op.bias), bits, single_precision)
    one = replace(rows, scales=np.full_like(rows.scales, rows.scales.max()))
    if isinstance(op, Svdf):
        shared.filters.setdefault(key, ChosenFilters(one, float(one.scales[0])))
    else:
        shared.recurrent.setdefault(key, Chosen(one, 1.0))  # gates have one scale each


def _noise(source: Tensor) -> Reads:
    """Return two inputs of noise."""
    low, high = integer_limits(source.dtype)
    noise = np.random.default_rng(0).integers(low, high + 1, (2, *source.shape))
    integer = noise.astype(source.dtype)
    return dequantize_array(integer, source.quantized), integer


def _ranges(graph: Graph) -> Ranges:
    """Return the ranges on a single noisy input."""
    limits = {tensor.name: _LIMITS for tensor in graph.inputs}
    found = expected_ranges(graph, synthetic_inputs(graph, limits, most=1), limits)
    flat = {
        name: (min(low, 0.0), max(high, 1.0))
        for name, (low, high) in found.limits.items()
        if not high - low > _LEAST_SPAN
    }
    return found.replaced(flat)


def _weights(op: Linear, bits: int, allowed: ScaleRule) -> QuantizedWeights:
    axis, shape = op.channel_axis, op.kernel.shape
    by_channel = np.moveaxis(op.kernel, axis, 0).reshape(shape[axis], -1).astype(np.float64)
    overlap = index_overlap(shape, bits)
    scales = allowed(np.abs(by_channel).max(axis=1) / LEVEL_MAX)
    levels = np.clip(by_channel / scales[:, None], -LEVEL_MAX, LEVEL_MAX)
    book = None
    indices = np.round(levels).astype(np.int8).view(np.uint8)
    if bits < _PLAIN_INT8:
        count = 1 << (bits + overlap)
        book = np.round(np.linspace(-LEVEL_MAX, LEVEL_MAX, count)).astype(np.int8)
        indices = _nearest(levels, count)
    rows = np.ascontiguousarray(indices if axis == 0 else indices.T)
    single = scales.astype(np.float32)
    return QuantizedWeights(tuple(shape), bits, rows, book, single, None, overlap)


def _nearest(levels: Array, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the nearest of evenly spaced levels."""
    return np.round((levels + LEVEL_MAX) * ((count - 1) / (2 * LEVEL_MAX))).astype(np.uint8)
