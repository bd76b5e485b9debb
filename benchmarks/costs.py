"""Fit the costs of the planner's primitive operations on every core, with random networks.

    .venv/bin/python benchmarks/costs.py [--networks 36] [--boards mps2-an385 ...] [--write]
    .venv/bin/python benchmarks/costs.py --operators mul sigmoid --write

Networks of random layers, bits and tiles run once in QEMU, which counts the instructions of every
kernel call. Non-negative least squares of the relative errors then give the cost of each operation.
Every fifth network is held out: the printed table has the errors of the estimates on these.
`--write` writes the costs to converter/microlut/plan/costs.json. Takes about 7 minutes.

With `--operators`, only these are measured, as networks of one layer each, and the costs of all
others stay: that is what a new operator needs. `NAME_16` is an operator between int16 tensors.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from documents import ROOT
from random_dense import random_dense
from scipy.optimize import nnls

import microlut
from microlut.codegen.names import identifier
from microlut.codegen.render import render
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, Node, single
from microlut.integer import QNode, QuantizedGraph, from_bytes, to_bytes
from microlut.integer import evaluate as int_ops
from microlut.ops import FLOAT_OPERATORS
from microlut.ops.activation import ActivationKind
from microlut.ops.add import QAdd
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.cells import GATES
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.gather import Gather
from microlut.ops.linear import Linear, QLinear
from microlut.ops.movement import Axis
from microlut.ops.overlap import engine_overlap
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.relu import Relu
from microlut.ops.repeat import Repeat
from microlut.ops.requantize import Requantize
from microlut.ops.resize_bilinear import ResizeBilinear
from microlut.ops.slice import Slice
from microlut.ops.tensor import Activation, FixedRange, Quantization, Tensor
from microlut.ops.tile import Tile as TileOperator
from microlut.ops.transpose import Transpose
from microlut.ops.transpose_conv2d import TransposeConv2D
from microlut.ops.weights import QuantizedWeights
from microlut.ops.windows import Padding, Window
from microlut.plan import Goal, Plan, make_plan
from microlut.plan.cost import assume_quick
from microlut.plan.kernels import Call, Tile, calls_of, kernel_for
from microlut.plan.kernels.base import Work
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.types import computes_int16
from microlut.quantize.weights import WeightConfig
from microlut.running.emulators import Task, run_image
from microlut.toolchain.build import build

# One for each core with its own files, and RISC-V for portable C.
BOARDS = ("mps2-an385-m0plus", "mps2-an385", "mps2-an386", "mps3-an547", "riscv-virt")
_ASIDE = 5  # every fifth network is held out
_LAYERS = 14
_PRODUCTS = 1_500_000  # of a network
_WEIGHTS = 40_000  # of a dense layer
_FLOOR = 300  # instructions; errors of smaller calls count less
_SHAPES = 9  # of an operator that is measured alone
_ONE_AROUND = Padding(1, 1, 1, 1)
_SCALE = Quantization(0.05, 3)
_SCALES: Mapping[Activation, Quantization] = {
    "int8": _SCALE,
    "int16": Quantization(float(np.float32(0.0002)), 0),
}
_FILE = ROOT / "converter" / "microlut" / "plan" / "costs.json"

# Operators that have no options by default, by the number of the example.
_EXAMPLES: Mapping[type[FloatOp], Callable[[int], FloatOp]] = {
    AveragePool2D: lambda i: AveragePool2D(Window((1 + i % 2, 2), (1 + i % 2, 1))),
    Gather: lambda i: Gather(i % 3, ((0, 1), (1, 0, 0), (1,), (1, 0, 1, 1, 0, 1))[i % 4]),
    MaxPool2D: lambda i: MaxPool2D(Window((1 + i % 2, 2), (1 + i % 2, 1))),
    Relu: lambda i: Relu(ActivationKind.RELU),
    Repeat: lambda i: Repeat(((2, 1, 1), (1, 2, 1), (3, 2, 1), (1, 1, 3))[i % 4]),
    ResizeBilinear: lambda i: ResizeBilinear(3 + i, 11 - i),
    Slice: lambda i: Slice((Axis(i % 2, 1, 1), Axis(1, -1, 2), Axis(0, 1, 1 + i % 2))),
    TileOperator: lambda i: TileOperator(((2, 1, 1), (1, 2, 1), (3, 2, 1), (1, 1, 3))[i % 4]),
    Transpose: lambda i: Transpose(((1, 0, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0))[i % 4]),
}

Random = np.random.Generator
Costs = dict[str, float]  # instructions per operation, by its name


@dataclass(frozen=True, slots=True)
class Sample:
    """One kernel call: the network's number, the call, and its instructions."""

    network: int
    call: Call[Any]
    tile: Tile
    core: str
    instructions: int

    @property
    def work(self) -> Work:
        """Return how often each part of the kernel ran."""
        return kernel_for(self.call).work(self.call, self.tile, self.core)

    def predicted(self, costs: Costs) -> float:
        """Return the instructions that the costs predict."""
        return sum(costs[part] * count for part, count in self.work.items())


def random_network(number: int) -> tuple[object, list[str]]:
    """Return a Keras model, and its layers with weights."""
    import keras
    from keras import layers

    rng = np.random.default_rng([number, 2026])
    keras.utils.set_random_seed(number)
    size = (*(int(n) for n in rng.integers(6, 33, 2)), int(rng.choice([1, 1, 3, 4, 8])))
    image = keras.Input(size)
    x = layers.ReLU()(image) if number % 4 == 0 else image
    for i in range(_LAYERS):
        y = _random_layer(rng, x, deep=i > 0 and rng.random() < 0.35)
        if y is None:
            break
        if y.shape == x.shape and rng.random() < 0.6:
            y = layers.Add()([y, x])
        elif rng.random() < 0.3:
            y = _with_branch(rng, y)
        if min(y.shape[1:3]) > 8 and rng.random() < 0.2:
            pool = layers.MaxPooling2D if rng.random() < 0.5 else layers.AveragePooling2D
            y = pool(int(rng.integers(2, 4)))(layers.ZeroPadding2D(1)(y))
            y = layers.ReLU()(y)
        x = y
    if rng.random() < 0.5 or np.prod(x.shape[1:]) > _WEIGHTS // 10:
        x = layers.GlobalAveragePooling2D()(x)
    x = layers.Flatten()(x)
    for _ in range(2):
        units = int(rng.integers(2, max(3, min(100, _WEIGHTS // x.shape[-1]))))
        x = layers.Dense(units, kernel_initializer="he_normal", bias_initializer="random_normal")(x)
    model = keras.Model(image, layers.Softmax()(x))
    weighted = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
    return model, [layer.name for layer in model.layers if isinstance(layer, weighted)]


def _with_branch(rng: Random, x: object) -> object:
    """Return the sum of a tensor and two convolutions of it; the last one can compute it."""
    from keras import layers

    y = _random_layer(rng, x, deep=True)
    shape = x.shape[1:]
    kernel = _random_kernel(rng, *y.shape[1:3], often_3x3=True)
    if y.shape[1:3] != shape[:2] or _most_filters(y.shape[1:], 1, kernel) < shape[2]:
        return x
    y = layers.Conv2D(shape[2], kernel, padding="same", kernel_initializer="he_normal")(y)
    return layers.ReLU()(layers.Add()([y, x]))


def _most_filters(shape: tuple[int, ...], stride: int, kernel: tuple[int, int]) -> int:
    height, width, depth = shape
    pixels = -(-height // stride) * -(-width // stride)
    return _PRODUCTS // (6 * pixels * kernel[0] * kernel[1] * depth)


def _random_layer(rng: Random, x: object, *, deep: bool) -> object | None:
    """Return a convolution's output, depthwise if `deep`; None if it would be too large."""
    from keras import layers

    height, width = x.shape[1:3]
    kernel = _random_kernel(rng, height, width, often_3x3=deep)
    stride = 2 if min(height, width) > 8 and rng.random() < 0.2 else 1
    padding = str(rng.choice(["same", "same", "same", "valid"]))
    activation = str(rng.choice(["linear", "relu", "relu", "relu6"]))
    if deep:
        many = int(rng.choice([1, 1, 1, 2]))
        y = layers.DepthwiseConv2D(
            *(kernel, stride, padding, many), depthwise_initializer="he_normal"
        )(x)
        return layers.Activation(activation)(y)
    most = _most_filters(x.shape[1:], stride, kernel)
    filters = min(most, int(rng.choice([rng.integers(1, 17), 4 * rng.integers(1, 25)])))
    if filters == 0:
        return None
    y = layers.Conv2D(*(filters, kernel, stride, padding), kernel_initializer="he_normal")(x)
    return layers.Activation(activation)(y)


def _random_kernel(rng: Random, height: int, width: int, *, often_3x3: bool) -> tuple[int, int]:
    shares = (0.1, 0.75, 0.15) if often_3x3 else (0.35, 0.4, 0.25)
    drawn = rng.choice(["1x1", "3x3", "any"], p=shares)
    if drawn == "1x1" or min(height, width) < 3:
        return 1, 1
    if drawn == "3x3":
        return 3, 3
    return int(rng.integers(1, min(height, 8) + 1)), int(rng.integers(1, min(width, 6) + 1))


def converted(number: int, folder: Path) -> microlut.Conversion:
    """Return a network with random bits and forms, planned for speed, for RAM or in between."""
    model, names = random_network(number)
    rng = np.random.default_rng(number)
    settings = folder / "microlut.toml"
    lines = [f'[layers."{name}"]\nbits = {rng.integers(2, 9)}\n' for name in names]
    settings.write_text("".join(lines), encoding="utf-8")
    options = {"method": "fitted", "input_range": (-1.0, 1.0), "settings": settings}
    conversion = microlut.convert(model, **options)
    graph = _with_rare_forms(conversion.quantized, rng)
    least, most = (make_plan(graph, Goal(goal), bands=False) for goal in ("ram", "speed"))
    middle = Goal(max_ram=(least.arena_bytes + most.arena_bytes) // 2)
    plan = (least, most, make_plan(graph, middle, bands=False))[number % 3]
    return replace(conversion, quantized=graph, plan=plan, sources=render(plan))


def _with_rare_forms(graph: QuantizedGraph, rng: Random) -> QuantizedGraph:
    """Return the graph with limits of some outputs that rule out quick rounding."""
    nodes = list(graph.nodes)
    for i, node in enumerate(nodes):
        if rng.random() < 0.2:
            if isinstance(node.op, QAdd):
                nodes[i] = replace(node, op=replace(node.op, maximum=126))
            elif isinstance(node.op, QLinear):
                stage = replace(node.op.output, maximum=126)
                nodes[i] = replace(node, op=replace(node.op, output=stage))
    return replace(graph, nodes=tuple(nodes))


def measured(
    number: int, conversion: microlut.Conversion, boards: Sequence[microlut.Board]
) -> Iterator[Sample]:
    """Yield the kernel calls of a network on every board.

    Raises:
        SystemExit: The outputs differ from the integer interpreter's.
    """
    quantized = conversion.quantized
    rng = np.random.default_rng(number)
    x = rng.integers(-128, 128, (1, *quantized.inputs[0].shape), dtype=np.int8)
    wanted = int_ops.evaluate(quantized, x).reshape(1, -1)
    with tempfile.TemporaryDirectory() as folder:
        project = microlut.write(conversion, Path(folder) / "out")
        for board in boards:
            image = microlut.build(project, board)
            caller = f"{project.prefix}_run"
            task = Task(image.elf, board, x.reshape(1, -1), wanted.shape[1], caller=caller)
            result = run_image(task)
            if not np.array_equal(result.outputs, wanted):
                raise SystemExit(f"network {number} on {board.id}: wrong outputs")
            called = [step.node.name for step in conversion.plan.steps if step.is_called]
            took = dict(zip(called, result.pieces[0][1:-1], strict=True))
            for name, call, tile in kernel_calls(conversion.plan):
                if name in took:
                    yield Sample(number, call, tile, board.core.value, took[name])


def kernel_calls(plan: Plan) -> Iterator[tuple[str, Call[Any], Tile]]:
    """Yield the name of each step's node, its call and its tile."""
    for step in plan.steps:
        tile = Tile(step.tile, step.scratch_bytes, step.rows, winograd=step.winograd)
        yield step.node.name, step.call, tile


def fit(samples: Sequence[Sample]) -> Costs:
    """Return the costs by non-negative least squares of relative errors."""
    works = [sample.work for sample in samples]
    parts = sorted({part for found in works for part in found})
    wanted = np.array([sample.instructions for sample in samples], dtype=np.float64)
    importance = 1.0 / np.maximum(wanted, _FLOOR)
    counts = np.array([[found.get(part, 0.0) for part in parts] for found in works])
    rows = counts * importance[:, None]
    size = np.maximum(np.linalg.norm(rows, axis=0), 1e-12)  # for a well-conditioned problem
    solution, _ = nnls(rows / size, wanted * importance, maxiter=100 * len(parts))
    found = zip(parts, solution / size, strict=True)
    return {part: round(float(cost), 2) for part, cost in found}


def operator_samples(name: str, boards: Sequence[microlut.Board]) -> Iterator[Sample]:
    """Yield the kernel calls of an operator on random tensors, all in one network.

    Raises:
        SystemExit: The outputs differ from the integer interpreter's.
    """
    graph = operator_network(name)
    for call in calls_of(graph).values():
        kernel, core = kernel_for(call), boards[0].core.value
        for tile in (next(kernel.tiles(call)), *kernel.winograd_tiles(call)):
            assume_quick(kernel.work(call, tile, core))
    winograd = name == "winograd"
    plan = make_plan(graph, Goal("speed" if winograd else "balanced"), bands=not winograd)
    given = {tensor.name: tensor for tensor in graph.inputs}
    x = np.random.default_rng(0).integers(-128, 128, (1, sum(t.bytes for t in graph.inputs)))
    x = x.astype(np.int8)
    wanted = to_bytes(int_ops.outputs(graph, from_bytes(given, x)))
    prefix = identifier(graph.name)
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "model"
        sources.mkdir()
        for file, text in render(plan).items():
            (sources / file).write_text(text, encoding="utf-8")
        for board in boards:
            image = build(sources, prefix, board, Path(folder) / board.id)
            task = Task(image.elf, board, x, wanted.shape[1], caller=f"{prefix}_run")
            result = run_image(task)
            if not np.array_equal(result.outputs, wanted):
                raise SystemExit(f"{name} on {board.id}: wrong outputs")
            core = board.core.value
            calls = [c for c in kernel_calls(plan) if kernel_for(c[1]).is_called(c[1])]
            _, *counts, _ = result.pieces[0]
            for (_, call, tile), count in zip(calls, counts, strict=True):
                if tile.winograd == winograd:
                    yield Sample(0, call, tile, core, count)


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
    if name == "recurrent":
        return _recurrent_network(rng)
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


def _recurrent_network(rng: Random) -> QuantizedGraph:
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
        x = Tensor(f"x{number}", (steps, features), "int8", _SCALE)
        end = FixedRange(-1.0, 1.0).quantization("int8")
        output = Tensor(f"y{number}", op.shapes([x.shape])[0], "int8", end)
        nodes.append(QNode(output.name, op, (x.name,), (output,)))
        inputs.append(x)
    return QuantizedGraph("recurrent", tuple(inputs), tuple(nodes), tuple(n.output for n in nodes))


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


def with_new_parts(known: dict[str, Costs], samples: Sequence[Sample]) -> dict[str, Costs]:
    """Return the costs with those of the samples' parts."""
    by_core = defaultdict[str, list[Sample]](list)
    for sample in samples:
        by_core[sample.core].append(sample)
    return {
        core: costs if core not in by_core else {**costs, **fit(by_core[core])}
        for core, costs in known.items()
    }


def table(kept: dict[str, list[Sample]], costs: dict[str, Costs]) -> str:
    """Return the errors on the held-out networks as a Markdown table."""
    lines = [
        "| core | networks | largest error of one | calls | their errors: median | 90 % within |",
        "|---|---|---|---|---|---|",
    ]
    for core, samples in kept.items():
        wanted = np.array([sample.instructions for sample in samples])
        found = np.array([sample.predicted(costs[core]) for sample in samples])
        number = np.array([sample.network for sample in samples])
        networks = np.unique(number)
        whole = [found[number == n].sum() / wanted[number == n].sum() - 1.0 for n in networks]
        errors = 100.0 * np.abs(found / wanted - 1.0)
        lines.append(
            f"| {core} | {len(networks)} | {100 * np.abs(whole).max():.1f} % | {len(samples)} "
            f"| {np.median(errors):.1f} % | {np.percentile(errors, 90):.1f} % |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, fit, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=36)
    parser.add_argument("--boards", nargs="+", default=list(BOARDS))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--operators", nargs="+")
    arguments = parser.parse_args()
    boards = [microlut.load_board(name) for name in arguments.boards]
    if arguments.operators:
        samples = [s for name in arguments.operators for s in operator_samples(name, boards)]
        known = json.loads(_FILE.read_text(encoding="utf-8"))
        costs = with_new_parts(known, samples)
        if arguments.write:
            _FILE.write_text(json.dumps(costs, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        kept = {core: [s for s in samples if s.core == core] for core in known}
        print(table({core: found for core, found in kept.items() if found}, costs))
        return
    fitted, kept = defaultdict[str, list[Sample]](list), defaultdict[str, list[Sample]](list)
    for number in range(arguments.networks):
        with tempfile.TemporaryDirectory() as name:
            conversion = converted(number, Path(name))
        for sample in measured(number, conversion, boards):
            (kept if number % _ASIDE == _ASIDE - 1 else fitted)[sample.core].append(sample)
        print(f"network {number + 1} of {arguments.networks}", flush=True)
    costs = {core: fit(samples) for core, samples in fitted.items()}
    if arguments.write:
        _FILE.write_text(json.dumps(costs, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print("\n" + table(kept, costs))


if __name__ == "__main__":
    main()
