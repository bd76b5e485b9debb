"""Integer forms of operators: a node and its quantizations in, an integer operator out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.graph.ir import (
    Add,
    AveragePool2D,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Graph,
    MaxPool2D,
    Mean,
    Node,
    Pad,
    Relu,
    Reshape,
    Softmax,
    Weighted,
)
from microlut.integer import (
    OutputStage,
    QAdd,
    QClamp,
    QConv2D,
    QDense,
    QDepthwiseConv2D,
    QMean,
    QOp,
    QPad,
    QPool2D,
    QReshape,
    QSoftmax,
    Quantization,
    QuantizedWeights,
    WeightedOp,
    folded_bias,
)
from microlut.integer.requantize import (
    channel_multipliers,
    mean_multiplier,
    quantize_multiplier,
)
from microlut.quantize.assign.reconstruct import ScaleRule
from microlut.quantize.compact import round_bias, round_scales
from microlut.quantize.levels.densities import Array
from microlut.quantize.ranges.activations import (
    activation_quantization,
    clamp_range,
    smallest_output_scale,
)
from microlut.quantize.ranges.measure import Ranges

_BIAS_LIMIT = 2**30  # leaves half of the 32-bit accumulator to the products
_SOFTMAX_OUTPUT = Quantization(1.0 / 256, -128)  # fixed by the specification


def output_quantization(node: Node, inputs: Sequence[Quantization], ranges: Ranges) -> Quantization:
    """Return a node's output quantization: its own range, or that of the input it passes on."""
    match node.op:
        case Softmax():
            return _SOFTMAX_OUTPUT
        case MaxPool2D() | AveragePool2D() | Relu() | Pad() | Reshape():
            return inputs[0]
    smallest = smallest_output_scale(node.op, [quantization.scale for quantization in inputs])
    return activation_quantization(*ranges[node.name], smallest)


def tensor_quantizations(graph: Graph, ranges: Ranges) -> Mapping[str, Quantization]:
    """Return the quantization of the input and of every node's output, by name."""
    known = {graph.input_name: activation_quantization(*ranges[graph.input_name])}
    for node in graph.nodes:
        known[node.name] = output_quantization(node, [known[n] for n in node.inputs], ranges)
    return known


def quantize_simple(node: Node, inputs: Sequence[Quantization], output: Quantization) -> QOp:
    """Return the integer form of an operator without weights.

    Raises:
        UnsupportedModel: it has none, or its inputs do not vary.
    """
    match node.op:
        case Add(activation=activation):
            return _quantize_add(inputs, output, clamp_range(activation, output))
        case MaxPool2D(window=window, activation=activation):
            return QPool2D("max", window, *clamp_range(activation, output))
        case AveragePool2D(window=window, activation=activation):
            return QPool2D("average", window, *clamp_range(activation, output))
        case Mean(pixels=pixels):
            factor = mean_multiplier(inputs[0].scale / output.scale, pixels)
            return QMean(factor.multiplier, factor.shift)
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


def scale_rule(op: Weighted, x: Quantization, output: Quantization) -> ScaleRule:
    """Return what makes possible weight scales of the wanted ones."""
    # Biases are stored in units of s_in * s_w: a tiny s_w would push them beyond 32 bits.
    smallest = 2.0 * np.abs(op.bias.astype(np.float64)) / (_BIAS_LIMIT * x.scale)
    return partial(_possible_scales, smallest, x, output)


def _possible_scales(
    smallest: Array, x: Quantization, output: Quantization, scales: Array
) -> Array:
    raised = np.maximum(scales, smallest)
    return round_scales(raised, x.scale, output.scale).astype(np.float64)


def unbiased(
    op: Weighted,
    weights: QuantizedWeights,
    x: Quantization,
    output: Quantization,
) -> WeightedOp:
    """Return the integer form of a layer with quantized weights and zero biases."""
    multiplier, shift = channel_multipliers(x.scale, weights.scales, output.scale)
    low, high = clamp_range(op.activation, output)
    stage = OutputStage(np.zeros(len(shift), np.int32), multiplier, shift, low, high)
    match op:
        case Conv2D(window=window):
            return QConv2D(weights, stage, window)
        case DepthwiseConv2D(window=window, depth_multiplier=count):
            return QDepthwiseConv2D(weights, stage, window, count)
        case Dense():
            return QDense(weights, stage)


def with_biases(
    draft: WeightedOp, biases: Array, x: Quantization, output: Quantization
) -> WeightedOp:
    """Return a layer with the nearest biases that flash can hold.

    Args:
        draft: The layer with zero biases.
        biases: [channels] wanted ones, in units of input scale times weight scale.
        x: Quantization of its input.
        output: Quantization of its output.
    """
    limited = np.clip(np.round(biases), -_BIAS_LIMIT, _BIAS_LIMIT).astype(np.int32)
    fold = folded_bias(draft, x.zero_point)
    fixed = round_bias(limited, fold, draft.weights.scales, x.scale / output.scale)
    return replace(draft, output=replace(draft.output, bias=fixed))
