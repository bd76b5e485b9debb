"""Networks of one operator many times, to measure what its kernel takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from random_dense import random_dense

from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, Node, single
from microlut.integer import QNode, QuantizedGraph
from microlut.ops import FLOAT_OPERATORS
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.cells import GATES
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.gather import Gather
from microlut.ops.linear import Linear
from microlut.ops.movement import Axis
from microlut.ops.overlap import engine_overlap
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.relu import Relu
from microlut.ops.repeat import Repeat
from microlut.ops.requantize import Requantize
from microlut.ops.resize_bilinear import ResizeBilinear
from microlut.ops.slice import Slice
from microlut.ops.svdf import QSvdf
from microlut.ops.tensor import Activation, FixedRange, Quantization, Tensor
from microlut.ops.tile import Tile as TileOperator
from microlut.ops.transpose import Transpose
from microlut.ops.transpose_conv2d import TransposeConv2D
from microlut.ops.weights import QuantizedWeights
from microlut.ops.windows import Padding, Window
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.types import computes_int16
from microlut.quantize.weights import WeightConfig

_SHAPES = 9  # of an operator that is measured alone
_ONE_AROUND = Padding(1, 1, 1, 1)
_SCALE = Quantization(0.05, 3)
_SCALES: Mapping[Activation, Quantization] = {
    "int8": _SCALE,
    "int16": Quantization(float(np.float32(0.0002)), 0),
}

# Operators that have no options by default, by the number of the example.
_EXAMPLES: Mapping[type[FloatOp], Callable[[int], FloatOp]] = {
    AveragePool2D: lambda i: AveragePool2D(Window((1 + i % 2, 2), (1 + i % 2, 1))),
    Gather: lambda i: Gather(i % 3, ((0, 1), (1, 0, 0), (1,), (1, 0, 1, 1, 0, 1))[i % 4]),
    MaxPool2D: lambda i: MaxPool2D(Window((1 + i % 2, 2), (1 + i % 2, 1))),
    Pad: lambda i: Pad(Padding(i % 3, 1, 2 - i % 2, i % 2)),
    Relu: lambda i: Relu(ActivationKind.RELU),
    Repeat: lambda i: Repeat(((2, 1, 1), (1, 2, 1), (3, 2, 1), (1, 1, 3))[i % 4]),
    ResizeBilinear: lambda i: ResizeBilinear(3 + i, 11 - i),
    Slice: lambda i: Slice((Axis(i % 2, 1, 1), Axis(1, -1, 2), Axis(0, 1, 1 + i % 2))),
    TileOperator: lambda i: TileOperator(((2, 1, 1), (1, 2, 1), (3, 2, 1), (1, 1, 3))[i % 4]),
    Transpose: lambda i: Transpose(((1, 0, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0))[i % 4]),
}

Random = np.random.Generator


def operator_network(name: str) -> QuantizedGraph:
    """Return a network of one operator many times, each time on inputs of its own."""
    module, dtype = name.removesuffix("_16"), _type_of(name)
    if name == "dense":
        return _dense_network()
    if name == "winograd":
        return _winograd_network()
    if module in _WEIGHTED:
        return _weighted_network(name, _WEIGHTED[module], dtype)
    rng = np.random.default_rng(2026)
    inputs: list[Tensor] = []
    nodes: list[QNode] = []
    if module == "recurrent":
        return _recurrent_network(rng, name, dtype)
    if name == "svdf":
        return _svdf_network(rng)
    kinds = [op for op in FLOAT_OPERATORS if op.__module__.endswith(f".{module}")]
    for kind in (op for op in kinds if dtype == "int8" or computes_int16(op)):
        for number in range(len(nodes), len(nodes) + _SHAPES):
            pixel = number % 3 == 2 and kind.operands == 2 and kind.scale_rule == "own"
            operands = kind.operands or int(rng.integers(2, 4))
            tensors = _random_tensors(rng, operands, number, pixel, dtype)
            shapes = [tensor.shape for tensor in tensors]
            example = _EXAMPLES.get(kind)
            op = example(number) if example else kind.example(shapes)
            rule = op.scale_rule
            made_type: Activation = "int16" if kind is Requantize else dtype
            fixed = rule.quantization(dtype) if isinstance(rule, FixedRange) else _SCALES[made_type]
            output = Tensor(f"y{number}", op.shapes(shapes)[0], made_type, fixed)
            made = op.quantize(tensors, [output])
            nodes.append(QNode(output.name, made, tuple(t.name for t in tensors), (output,)))
            inputs += tensors
    return QuantizedGraph(name, tuple(inputs), tuple(nodes), tuple(n.output for n in nodes))


def _type_of(name: str) -> Activation:
    """Return the type of the tensors that a measured operator is named for."""
    return "int16" if name.endswith("_16") else "int8"


def _recurrent_network(rng: Random, name: str, dtype: Activation) -> QuantizedGraph:
    """Return a network of recurrent layers of all cells, of random sizes and bits."""
    inputs, nodes = [], []
    for number, cell in enumerate(list(GATES) * _SHAPES):
        steps, features, units = (int(n) for n in rng.integers(2, 25, 3))
        rows, bits = GATES[cell] * units, int(rng.integers(2, 9))
        shape = rows, features + units
        indices = rng.integers(0, 1 << bits, shape).astype(np.uint8)
        book = None if bits == 8 else np.sort(rng.integers(-127, 128, 1 << bits)).astype(np.int8)
        scales = np.full(rows, 0.01, np.float32)
        bias = rng.integers(-999, 999, rows).astype(np.int32)
        first = 2 * units if cell == "gru" else rows
        op = QRecurrent(
            weights=QuantizedWeights(shape, bits, indices, book, scales),
            own_scales=(scales[0].item(),) * GATES[cell],
            bias=bias,
            recurrent_bias=np.where(np.arange(rows) < first, 0, bias).astype(np.int32),
            cell=cell,
            power=-12,
            sequences=number % 2 == 0,
            backwards=number % 3 == 0,
            flipped=False,
        )
        x = Tensor(f"x{number}", (steps, features), dtype, _SCALES[dtype])
        end = FixedRange(-1.0, 1.0).quantization(dtype)
        output = Tensor(f"y{number}", op.shapes([x.shape])[0], dtype, end)
        nodes.append(QNode(output.name, op, (x.name,), (output,)))
        inputs.append(x)
    return QuantizedGraph(name, tuple(inputs), tuple(nodes), tuple(n.output for n in nodes))


def _svdf_network(rng: Random) -> QuantizedGraph:
    """Return a network of filters over time of both types, of random sizes and bits."""
    inputs: list[Tensor] = []
    nodes = []
    for number in range(6 * _SHAPES):
        wide = number % 2 == 1
        features, units, memory = (int(n) for n in rng.integers(2, 33, 3))
        filters, bits = units * int(rng.integers(1, 4)), int(rng.integers(2, 9))
        shape = filters, features + (0 if wide else memory)
        indices = rng.integers(0, 1 << bits, shape).astype(np.uint8)
        book = None if bits == 8 else np.sort(rng.integers(-127, 128, 1 << bits)).astype(np.int8)
        op = QSvdf(
            QuantizedWeights(shape, bits, indices, book, np.full(filters, 0.0078125, np.float32)),
            rng.integers(-999, 999, units).astype(np.int32),
            memory,
            0.0078125,
            rng.integers(-999, 999, (filters, memory)).astype(np.int16) if wide else None,
        )
        dtype: Activation = "int16" if wide else "int8"
        x = Tensor(f"x{number}", (features,), "int8", _SCALE)
        state = Tensor(f"state{number}", (filters, memory - 1), dtype, _SCALES[dtype])
        made = Tensor(f"y{number}", (units,), "int8", _SCALE), replace(state, name=f"next{number}")
        nodes.append(QNode(made[0].name, op, (x.name, state.name), made))
        inputs += [x, state]
    return QuantizedGraph("svdf", tuple(inputs), tuple(nodes), tuple(n.output for n in nodes))


def _dense_network() -> QuantizedGraph:
    """Return a network of dense layers of all bits, with and without tables and overlaps."""
    rng = np.random.default_rng(2026)
    inputs, nodes = [], []
    kinds = [(bits, False) for bits in range(2, 9)] + [(bits, True) for bits in range(2, 5)]
    for number, ((bits, overlapping), large) in enumerate(product(kinds, (0, 0, 1, 1))):
        many = rng.integers(64, 80), rng.integers(340, 420)
        few = rng.integers(1, 40), rng.integers(1, 60)
        shape = tuple(int(n) for n in (many if large else few))
        overlap = engine_overlap(shape, bits) if overlapping else 0
        op = random_dense(rng, shape, bits, overlap, 1e-4, 126 + number % 2)
        x = Tensor(f"x{number}", (shape[1],), "int8", _SCALE)
        output = Tensor(f"y{number}", (shape[0],), "int8", _SCALE)
        nodes.append(QNode(output.name, op, (x.name,), (output,)))
        inputs.append(x)
    return QuantizedGraph("dense", tuple(inputs), tuple(nodes), tuple(n.output for n in nodes))


def _winograd_network() -> QuantizedGraph:
    """Return a network of 3x3 convolutions of all bits that run by Winograd's method."""
    rng = np.random.default_rng(2026)
    inputs, nodes, bits = [], [], {}
    for number in range(28):
        depth, filters = 4 * int(rng.integers(1, 13)), int(rng.integers(2, 49))
        shape = (*(int(n) for n in rng.integers(3, 13, 2)), depth)
        weights = rng.normal(size=(filters, 3, 3, depth)).astype(np.float32)
        op = Conv2D(weights, np.zeros(filters, np.float32), Window((3, 3), padding=_ONE_AROUND))
        inputs.append(Tensor(f"x{number}", shape))
        nodes.append(single(f"y{number}", op, (f"x{number}",), op.shapes([shape])[0]))
        bits[f"y{number}"] = WeightConfig(2 + number % 7, method="fitted")
    return _quantized("winograd", inputs, nodes, bits, rng)


def _weighted_network(
    name: str, make: Callable[[Random, Shape], Linear], dtype: Activation
) -> QuantizedGraph:
    """Return a network of one operator with weights many times, each time on an input."""
    rng = np.random.default_rng(2026)
    inputs: list[Tensor] = []
    nodes: list[Node] = []
    for number in range(2 * _SHAPES):
        shape = tuple(
            int(n) for n in (*rng.integers(2, 9, 2), rng.choice([1, 3, 4, 8, 13, 16, 24]))
        )
        op = make(rng, shape)
        inputs.append(Tensor(f"x{number}", shape))
        nodes.append(single(f"y{number}", op, (f"x{number}",), op.shapes([shape])[0]))
    return _quantized(name, inputs, nodes, WeightConfig(4, method="fitted"), rng, dtype)


def _quantized(
    name: str,
    inputs: Sequence[Tensor],
    nodes: Sequence[Node],
    config: WeightConfig | Mapping[str, WeightConfig],
    rng: Random,
    dtype: Activation = "int8",
) -> QuantizedGraph:
    graph = Graph(name, tuple(inputs), tuple(nodes), tuple(node.name for node in nodes))
    arrays = {t.name: rng.normal(size=(4, *t.shape)).astype(np.float32) for t in inputs}
    samples = Batch(arrays)
    ranges = calibrate(graph, samples).typed(dict.fromkeys(graph.tensors(), dtype))
    return quantize(graph, ranges, samples, config)


def _random_transposed(rng: Random, shape: Shape) -> TransposeConv2D:
    kernel = tuple(int(n) for n in rng.integers(1, 6, 2))
    strides = tuple(int(n) for n in rng.integers(1, 4, 2))
    filters = int(rng.integers(1, 18))
    size = tuple(n * s + max(k - s, 0) for n, k, s in zip(shape, kernel, strides, strict=False))
    weights = rng.normal(size=(filters, *kernel, shape[2])).astype(np.float32)
    window = Window(kernel, strides)
    return TransposeConv2D(weights, np.zeros(filters, np.float32), window, size)


def _random_window(rng: Random, shape: Shape) -> Window:
    size = tuple(
        int(rng.integers(1, n)) for n in shape[:2]
    )  # a whole picture would be a dense layer
    return Window((size[0], size[1]))


def _random_convolution(rng: Random, shape: Shape) -> Conv2D:
    window, filters = _random_window(rng, shape), int(rng.integers(1, 18))
    weights = rng.normal(size=(filters, *window.size, shape[2])).astype(np.float32)
    return Conv2D(weights, np.zeros(filters, np.float32), window)


def _random_depthwise(rng: Random, shape: Shape) -> DepthwiseConv2D:
    window = _random_window(rng, shape)
    weights = rng.normal(size=(*window.size, shape[2])).astype(np.float32)
    return DepthwiseConv2D(weights, np.zeros(shape[2], np.float32), window)


def _random_dense(rng: Random, shape: Shape) -> Dense:
    units = int(rng.integers(1, 40))
    weights = rng.normal(size=(units, shape[2])).astype(np.float32)
    return Dense(weights, np.zeros(units, np.float32))


# Those of int8 but the first are measured in the random networks.
_WEIGHTED: dict[str, Callable[[Random, Shape], Linear]] = {
    "transpose_conv2d": _random_transposed,
    "conv2d": _random_convolution,
    "depthwise_conv2d": _random_depthwise,
    "dense": _random_dense,
}


def _random_tensors(
    rng: Random, count: int, number: int, pixel: bool, dtype: Activation
) -> tuple[Tensor, ...]:
    """Return inputs of one shape; the last may be one `pixel`, which is broadcast."""
    shape = tuple(int(n) for n in rng.integers(2, 13, 3))
    shapes = [shape] * count
    if pixel:
        shapes[-1] = (1, 1, shape[-1])
    scale = _SCALES[dtype]
    return tuple(Tensor(f"x{number}_{i}", s, dtype, scale) for i, s in enumerate(shapes))
