"""Check that the parts of a quantized graph fit each other, as the engine takes for granted.

The quantization stage makes no other graphs; a file that was edited or damaged may hold one.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from microlut.graph.ir import Shape, Window
from microlut.integer.compact import compact_stage
from microlut.integer.graph import (
    OutputStage,
    QAdd,
    QClamp,
    QConv2D,
    QDense,
    QDepthwiseConv2D,
    QMean,
    QNode,
    QPad,
    QPool2D,
    QReshape,
    QSoftmax,
    Quantization,
    QuantizedGraph,
    QuantizedWeights,
)
from microlut.integer.overlap import engine_overlap
from microlut.support.texts import is_plain, visible

_LARGEST_SHIFT = 31
_SMALLEST_SCALE = float(np.finfo(np.float32).smallest_subnormal)
_LARGEST_SCALE = float(np.finfo(np.float32).max)


def check_graph(graph: QuantizedGraph) -> None:
    """Raise ValueError, saying where, unless the engine can run this graph."""
    texts = (graph.name, graph.source, graph.source_sha256, graph.input_name)
    _demand("the graph", all(map(is_plain, texts)), "its names")
    shapes = {graph.input_name: graph.input_shape}
    quantizations = {graph.input_name: graph.input_quantization}
    _demand(graph.input_name, _is_shape(graph.input_shape), "its shape")
    _check_quantization(graph.input_name, graph.input_quantization)
    for node in graph.nodes:
        _demand(node.name, is_plain(node.name), "its name")
        _demand(node.name, node.name not in shapes, "its name, which another tensor has,")
        _demand(node.name, all(name in shapes for name in node.inputs), "its inputs")
        _demand(
            node.name, len(node.inputs) == (2 if isinstance(node.op, QAdd) else 1), "its inputs"
        )
        _demand(node.name, _is_shape(node.shape), "its shape")
        _check_quantization(node.name, node.quantization)
        _check_node(node, [shapes[name] for name in node.inputs])
        _check_encoding(node, quantizations[node.inputs[0]])
        shapes[node.name], quantizations[node.name] = node.shape, node.quantization
    _demand(graph.output_name, graph.output_name in shapes, "the graph's output")


def _demand(where: str, sound: bool, what: str) -> None:
    if not sound:
        raise ValueError(f"{visible(where)}: {what} cannot be right")


def _is_shape(shape: Shape) -> bool:
    return len(shape) > 0 and all(n > 0 for n in shape)


def _is_int8(*values: int) -> bool:
    return all(-128 <= value <= 127 for value in values)


def _check_quantization(where: str, quantization: Quantization) -> None:
    scale = quantization.scale
    _demand(where, _SMALLEST_SCALE <= scale <= _LARGEST_SCALE, "its scale")
    _demand(where, _is_int8(quantization.zero_point), "its zero point")


def _check_node(node: QNode, inputs: list[Shape]) -> None:
    """Check an operator and the shape that it makes of its inputs'."""
    shape, op = inputs[0], node.op
    match op:
        case QConv2D() | QDepthwiseConv2D() | QDense():
            _check_weights(node.name, op.weights)
            _check_stage(node.name, op.output, node.shape[-1])
            _demand(node.name, _weighted_shape(op, shape) == node.shape, "its shape")
            rows = math.prod(op.weights.shape[:2]) if isinstance(op, QDepthwiseConv2D) else None
            expected = rows or op.weights.shape[0]
            _demand(node.name, len(op.weights.indices) == expected, "the shape of its weights")
            _demand(node.name, op.weights.scales.shape == node.shape[-1:], "its weight scales")
            return
        case QPool2D(window=window):
            expected_shape = _window_shape(window, shape, shape[-1])
        case QMean():
            expected_shape = (1, 1, shape[-1]) if len(shape) == 3 else None
        case QPad(padding=p):
            _demand(node.name, len(shape) == 3 and min(p.top, p.bottom, p.left, p.right) >= 0, "it")
            height, width, channels = shape
            expected_shape = (height + p.top + p.bottom, width + p.left + p.right, channels)
        case QReshape():
            expected_shape = node.shape if math.prod(node.shape) == math.prod(shape) else None
        case QAdd() | QClamp() | QSoftmax():
            expected_shape = shape if all(other == shape for other in inputs) else None
    _demand(node.name, node.shape == expected_shape, "its shape")
    _check_numbers(node.name, op)


def _weighted_shape(op: QConv2D | QDepthwiseConv2D | QDense, shape: Shape) -> Shape | None:
    """Return the output shape, or None if the weights do not fit the input."""
    weights = op.weights.shape
    match op:
        case QDense() if len(weights) == 2 and weights[1] == shape[-1]:
            return (*shape[:-1], weights[0])
        case QConv2D(window=window) if len(weights) == 4 and weights[3] == shape[-1]:
            fits = weights[1:3] == window.size
            return _window_shape(window, shape, weights[0]) if fits else None
        case QDepthwiseConv2D(window=window) if len(weights) == 3:
            fits = weights[2] == shape[-1] * op.depth_multiplier and weights[:2] == window.size
            return _window_shape(window, shape, weights[2]) if fits else None
    return None


def _window_shape(window: Window, shape: Shape, channels: int) -> Shape | None:
    p = window.padding
    positive = (*window.size, *window.strides, *window.dilation)
    if len(shape) != 3 or min(positive) < 1 or min(p.top, p.bottom, p.left, p.right) < 0:
        return None
    return (*window.output_size(shape[0], shape[1]), channels)


def _check_weights(where: str, weights: QuantizedWeights) -> None:
    indices, book = weights.indices, weights.codebook
    _demand(where, weights.bits in range(1, 9), "its bits")
    possible = (0, engine_overlap(weights.shape, weights.bits))
    _demand(where, weights.overlap in possible, "the overlap of its indices")
    _demand(where, _is_shape(weights.shape), "the shape of its weights")
    sound = indices.ndim == 2 and indices.size == math.prod(weights.shape)
    _demand(where, sound, "the shape of its weights")
    _demand(where, (book is None) == (weights.bits == 8), "its codebook")
    if book is not None:
        _demand(where, book.shape == (1 << weights.index_bits,), "its codebook")
        ascending = all(a <= b for a, b in pairwise(book.tolist()))
        _demand(where, ascending or weights.overlap > 0, "its codebook")
        _demand(where, int(indices.max()) < len(book), "its weight indices")
        common = indices & ((1 << weights.overlap) - 1)
        _demand(where, not common[:, 0].any(), "its weight indices")
        follow = np.array_equal(indices[:, :-1] >> weights.bits, common[:, 1:])
        _demand(where, follow or weights.overlap == 0, "its weight indices")
    positive = np.isfinite(weights.scales) & (weights.scales > 0)
    _demand(where, bool(positive.all()), "its weight scales")


def _check_stage(where: str, stage: OutputStage, channels: int) -> None:
    for array in (stage.bias, stage.multiplier, stage.shift):
        _demand(where, array.shape == (channels,), "its output stage")
    sound = stage.multiplier.min() >= 0 and np.abs(stage.shift.astype(int)).max() <= _LARGEST_SHIFT
    _demand(where, bool(sound), "its multipliers")
    _demand(where, _is_int8(stage.minimum, stage.maximum), "its limits")


def _check_encoding(node: QNode, x: Quantization) -> None:
    """Check that flash can hold the layer's scales, and that they give its multipliers."""
    if isinstance(node.op, QConv2D | QDepthwiseConv2D | QDense):
        try:
            compact_stage(node.op, x, node.quantization)
        except ValueError as error:
            raise ValueError(f"{node.name}: {error}") from error


def _check_numbers(
    where: str, op: QAdd | QPool2D | QMean | QClamp | QPad | QSoftmax | QReshape
) -> None:
    match op:
        case QAdd():
            for multiplier, shift in (*op.input_multipliers, op.output_multiplier):
                sound = 0 <= multiplier < 1 << 31 and -_LARGEST_SHIFT <= shift <= 0
                _demand(where, sound, "its multipliers")
        case QMean(multiplier=multiplier, shift=shift):
            sound = 0 <= multiplier < 1 << 31 and abs(shift) <= _LARGEST_SHIFT
            _demand(where, sound, "its multiplier")
        case QSoftmax():
            largest = -op.minimum_difference << min(op.left_shift, _LARGEST_SHIFT)
            sound = 0 <= op.left_shift <= _LARGEST_SHIFT and 0 <= largest < 1 << 31
            _demand(where, sound and 0 <= op.multiplier < 1 << 31, "its multiplier")
            _demand(where, -255 <= op.minimum_difference <= 0, "its smallest difference")
    if isinstance(op, QAdd | QPool2D | QClamp):
        _demand(where, _is_int8(op.minimum, op.maximum), "its limits")
