"""Execute a quantized graph with integer arithmetic in NumPy, bit for bit as the C engine does.

Batched int8 NHWC arrays go in and come out. Accumulators are computed by floating-point matrix
products, which are exact: every sum stays below what the mantissa of the type chosen holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.evaluate import pad, patches
from microlut.integer import (
    OutputStage,
    QAdd,
    QClamp,
    QConv2D,
    QDense,
    QDepthwiseConv2D,
    QMean,
    QNode,
    QOp,
    QPad,
    QPool2D,
    QReshape,
    QSoftmax,
    QuantizedGraph,
    WeightedOp,
)
from microlut.integer.requantize import multiply
from microlut.integer.softmax import softmax_int8

Int8 = NDArray[np.int8]
Int64 = NDArray[np.int64]
Real = NDArray[np.floating[Any]]
_ADD_LEFT_SHIFT = 20  # of TensorFlow Lite's int8 addition
_BATCH_VALUES = 1 << 22  # values in flight, which bounds memory to some 32 MB a copy


def evaluate(graph: QuantizedGraph, x: Int8) -> Int8:
    """Run the network on int8 inputs [n, ...] and return its int8 outputs [n, ...]."""
    widest = max(math.prod(shape) for shape in (graph.input_shape, *(n.shape for n in graph.nodes)))
    step = max(1, _BATCH_VALUES // widest)
    outputs = [_evaluate_batch(graph, x[i : i + step]) for i in range(0, len(x), step)]
    return np.concatenate(outputs) if outputs else np.empty((0, *graph.output_shape), np.int8)


def walk(graph: QuantizedGraph, x: Int8) -> Iterator[tuple[QNode, Int8]]:
    """Yield every node with its output [n, ...]; a tensor is forgotten after its last consumer."""
    tensors = {graph.input_name: x}
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    for i, node in enumerate(graph.nodes):
        tensors[node.name] = apply_node(graph, node, [tensors[name] for name in node.inputs])
        for name in node.inputs:
            if last_use[name] == i:
                tensors.pop(name, None)
        yield node, tensors[node.name]


def _evaluate_batch(graph: QuantizedGraph, x: Int8) -> Int8:
    output = x
    for node, y in walk(graph, x):
        if node.name == graph.output_name:
            output = y
    return output


def apply_node(graph: QuantizedGraph, node: QNode, inputs: list[Int8]) -> Int8:
    """Run one node on batched int8 inputs."""
    points = tuple(graph.quantization_of(name).zero_point for name in node.inputs)
    return apply_op(node.op, inputs, points, node.quantization.zero_point, node.shape)


def apply_op(
    op: QOp,
    inputs: list[Int8],
    input_points: tuple[int, ...],
    output_point: int,
    shape: tuple[int, ...],
) -> Int8:
    """Run one operator on batched int8 inputs, given all zero points and the output shape."""
    x = inputs[0]
    match op:
        case QConv2D() | QDepthwiseConv2D() | QDense():
            total = accumulate(op, x, input_points[0]) + op.output.bias
            return requantize(total, op.output, output_point)
        case QAdd():
            return _add(op, inputs, input_points, output_point)
        case QPool2D():
            return _pool(op, x)
        case QMean():
            return _mean(op, x, input_points[0], output_point)
        case QClamp(minimum=minimum, maximum=maximum):
            return np.clip(x, minimum, maximum)
        case QPad(padding=p):
            return pad(x, p, input_points[0])
        case QSoftmax():
            return softmax_int8(op, x)
        case QReshape():
            return x.reshape(len(x), *shape)


def accumulate(op: WeightedOp, x: Int8, zero_point: int) -> Int64:
    """Return the sums of weight * (input - zero point), without the bias, in batches."""
    inputs = op.weights.shape[-1] if isinstance(op, QDense) else math.prod(op.weights.shape[-3:])
    each = inputs * math.prod(_positions(op, x))
    step = max(1, _BATCH_VALUES // each)
    batches = [_accumulate(op, x[i : i + step], zero_point) for i in range(0, len(x), step)]
    return np.concatenate(batches)


def _positions(op: WeightedOp, x: Int8) -> tuple[int, ...]:
    return x.shape[1:-1] if isinstance(op, QDense) else op.window.output_size(*x.shape[1:3])


def _accumulate(op: WeightedOp, x: Int8, zero_point: int) -> Int64:
    products = math.prod(op.weights.shape) // len(op.output.bias)
    # While sums stay below 2^24, single precision is exact as well, and twice as fast.
    kind = np.dtype(np.float32 if products * 255 * 127 < 1 << 24 else np.float64)
    weights: Real = op.weights.int8().astype(kind)
    total: Real
    match op:
        case QDense():
            total = _centered(x, zero_point, kind) @ weights.T
        case QConv2D(window=window):
            columns = _centered(patches(x, window, zero_point), zero_point, kind)
            flat = columns.reshape(*columns.shape[:3], -1)
            total = flat @ weights.reshape(len(weights), -1).T
        case QDepthwiseConv2D(window=window, depth_multiplier=multiplier):
            columns = _centered(patches(x, window, zero_point), zero_point, kind)
            repeated = np.repeat(columns, multiplier, axis=-1)
            total = np.einsum("nyxhwc,hwc->nyxc", repeated, weights)
    return total.astype(np.int64)


def _centered(x: Int8, zero_point: int, kind: np.dtype[Any]) -> Real:
    centered: Real = x.astype(kind)
    centered -= zero_point
    return centered


def requantize(total: Int64, stage: OutputStage, zero_point: int) -> Int8:
    """Scale accumulators, add the output zero point and clamp."""
    scaled = multiply(total, stage.multiplier.astype(np.int64), stage.shift.astype(np.int64))
    return np.clip(scaled + zero_point, stage.minimum, stage.maximum).astype(np.int8)


def _add(op: QAdd, inputs: list[Int8], points: tuple[int, ...], output_point: int) -> Int8:
    terms = [
        multiply((x.astype(np.int64) - point) << _ADD_LEFT_SHIFT, *factor)
        for x, point, factor in zip(inputs, points, op.input_multipliers, strict=True)
    ]
    scaled = multiply(terms[0] + terms[1], *op.output_multiplier) + output_point
    return np.clip(scaled, op.minimum, op.maximum).astype(np.int8)


def _pool(op: QPool2D, x: Int8) -> Int8:
    value: Int64
    if op.mode == "max":
        value = patches(x, op.window, -128).max(axis=(3, 4)).astype(np.int64)
    else:
        total = patches(x, op.window, 0).astype(np.int64).sum(axis=(3, 4))
        inside = patches(np.ones_like(x[:1]), op.window, 0).astype(np.int64).sum(axis=(3, 4))
        # C division truncates: round the magnitude half up, then restore the sign.
        value = np.sign(total) * ((np.abs(total) + inside // 2) // inside)
    limited: Int64 = np.clip(value, op.minimum, op.maximum)
    return limited.astype(np.int8)


def _mean(op: QMean, x: Int8, input_point: int, output_point: int) -> Int8:
    total = (x.astype(np.int64) - input_point).sum(axis=(1, 2), keepdims=True)
    scaled = multiply(total, op.multiplier, op.shift) + output_point
    return np.clip(scaled, -128, 127).astype(np.int8)
