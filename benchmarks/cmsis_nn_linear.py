"""Convolutions and fully connected layers, of the numbers of a unit test of CMSIS-NN."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from cmsis_nn_data import Case
from cmsis_nn_parts import (
    INPUTS,
    Ints,
    Made,
    Unlike,
    chain,
    ends,
    network,
    node,
    pair,
    picture,
    tensor_of,
    window_of,
)

from microlut.importers.tflite.wide_weights import parts_of
from microlut.integer.graph import QNode
from microlut.ops.arrays import Shape
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.movement import Axis, whole
from microlut.ops.slice import Slice
from microlut.ops.tensor import Tensor
from microlut.ops.tile import Tile
from microlut.ops.transpose_conv2d import QTransposeConv2D
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Padding, Window

_INT32 = np.iinfo(np.int32)
_BOOK = np.arange(-8, 8, dtype=np.int8)  # of weights of four bits
_NARROW = "adds products of int16 in 32 bits, which is refused: the engine adds them in 64"


def _values(case: Case, shape: Shape) -> Ints:
    """Return the weights less their zero point."""
    values = case.array("weights", "input_weights", "weights_data")
    if values.size * 2 - prod(shape) in (0, 1):  # two of four bits per byte, the lower one first
        nibbles = np.stack([values & 15, (values >> 4) & 15], axis=-1).ravel()[: prod(shape)]
        values = (nibbles ^ 8) - 8
    if values.size != prod(shape):
        raise Unlike(f"has {values.size} weights, expected {prod(shape)}")
    centered: Ints = values.reshape(shape) + case.number("FILTER_OFFSET", 0)
    return centered


def _weights(case: Case, whole: Ints, stage: OutputStage, axis: int = 0) -> QuantizedWeights:
    """Return weights with the scales of which an output stage has the multipliers.

    These are in double precision: others have fewer bits than a multiplier.
    """
    matrix = whole if axis == 0 else whole.reshape(-1, whole.shape[axis])
    rows = np.ascontiguousarray(matrix.reshape(len(matrix), -1), np.int8)
    scales = stage.multiplier * 2.0 ** (stage.shift.astype(np.float64) - 31)
    if "int4" in case.name:
        indices = (rows - _BOOK[0]).astype(np.uint8)
        return QuantizedWeights(whole.shape, 4, indices, _BOOK, scales)
    return QuantizedWeights(whole.shape, 8, rows.view(np.uint8), None, scales)


def _stage(case: Case, channels: int) -> OutputStage:
    def each(*names: str) -> Ints:
        found = next((case.arrays[name] for name in names if name in case.arrays), None)
        if found is None:
            found = np.array([case.number(names[0].upper())])
        return np.broadcast_to(found.ravel(), (channels,))

    bias = np.zeros(channels, np.int64)
    key = next((n for n in ("biases", "bias", "input_bias") if n in case.arrays), None)
    if key is not None and case.arrays[key].size == channels:
        bias = case.arrays[key]
    if np.abs(bias).max() > _INT32.max:
        raise Unlike("its biases are beyond 32 bits")
    low, high = (case.number(f"OUT_ACTIVATION_{end}") for end in ("MIN", "MAX"))
    multiplier, shift = (
        each(f"output_{name}", f"output_{short}")
        for name, short in (("multiplier", "mult"), ("shift", "shift"))
    )
    return OutputStage(
        bias.astype(np.int32), multiplier.astype(np.int32), shift.astype(np.int8), low, high
    )


def _rows(stage: OutputStage, rows: slice) -> OutputStage:
    parts = stage.bias[rows], stage.multiplier[rows], stage.shift[rows]
    return OutputStage(*parts, stage.minimum, stage.maximum)


def _channels(case: Case) -> tuple[int, int]:
    return case.number("OUT_CH"), case.number("IN_CH")


def convolution(case: Case) -> Made:
    """Return a convolution; groups are convolutions of their own, as importers make them."""
    if "xint32" in case.name:
        raise Unlike(_NARROW)
    filters, channels = _channels(case)
    source, made = picture(case, "INPUT", channels), picture(case, "OUTPUT", filters)
    size, depth = pair(case, "FILTER", 1), case.number("FILTER_CH", channels)
    x, y = ends(case, source, made)
    stage, window = _stage(case, filters), window_of(case, source, made, size)
    values = _values(case, (filters, *size, depth))
    if depth == channels:
        op = QConv2D(_weights(case, values, stage), stage, window)
        return chain(case, [op], [x], [y], case.array(*INPUTS))
    nodes = list(_groups(case, values, stage, window, (x, y)))
    parts = [each.outputs[0] for each in nodes[1::2]]
    nodes.append(node(Concatenate(2).quantize(parts, [y]), [p.name for p in parts], y))
    return network(case, nodes, [x], case.array(*INPUTS))


def _groups(
    case: Case, values: Ints, stage: OutputStage, window: Window, tensors: tuple[Tensor, Tensor]
) -> Iterator[QNode]:
    """Yield, for each group, what takes its channels, and their convolution."""
    x, y = tensors
    (height, width, channels), depth = x.shape, values.shape[-1]
    filters = len(values) * depth // channels
    for i in range(channels // depth):
        taken = Slice((whole(height), whole(width), Axis(i * depth, 1, depth)))
        part = tensor_of(f"x{i}", (height, width, depth), x.dtype, x.zero_point)
        yield node(taken.quantize([x], [part]), [x.name], part)
        rows = slice(i * filters, (i + 1) * filters)
        own = _rows(stage, rows)
        made = tensor_of(f"y{i}", (*y.shape[:2], filters), y.dtype, y.zero_point)
        yield node(QConv2D(_weights(case, values[rows], own), own, window), [part.name], made)


def depthwise(case: Case) -> Made:
    """Return a depthwise convolution."""
    filters, channels = _channels(case)
    source, made = picture(case, "INPUT", channels), picture(case, "OUTPUT", filters)
    size = pair(case, "FILTER", 1)
    x, y = ends(case, source, made)
    stage, window = _stage(case, filters), window_of(case, source, made, size)
    weights = _weights(case, _values(case, (*size, filters)), stage, axis=2)
    op = QDepthwiseConv2D(weights, stage, window, filters // channels)
    return chain(case, [op], [x], [y], case.array(*INPUTS))


def transposed(case: Case) -> Made:
    """Return a transposed convolution."""
    filters, channels = _channels(case)
    source, made = picture(case, "INPUT", channels), picture(case, "OUTPUT", filters)
    size, strides, first = pair(case, "FILTER", 1), pair(case, "STRIDE", 1), pair(case, "PAD", 0)
    last = [
        max((n - 1) * s + k - m - a, 0)
        for n, m, k, s, a in zip(source, made, size, strides, first, strict=False)
    ]
    window = Window(size, strides, Padding(first[0], last[0], first[1], last[1]))
    x, y = ends(case, source, made)
    stage = _stage(case, filters)
    weights = _weights(case, _values(case, (filters, *size, channels)), stage)
    op = QTransposeConv2D(weights, stage, window, (made[0], made[1]))
    return chain(case, [op], [x], [y], case.array(*INPUTS))


def dense(case: Case) -> Made:
    """Return a fully connected layer; it reads copies for weights beyond 8 bits."""
    units = case.number("OUT_CH")
    depth = case.number("ACCUMULATION_DEPTH", 0) or prod(
        case.number(name, 1) for name in ("IN_CH", "INPUT_W", "INPUT_H")
    )
    x, y = ends(case, (depth,), (units,))
    stage = _stage(case, units)
    parts = parts_of(_values(case, (units, depth)), 0)
    op = QDense(_weights(case, np.concatenate(parts, axis=1).astype(np.int64), stage), stage)
    if len(parts) == 1:
        return chain(case, [op], [x], [y], case.array(*INPUTS))
    copies = tensor_of("copies", (depth * len(parts),), x.dtype, x.zero_point)
    tile = Tile((len(parts),)).quantize([x], [copies])
    return chain(case, [tile, op], [x], [copies, y], case.array(*INPUTS))
