"""The quantization stage: float graph, ranges and samples in, quantized graph out.

With calibration samples, layers are taken in execution order. Each one's weights are quantized,
then its bias absorbs the difference that the quantized network (weights and activations, everything
before it included) makes to the mean of every output channel on the samples (Nagel et al. 2019,
section 4.2). Without, synthetic inputs take their place (`synthetic`, `data_free`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.calibrate import Ranges
from microlut.interpreter import float_ops, int_ops
from microlut.ir import (
    ActivationKind,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FloatArray,
    Graph,
    Node,
    Shape,
)
from microlut.quantize.activations import activation_quantization
from microlut.quantize.covariance import column_count, input_moments
from microlut.quantize.data_free import fit_layer
from microlut.quantize.operators import (
    output_quantization,
    quantize_simple,
    scale_rule,
    unbiased,
    with_biases,
)
from microlut.quantize.synthetic import walk
from microlut.quantize.weights import WeightConfig, quantize_weights
from microlut.quantized import (
    QNode,
    QOp,
    Quantization,
    QuantizedGraph,
    WeightedOp,
    quantize_array,
)

_CORRECTION_BYTES = 1 << 30  # float and int8 activations kept while the means are corrected
_FLOAT_BATCH = 32
# Columns up to which a reconstruction is worth inverting a matrix of their square (128 MB).
_WIDEST_RECONSTRUCTION = 4096


@dataclass(slots=True)
class _Tensor:
    """One tensor of the correction run: the float network's values, the quantized network's."""

    real: FloatArray
    integer: NDArray[np.int8]
    quantization: Quantization


def quantize(
    graph: Graph, ranges: Ranges, samples: FloatArray, config: WeightConfig
) -> QuantizedGraph:
    """Quantize a graph on which all passes have run.

    Args:
        graph: Float graph without BatchNorm and Identity.
        ranges: Calibrated range of every tensor.
        samples: [n, ...] calibration inputs, for the correction of the layer means.
        config: Bits and granularity of the weights.
    """
    samples = samples[: _correction_samples(graph)]
    first = activation_quantization(*ranges[graph.input_name])
    tensors = {graph.input_name: _Tensor(samples, quantize_array(samples, first), first)}
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    nodes = []
    for i, node in enumerate(graph.nodes):
        inputs = [tensors[name] for name in node.inputs]
        qnode, result = _quantize_node(node, inputs, ranges, config)
        nodes.append(qnode)
        tensors[node.name] = result
        for name in node.inputs:
            if last_use[name] == i:
                tensors.pop(name, None)
    return _graph(graph, first, nodes)


def quantize_without_data(
    graph: Graph, ranges: Ranges, inputs: FloatArray, config: WeightConfig
) -> QuantizedGraph:
    """Quantize a graph by synthetic inputs alone; arguments are those of `quantize` otherwise."""
    first = activation_quantization(*ranges[graph.input_name])
    known = {graph.input_name: first}
    nodes = []
    for step in walk(graph, inputs):
        node = step.node
        quantizations = [known[name] for name in node.inputs]
        output = output_quantization(node, quantizations, ranges)
        op: QOp
        if isinstance(node.op, Conv2D | DepthwiseConv2D | Dense):
            x = quantizations[0]
            layer = fit_layer(node.op, step.inputs[0], config, scale_rule(node.op, x, output))
            unit = x.scale * layer.weights.scales.astype(np.float64)
            op = with_biases(
                unbiased(node.op, layer.weights, x, output), layer.bias / unit, x, output
            )
        else:
            op = quantize_simple(node, quantizations, output)
        nodes.append(QNode(node.name, op, node.inputs, node.shape, output))
        known[node.name] = output
    return _graph(graph, first, nodes)


def _graph(graph: Graph, first: Quantization, nodes: list[QNode]) -> QuantizedGraph:
    return QuantizedGraph(
        name=graph.name,
        input_name=graph.input_name,
        input_shape=graph.input_shape,
        input_quantization=first,
        nodes=tuple(nodes),
        output_name=graph.output_name,
    )


def _correction_samples(graph: Graph) -> int:
    values = int(np.prod(graph.input_shape)) + sum(int(np.prod(n.shape)) for n in graph.nodes)
    return max(1, _CORRECTION_BYTES // (5 * values))


def _quantize_node(
    node: Node, inputs: Sequence[_Tensor], ranges: Ranges, config: WeightConfig
) -> tuple[QNode, _Tensor]:
    quantizations = [t.quantization for t in inputs]
    output = output_quantization(node, quantizations, ranges)
    op: QOp
    match node.op:
        case Conv2D() | DepthwiseConv2D() | Dense():
            op, result = _quantize_weighted(node, inputs[0], output, config)
        case _:
            op = quantize_simple(node, quantizations, output)
            points = tuple(t.quantization.zero_point for t in inputs)
            result = _Tensor(
                float_ops.apply_op(node.op, [t.real for t in inputs], node.shape),
                int_ops.apply_op(
                    op, [t.integer for t in inputs], points, output.zero_point, node.shape
                ),
                output,
            )
    return QNode(node.name, op, node.inputs, node.shape, output), result


def _quantize_weighted(
    node: Node, x: _Tensor, output: Quantization, config: WeightConfig
) -> tuple[WeightedOp, _Tensor]:
    """Quantize a layer's weights and choose the biases that keep its channel means.

    The means are those of the layer's output before its activation.
    """
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | Dense)
    axis = op.kernel.ndim - 1 if isinstance(op, DepthwiseConv2D) else 0
    moments = None
    if config.bits < 8 and column_count(op) <= _WIDEST_RECONSTRUCTION:
        real = x.real / np.float32(x.quantization.scale)
        moments = input_moments(op, x.integer, x.quantization.zero_point, real)
    rule = scale_rule(op, x.quantization, output)
    weights = quantize_weights(op.kernel, axis, config, moments, rule)
    draft = unbiased(op, weights, x.quantization, output)
    wanted = _linear_output(op, x.real, node.shape)
    reached = int_ops.accumulate(draft, x.integer, x.quantization.zero_point)
    axes = tuple(range(wanted.ndim - 1))
    unit = x.quantization.scale * weights.scales.astype(np.float64)
    bias = wanted.mean(axis=axes, dtype=np.float64) / unit - reached.mean(axis=axes)
    qop = with_biases(draft, bias, x.quantization, output)
    integer = int_ops.requantize(reached + qop.output.bias, qop.output, output.zero_point)
    return qop, _Tensor(float_ops.activate(wanted, op.activation), integer, output)


def _linear_output(op: Conv2D | DepthwiseConv2D | Dense, x: FloatArray, shape: Shape) -> FloatArray:
    """Return the layer's float output before its activation, computed in batches."""
    linear = replace(op, activation=ActivationKind.LINEAR)
    starts = range(0, len(x), _FLOAT_BATCH)
    batches = [float_ops.apply_op(linear, [x[i : i + _FLOAT_BATCH]], shape) for i in starts]
    return np.concatenate(batches)
