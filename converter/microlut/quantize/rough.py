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

from microlut.graph.ir import Graph, Node
from microlut.integer import QNode, QuantizedGraph
from microlut.ops.base import IntegerOp
from microlut.ops.dense import Dense
from microlut.ops.linear import Array, Linear
from microlut.ops.recurrent import Recurrent
from microlut.ops.svdf import Svdf
from microlut.ops.tensor import Tensor, dequantize_array, quantize_array
from microlut.ops.weighted import Weighted
from microlut.ops.weights import QuantizedWeights
from microlut.quantize.assign.reconstruct import LEVEL_MAX, ScaleRule
from microlut.quantize.nodes import integer_nodes, quantized_outputs
from microlut.quantize.ranges.activations import quantized_tensors
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.recurrent import Chosen, quantize_recurrent
from microlut.quantize.shared import kernel_key
from microlut.quantize.stage import SharedWeights, assembled
from microlut.quantize.storable import scale_rule, with_biases
from microlut.quantize.svdf import ChosenFilters, quantize_svdf
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
        if isinstance(op, Svdf):
            nodes.append(_svdf(node, graph.exact[node.name], tensors, bits[node.name], shared))
            continue
        if isinstance(op, Recurrent):
            stored = graph.exact.get(node.name)
            nodes.append(_recurrent(node, stored, tensors, bits[node.name], shared))
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


def _recurrent(
    node: Node,
    stored: IntegerOp | None,
    tensors: Mapping[str, Tensor],
    bits: int,
    shared: SharedWeights,
) -> QNode:
    """Return a recurrent layer with biases for two inputs of noise."""
    op, source = node.op, tensors[node.inputs[0]]
    assert isinstance(op, Recurrent)
    rows = _weights(Dense(op.kernel, op.bias), bits, single_precision)
    largest = np.full_like(rows.scales, rows.scales.max())  # gates have one scale each
    shared.rows.setdefault(kernel_key(op), Chosen(replace(rows, scales=largest), 1.0))
    integer = np.random.default_rng(0).integers(-128, 128, (2, *source.shape)).astype(np.int8)
    real = dequantize_array(integer, source.quantized)
    config = WeightConfig(bits)
    return quantize_recurrent(node, stored, (real, integer), tensors, config, shared.rows)


def _svdf(
    node: Node, stored: IntegerOp, tensors: Mapping[str, Tensor], bits: int, shared: SharedWeights
) -> QNode:
    """Return filters over time with biases for a frame of zeros."""
    op, source = node.op, tensors[node.inputs[0]]
    assert isinstance(op, Svdf)
    rows = _weights(Dense(op.kernel, op.bias), bits, single_precision)
    even = replace(rows, scales=np.full_like(rows.scales, rows.scales.max()))
    chosen = ChosenFilters(even, float(even.scales[0]))
    shared.filters.setdefault(kernel_key(op), chosen)
    zeros = np.zeros((1, *source.shape), np.float32)
    reads = zeros, quantize_array(zeros, source.quantized)
    return quantize_svdf(node, stored, reads, tensors, WeightConfig(bits), shared.filters)


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
