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

from microlut.graph import evaluate as float_ops
from microlut.graph.ir import (
    ActivationKind,
    FloatArray,
    Graph,
    Node,
    Shape,
    Weighted,
    channel_axis,
)
from microlut.integer import (
    QNode,
    QOp,
    Quantization,
    QuantizedGraph,
    WeightedOp,
    quantize_array,
)
from microlut.integer import evaluate as int_ops
from microlut.quantize.assign.covariance import reconstruction_moments
from microlut.quantize.operators import (
    quantize_simple,
    scale_rule,
    tensor_quantizations,
    unbiased,
    with_biases,
)
from microlut.quantize.quality import spread
from microlut.quantize.ranges.measure import Ranges
from microlut.quantize.weights import (
    LayerConfigs,
    WeightConfig,
    quantize_weights,
)
from microlut.quantize.without_data.fit import fit_layer
from microlut.quantize.without_data.synthetic import walk

_CORRECTION_BYTES = 1 << 30  # float and int8 activations kept while the means are corrected
_FLOAT_BATCH = 32


@dataclass(slots=True)
class _Tensor:
    """One tensor of the correction run: the float network's values, the quantized network's."""

    real: FloatArray
    integer: NDArray[np.int8]
    quantization: Quantization


def quantize(
    graph: Graph, ranges: Ranges, samples: FloatArray, config: WeightConfig | LayerConfigs
) -> QuantizedGraph:
    """Quantize a graph on which all passes have run.

    Args:
        graph: Float graph without BatchNorm and Identity.
        ranges: Calibrated range of every tensor.
        samples: [n, ...] calibration inputs, for the correction of the layer means.
        config: How weights are quantized: one for all layers, or one for each by its node's name.
    """
    configs = _by_layer(graph, config)
    samples = spread(samples, _correction_samples(graph))
    known = tensor_quantizations(graph, ranges)
    first = known[graph.input_name]
    tensors = {graph.input_name: _Tensor(samples, quantize_array(samples, first), first)}
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    nodes = []
    for i, node in enumerate(graph.nodes):
        inputs = [tensors[name] for name in node.inputs]
        qnode, result = _quantize_node(node, inputs, known[node.name], configs)
        nodes.append(qnode)
        tensors[node.name] = result
        for name in node.inputs:
            if last_use[name] == i:
                tensors.pop(name, None)
    return _graph(graph, first, nodes)


def quantize_without_data(
    graph: Graph, ranges: Ranges, inputs: FloatArray, config: WeightConfig | LayerConfigs
) -> QuantizedGraph:
    """Quantize a graph by synthetic inputs alone; arguments are those of `quantize` otherwise."""
    configs = _by_layer(graph, config)
    known = tensor_quantizations(graph, ranges)
    nodes = []
    for step in walk(graph, inputs):
        node = step.node
        quantizations = [known[name] for name in node.inputs]
        output = known[node.name]
        op: QOp
        if isinstance(node.op, Weighted):
            x = quantizations[0]
            rule = scale_rule(node.op, x, output)
            layer = fit_layer(node.op, step.inputs[0], configs[node.name], rule)
            unit = x.scale * layer.weights.scales.astype(np.float64)
            op = with_biases(
                unbiased(node.op, layer.weights, x, output), layer.bias / unit, x, output
            )
        else:
            op = quantize_simple(node, quantizations, output)
        nodes.append(QNode(node.name, op, node.inputs, node.shape, output))
    return _graph(graph, known[graph.input_name], nodes)


def _by_layer(graph: Graph, config: WeightConfig | LayerConfigs) -> LayerConfigs:
    if isinstance(config, WeightConfig):
        return dict.fromkeys((node.name for node in graph.nodes), config)
    return config


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
    node: Node, inputs: Sequence[_Tensor], output: Quantization, configs: LayerConfigs
) -> tuple[QNode, _Tensor]:
    op: QOp
    if isinstance(node.op, Weighted):
        op, result = _quantize_weighted(node, inputs[0], output, configs[node.name])
    else:
        op = quantize_simple(node, [t.quantization for t in inputs], output)
        points = tuple(t.quantization.zero_point for t in inputs)
        integers = [t.integer for t in inputs]
        result = _Tensor(
            float_ops.apply_op(node.op, [t.real for t in inputs], node.shape),
            int_ops.apply_op(op, integers, points, output.zero_point, node.shape),
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
    assert isinstance(op, Weighted)
    moments = None
    if config.method != "fitted" and config.bits < 8:
        moments = reconstruction_moments(op, x.integer, x.quantization, x.real)
    rule = scale_rule(op, x.quantization, output)
    weights = quantize_weights(op.kernel, channel_axis(op), config, moments, rule)
    draft = unbiased(op, weights, x.quantization, output)
    wanted = _linear_output(op, x.real, node.shape)
    reached = int_ops.accumulate(draft, x.integer, x.quantization.zero_point)
    axes = tuple(range(wanted.ndim - 1))
    unit = x.quantization.scale * weights.scales.astype(np.float64)
    bias = wanted.mean(axis=axes, dtype=np.float64) / unit - reached.mean(axis=axes)
    qop = with_biases(draft, bias, x.quantization, output)
    integer = int_ops.requantize(reached + qop.output.bias, qop.output, output.zero_point)
    return qop, _Tensor(float_ops.activate(wanted, op.activation), integer, output)


def _linear_output(op: Weighted, x: FloatArray, shape: Shape) -> FloatArray:
    """Return the layer's float output before its activation, computed in batches."""
    linear = replace(op, activation=ActivationKind.LINEAR)
    starts = range(0, len(x), _FLOAT_BATCH)
    batches = [float_ops.apply_op(linear, [x[i : i + _FLOAT_BATCH]], shape) for i in starts]
    return np.concatenate(batches)
