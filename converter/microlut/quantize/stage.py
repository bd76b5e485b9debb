"""The quantization stage: float graph, ranges and samples in, quantized graph out.

Layers are taken in execution order. Each one's weights are quantized, then its bias absorbs the
difference that the quantized network (weights and activations, everything before it included)
makes to the mean of every output channel on the samples (Nagel et al. 2019, section 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microlut.calibrate import Ranges
from microlut.errors import UnsupportedModel
from microlut.interpreter import float_ops, int_ops
from microlut.ir import (
    ActivationKind,
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FloatArray,
    Graph,
    MaxPool2D,
    Node,
    Pad,
    Relu,
    Reshape,
    Shape,
    Softmax,
)
from microlut.quantize.activations import (
    activation_quantization,
    clamp_range,
    smallest_output_scale,
)
from microlut.quantize.covariance import column_count, input_covariance
from microlut.quantize.requantize import (
    channel_multipliers,
    quantize_multiplier,
)
from microlut.quantize.weights import WeightConfig, quantize_weights
from microlut.quantized import (
    OutputStage,
    QAdd,
    QClamp,
    QConv2D,
    QDense,
    QDepthwiseConv2D,
    QNode,
    QOp,
    QPad,
    QPool2D,
    QReshape,
    QSoftmax,
    Quantization,
    QuantizedGraph,
    QuantizedWeights,
    WeightedOp,
    quantize_array,
)

_BIAS_LIMIT = 2**30  # leaves half of the 32-bit accumulator to the products
_CORRECTION_BYTES = 1 << 30  # float and int8 activations kept while the means are corrected
_SOFTMAX_OUTPUT = Quantization(1.0 / 256, -128)  # fixed by the specification
_FLOAT_BATCH = 32
# Columns up to which error feedback is worth inverting a matrix of their square (128 MB).
_WIDEST_FEEDBACK = 4096


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
    output = _output_quantization(node, inputs, ranges)
    op: QOp
    match node.op:
        case Conv2D() | DepthwiseConv2D() | Dense():
            op, result = _quantize_weighted(node, inputs[0], output, config)
        case _:
            op = _quantize_simple(node, [t.quantization for t in inputs], output)
            points = tuple(t.quantization.zero_point for t in inputs)
            result = _Tensor(
                float_ops.apply_op(node.op, [t.real for t in inputs], node.shape),
                int_ops.apply_op(
                    op, [t.integer for t in inputs], points, output.zero_point, node.shape
                ),
                output,
            )
    return QNode(node.name, op, node.inputs, node.shape, output), result


def _output_quantization(node: Node, inputs: Sequence[_Tensor], ranges: Ranges) -> Quantization:
    match node.op:
        case Softmax():
            return _SOFTMAX_OUTPUT
        case MaxPool2D() | AveragePool2D() | Relu() | Pad() | Reshape():
            return inputs[0].quantization
    smallest = smallest_output_scale(node.op, [t.quantization.scale for t in inputs])
    return activation_quantization(*ranges[node.name], smallest)


def _quantize_simple(node: Node, inputs: Sequence[Quantization], output: Quantization) -> QOp:
    match node.op:
        case Add(activation=activation):
            return _quantize_add(inputs, output, clamp_range(activation, output))
        case MaxPool2D(window=window, activation=activation):
            return QPool2D("max", window, *clamp_range(activation, output))
        case AveragePool2D(window=window, activation=activation):
            return QPool2D("average", window, *clamp_range(activation, output))
        case Relu(activation=activation):
            return QClamp(*clamp_range(activation, output))
        case Pad(padding=padding):
            return QPad(padding)
        case Reshape():
            return QReshape()
        case Softmax():
            return _quantize_softmax(node, inputs[0])
    raise UnsupportedModel(
        f"{node.name}: {type(node.op).__name__} has no integer form; run the passes first"
    )


def _quantize_add(
    inputs: Sequence[Quantization], output: Quantization, clamp: tuple[int, int]
) -> QAdd:
    twice = 2.0 * max(quantization.scale for quantization in inputs)
    pairs = [quantize_multiplier(q.scale / twice) for q in inputs]
    last = quantize_multiplier(twice / (2.0**20 * output.scale))
    return QAdd(
        (
            (pairs[0].multiplier, pairs[0].shift),
            (pairs[1].multiplier, pairs[1].shift),
        ),
        (last.multiplier, last.shift),
        *clamp,
    )


def _quantize_softmax(node: Node, x: Quantization) -> QSoftmax:
    """Scale differences to Q5.26, as PreprocessSoftmaxScaling and CalculateInputRadius do."""
    if x.scale * 2.0**26 <= 1.0:
        raise UnsupportedModel(
            f"{node.name}: its inputs differ by less than {256 * 2.0**-26:.0e} on the calibration "
            "inputs, so all classes are equally likely; check the model or give other inputs"
        )
    factor = quantize_multiplier(min(x.scale * 2.0**26, 2.0**31 - 1.0))
    radius = int(np.floor(31.0 * 2.0**26 / 2.0**factor.shift))
    # int8 values differ by 255 at most
    return QSoftmax(factor.multiplier, factor.shift, max(-radius, -255))


def _quantize_weighted(
    node: Node, x: _Tensor, output: Quantization, config: WeightConfig
) -> tuple[WeightedOp, _Tensor]:
    """Quantize a layer's weights and choose the biases that keep its channel means.

    The means are those of the layer's output before its activation.
    """
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | Dense)
    axis = op.kernel.ndim - 1 if isinstance(op, DepthwiseConv2D) else 0
    # Biases are stored in units of s_in * s_w: a tiny s_w would push them beyond 32 bits.
    smallest = 2.0 * np.abs(op.bias) / (_BIAS_LIMIT * x.quantization.scale)
    smallest = np.maximum(smallest, _smallest_useful_scale(x.quantization, output))
    covariance = None
    if config.bits < 8 and column_count(op) <= _WIDEST_FEEDBACK:
        covariance = input_covariance(op, x.integer, x.quantization.zero_point)
    weights = quantize_weights(op.kernel, axis, config, smallest.astype(np.float64), covariance)
    stage = _unbiased_stage(weights, output, op.activation, x.quantization)
    draft = _weighted_op(op, weights, stage)
    wanted = _linear_output(op, x.real, node.shape)
    reached = int_ops.accumulate(draft, x.integer, x.quantization.zero_point)
    axes = tuple(range(wanted.ndim - 1))
    unit = x.quantization.scale * weights.scales.astype(np.float64)
    bias = wanted.mean(axis=axes, dtype=np.float64) / unit - reached.mean(axis=axes)
    fixed = np.clip(np.round(bias), -_BIAS_LIMIT, _BIAS_LIMIT).astype(np.int32)
    stage = replace(stage, bias=fixed)
    integer = int_ops.requantize(reached + fixed, stage, output.zero_point)
    result = _Tensor(float_ops.activate(wanted, op.activation), integer, output)
    return _weighted_op(op, weights, stage), result


def _linear_output(op: Conv2D | DepthwiseConv2D | Dense, x: FloatArray, shape: Shape) -> FloatArray:
    """Return the layer's float output before its activation, computed in batches."""
    linear = replace(op, activation=ActivationKind.LINEAR)
    starts = range(0, len(x), _FLOAT_BATCH)
    batches = [float_ops.apply_op(linear, [x[i : i + _FLOAT_BATCH]], shape) for i in starts]
    return np.concatenate(batches)


def _smallest_useful_scale(x: Quantization, output: Quantization) -> float:
    """Return the weight scale at which the multiplier would round to 2^-31 and carry nothing."""
    return 2.0**-30 * output.scale / x.scale


def _unbiased_stage(
    weights: QuantizedWeights, output: Quantization, activation: ActivationKind, x: Quantization
) -> OutputStage:
    """Return the output stage with zero biases."""
    multiplier, shift = channel_multipliers(x.scale, weights.scales, output.scale)
    low, high = clamp_range(activation, output)
    return OutputStage(np.zeros(len(shift), np.int32), multiplier, shift, low, high)


def _weighted_op(
    op: Conv2D | DepthwiseConv2D | Dense, weights: QuantizedWeights, stage: OutputStage
) -> WeightedOp:
    match op:
        case Conv2D(window=window):
            return QConv2D(weights, stage, window)
        case DepthwiseConv2D(window=window, depth_multiplier=multiplier):
            return QDepthwiseConv2D(weights, stage, window, multiplier)
        case Dense():
            return QDense(weights, stage)
