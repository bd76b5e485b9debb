"""Slow, obvious forms of the operators, pixel by pixel, straight from TensorFlow Lite's definition.

They share nothing with the interpreter or the engine: weights are decoded one by one, positions
outside of the picture are left out, and scaling is done in exact fractions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from microlut.integer import QNode, QuantizedGraph
from microlut.ops.add import QAdd
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.mean import QMean
from microlut.ops.pad import QPad
from microlut.ops.pool2d import QPool2D
from microlut.ops.relu import QRelu
from microlut.ops.reshape import QReshape
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Window

Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]


def evaluate(graph: QuantizedGraph, x: Int8) -> Int8:
    """Run one input [...] through the network."""
    tensors = {graph.inputs[0].name: x}
    for node in graph.nodes:
        points = [graph.quantization_of(name).zero_point for name in node.inputs]
        inputs = [tensors[name] for name in node.inputs]
        tensors[node.name] = apply(node, inputs, points).astype(np.int8)
    return tensors[graph.outputs[0]]


def outputs(graphs: Iterable[QuantizedGraph], inputs: Iterable[Int8]) -> list[Int8]:
    """Return each network's outputs [runs, values] for its inputs [runs, ...]."""
    return [
        np.stack([evaluate(graph, one).reshape(-1) for one in x])
        for graph, x in zip(graphs, inputs, strict=True)
    ]


def apply(node: QNode, inputs: Sequence[Int8], points: Sequence[int]) -> Int64:
    """Run one node on inputs with these zero points."""
    x = inputs[0].astype(np.int64)
    zero_point = node.quantization.zero_point
    match node.op:
        case QConv2D() | QDepthwiseConv2D():
            return _convolve(node, x - points[0])
        case QDense(weights=weights, output=stage):
            totals = ((x - points[0]) @ _decoded(weights).T).reshape(-1, len(stage.bias))
            rows = [_finish(row, stage, zero_point) for row in totals]
            return np.stack(rows).reshape(node.shape)
        case QAdd() as op:
            return _add(op, inputs, points, zero_point)
        case QPool2D() as op:
            return _pool(op, node, x)
        case QMean(multiplier=multiplier, shift=shift):
            totals = (x - points[0]).sum(axis=(0, 1)).tolist()
            means = [scaled(total, multiplier, shift) + zero_point for total in totals]
            return np.clip(means, -128, 127).reshape(node.shape)
        case QRelu(minimum=low, maximum=high):
            return np.clip(x, low, high)
        case QPad(padding=p):
            widths = ((p.top, p.bottom), (p.left, p.right), (0, 0))
            return np.pad(x, widths, constant_values=points[0])
        case QReshape():
            return x.reshape(node.shape)
    raise AssertionError(f"{node.op.kind} has no reference")


def scaled(value: int, multiplier: int, shift: int) -> int:
    """Return value * multiplier * 2^(shift - 31), rounded twice: halves up, then away from zero."""
    high = math.floor(Fraction(value * 2 ** max(shift, 0) * multiplier, 2**31) + Fraction(1, 2))
    exact = abs(Fraction(high, 2 ** max(-shift, 0)))
    return int(math.copysign(1, high)) * math.floor(exact + Fraction(1, 2))


def _decoded(weights: QuantizedWeights) -> Int64:
    if weights.codebook is None:
        return weights.indices.view(np.int8).astype(np.int64).reshape(weights.shape)
    levels = [int(weights.codebook[index]) for index in weights.indices.flat]
    return np.array(levels, np.int64).reshape(weights.shape)


def _finish(totals: Int64, stage: OutputStage, zero_point: int) -> Int64:
    """Return the outputs of all channels of one pixel."""
    channels = zip(totals, stage.bias, stage.multiplier, stage.shift, strict=True)
    values = [scaled(int(t) + int(b), int(m), int(s)) + zero_point for t, b, m, s in channels]
    return np.clip(values, stage.minimum, stage.maximum)


def _taps(window: Window, y: int, x: int, picture: Int64) -> Iterator[tuple[int, int, Int64]]:
    """Yield the kernel positions that lie in the picture, with the channels there."""
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            row = y * window.strides[0] - window.padding.top + i * window.dilation[0]
            column = x * window.strides[1] - window.padding.left + j * window.dilation[1]
            if 0 <= row < picture.shape[0] and 0 <= column < picture.shape[1]:
                yield i, j, picture[row, column]


def _convolve(node: QNode, x: Int64) -> Int64:
    op = node.op
    assert isinstance(op, QConv2D | QDepthwiseConv2D)
    weights, out = _decoded(op.weights), np.zeros(node.shape, np.int64)
    for row, column in np.ndindex(*node.shape[:2]):
        totals = np.zeros(node.shape[2], np.int64)
        for i, j, values in _taps(op.window, row, column, x):
            if isinstance(op, QConv2D):
                totals += weights[:, i, j, :] @ values
            else:
                totals += weights[i, j] * np.repeat(values, op.depth_multiplier)
        out[row, column] = _finish(totals, op.output, node.quantization.zero_point)
    return out


def _add(op: QAdd, inputs: Sequence[Int8], points: Sequence[int], zero_point: int) -> Int64:
    values = []
    for pair in zip(*(x.flat for x in inputs), strict=True):
        terms = zip(pair, points, op.input_multipliers, strict=True)
        total = sum(scaled((int(v) - point) * 2**20, *factor) for v, point, factor in terms)
        values.append(scaled(total, *op.output_multiplier) + zero_point)
    return np.clip(values, op.minimum, op.maximum).reshape(inputs[0].shape)


def _pool(op: QPool2D, node: QNode, x: Int64) -> Int64:
    out = np.zeros(node.shape, np.int64)
    for row, column in np.ndindex(*node.shape[:2]):
        inside = [values for _, _, values in _taps(op.window, row, column, x)]
        if op.mode == "max":
            pooled = np.max(inside, axis=0)
        else:
            means = [abs(Fraction(int(total), len(inside))) for total in np.sum(inside, axis=0)]
            rounded = [math.floor(mean + Fraction(1, 2)) for mean in means]
            pooled = np.sign(np.sum(inside, axis=0)) * rounded
        out[row, column] = np.clip(pooled, op.minimum, op.maximum)
    return out
