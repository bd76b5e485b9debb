"""Seeded random networks: every operator, odd shapes, all bits, zero points at both ends.

A `Case` is what the quantization stage takes; `quantized` and `int8_inputs` are what the integer
interpreter, the planner and the C engine take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from graphs import make_node, net
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch, only
from microlut.graph.ir import Graph, Node
from microlut.integer import QuantizedGraph, from_bytes
from microlut.integer.evaluate import evaluate
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.mean import Mean
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Padding, Window, same_padding
from microlut.quantize.ranges.measure import Ranges, calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig

Rng = np.random.Generator
SAMPLES = 4
_MOST_COLUMNS = 300  # weights a filter: error feedback inverts a matrix of that size


@dataclass(frozen=True)
class Case:
    """A float network with ranges, calibration samples and a weight configuration."""

    name: str
    graph: Graph
    ranges: Ranges
    samples: FloatArray
    config: WeightConfig

    def quantized(self) -> QuantizedGraph:
        return self._quantized

    @cached_property
    def _quantized(self) -> QuantizedGraph:
        return quantize(self.graph, self.ranges, self.samples, self.config)


def int8_batch(graph: QuantizedGraph, seed: int, count: int = 3) -> Batch:
    """Return random inputs over all of int8; the last two are the constants -128 and 127."""
    rng = np.random.default_rng(seed)
    tensors = {tensor.name: tensor for tensor in graph.inputs}
    values = rng.integers(-128, 128, (count, sum(t.bytes for t in graph.inputs)), dtype=np.int8)
    values[-1], values[-2] = 127, -128
    return from_bytes(tensors, values)


def int8_inputs(graph: QuantizedGraph, seed: int, count: int = 3) -> NDArray[np.int8]:
    """Return such values of the only input."""
    return only(int8_batch(graph, seed, count))


def operator_cases(kind: str, count: int, seed: int = 0) -> Iterator[Case]:
    """Yield `count` networks of the one operator `kind`, a key of OPERATORS."""
    shape_of, make = OPERATORS[kind]
    for i in range(count):
        rng = np.random.default_rng([seed, i, *kind.encode()])
        net = Network(f"{kind}{i}", shape_of(rng))
        op, shape = make(rng, net.input_shape)
        net.add(op, shape, *([net.last] * (2 if isinstance(op, Add) else 1)))
        yield net.case(rng, bits=2 + i % 7, granularity=i % 2)


def network_cases(count: int, seed: int = 0) -> Iterator[Case]:
    """Yield `count` networks of several operators, with branches, from picture to softmax."""
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        net = Network(f"net{i}", picture(rng))
        for _ in range(int(rng.integers(2, 6))):
            _random_block(rng, net)
        if i % 4 == 1:
            op, shape = mean(rng, net.shape)
            net.add(op, shape)
        op, shape = dense(rng, net.shape)
        net.add(op, shape)
        if rng.random() < 0.5:
            net.add(Softmax(), shape)
        yield net.case(rng, bits=2 + i % 7, granularity=i // 7 % 2)


class Network:
    """A graph under construction; a node's name starts with the graph's, so models can be mixed."""

    def __init__(self, name: str, input_shape: Shape) -> None:
        self.name, self.input_shape = name, input_shape
        self.nodes: list[Node] = []

    @property
    def input_name(self) -> str:
        return f"{self.name}_input"

    @property
    def last(self) -> str:
        return self.nodes[-1].name if self.nodes else self.input_name

    @property
    def shape(self) -> Shape:
        return self.nodes[-1].shape if self.nodes else self.input_shape

    def add(self, op: FloatOp, shape: Shape, *inputs: str) -> str:
        name = f"{self.name}_{len(self.nodes)}_{type(op).__name__.lower()}"
        self.nodes.append(make_node(name, op, inputs or (self.last,), shape))
        return name

    def graph(self) -> Graph:
        return net(self.name, self.input_name, self.input_shape, tuple(self.nodes), self.last)

    def case(self, rng: Rng, bits: int, granularity: int) -> Case:
        graph = self.graph()
        spread = 10.0 ** rng.uniform(-1, 1.5)
        samples = rng.normal(rng.normal(), 1, (SAMPLES, *self.input_shape)) * spread
        samples = samples.astype(np.float32)
        limits = {
            name: bend(rng, *limit) for name, limit in calibrate(graph, samples).limits.items()
        }
        config = WeightConfig(bits, ("tensor", "channel")[granularity])
        return Case(self.name, graph, Ranges(limits), samples, config)


def bend(rng: Rng, low: float, high: float) -> tuple[float, float]:
    """Return the range as it is or altered: one-sided, too tight, too wide or of one value."""
    size = max(abs(low), abs(high))
    kinds = ((low, high),) * 8 + ((0.0, size), (-size, 0.0), (low / 4, high / 4), (low * 9, high))
    return kinds[rng.integers(len(kinds))]


def picture(rng: Rng) -> Shape:
    height, width = rng.integers(1, 14, 2)
    return int(height), int(width), int(rng.choice([1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 33]))


def vectors(rng: Rng) -> Shape:
    """Return [inputs] or [height, width, inputs]."""
    inputs = int(rng.choice([1, 2, 3, 5, 8, 13, 64, 100, 257]))
    outer = tuple(int(n) for n in rng.integers(1, 5, 2))
    return (inputs,) if rng.random() < 0.6 else (*outer, inputs)


def logits(rng: Rng) -> Shape:
    length = int(rng.choice([1, 2, 3, 10, 12, 100, 255, 256, 300]))
    return (length,) if rng.random() < 0.6 else (int(rng.integers(1, 4)), 2, length)


def activation(rng: Rng) -> ActivationKind:
    return list(ActivationKind)[rng.integers(3)]


def window(rng: Rng, shape: Shape, explicit: bool = True) -> Window:
    """Return a window that fits `shape`: same, valid or explicit padding, strides, dilation."""
    dilation = (int(rng.integers(1, 3)), int(rng.integers(1, 3))) if explicit else (1, 1)
    strides = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    kind = rng.choice(["same", "valid", "explicit"] if explicit else ["same", "valid"])
    wanted = int(rng.choice([1, 1, 2, 3, 5, 10, 11])), int(rng.choice([1, 1, 2, 3, 4, 7]))
    padding = Padding(*(int(n) for n in rng.integers(0, 4, 4))) if kind == "explicit" else Padding()
    room = shape[0] + padding.top + padding.bottom, shape[1] + padding.left + padding.right
    if kind == "same":
        return Window(wanted, strides, same_padding(shape[:2], wanted, strides, dilation), dilation)
    size = [min(k, (n - 1) // d + 1) for k, n, d in zip(wanted, room, dilation, strict=True)]
    return Window((size[0], size[1]), strides, padding, dilation)


def weights(rng: Rng, shape: Shape, axis: int) -> FloatArray:
    """Return bell-shaped weights whose channels differ in scale."""
    draw = rng.normal if rng.random() < 0.5 else rng.laplace
    channels = np.moveaxis(draw(size=shape), axis, -1)
    fan_in = channels.size / channels.shape[-1]
    channels = channels * 10.0 ** rng.uniform(-1.5, 0.5, channels.shape[-1]) / fan_in**0.5
    return frozen_array(np.moveaxis(channels, -1, axis))


def bias(rng: Rng, channels: int) -> FloatArray:
    return frozen_array(rng.normal(size=channels) * 10.0 ** rng.uniform(-2, 0.5, channels))


def conv2d(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    w, filters = window(rng, shape), int(rng.choice([1, 2, 3, 4, 5, 8, 9, 16, 33]))
    while w.size[0] * w.size[1] * shape[2] > _MOST_COLUMNS:
        w = window(rng, shape)
    kernel = weights(rng, (filters, *w.size, shape[2]), 0)
    op = Conv2D(kernel, bias(rng, filters), w, activation(rng))
    return op, (*w.output_size(*shape[:2]), filters)


def depthwise_conv2d(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    w, multiplier = window(rng, shape), int(rng.integers(1, 4))
    channels = shape[2] * multiplier
    kernel = weights(rng, (*w.size, channels), 2)
    op = DepthwiseConv2D(kernel, bias(rng, channels), w, multiplier, activation(rng))
    return op, (*w.output_size(*shape[:2]), channels)


def dense(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    units = int(rng.choice([1, 1, 2, 3, 4, 7, 10, 33]))
    kernel = weights(rng, (units, shape[-1]), 0)
    return Dense(kernel, bias(rng, units), activation(rng)), (*shape[:-1], units)


def add(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    return Add(activation(rng)), shape


def _pool(
    kind: type[MaxPool2D] | type[AveragePool2D],
) -> Callable[[Rng, Shape], tuple[FloatOp, Shape]]:
    def make(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
        w = window(rng, shape, explicit=False)
        return kind(w, activation(rng)), (*w.output_size(*shape[:2]), shape[2])

    return make


def mean(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    return Mean(), (1, 1, shape[2])


def relu(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    return Relu(activation=list(ActivationKind)[rng.integers(1, 3)]), shape


def pad(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    p = Padding(*(int(n) for n in rng.integers(0, 4, 4)))
    return Pad(p), (shape[0] + p.top + p.bottom, shape[1] + p.left + p.right, shape[2])


def softmax(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    return Softmax(), shape


def reshape(rng: Rng, shape: Shape) -> tuple[FloatOp, Shape]:
    flat = (shape[0] * shape[1], shape[2])
    return Reshape(flat), flat


OPERATORS: dict[
    str, tuple[Callable[[Rng], Shape], Callable[[Rng, Shape], tuple[FloatOp, Shape]]]
] = {
    "conv2d": (picture, conv2d),
    "depthwise_conv2d": (picture, depthwise_conv2d),
    "dense": (vectors, dense),
    "add": (picture, add),
    "max_pool2d": (picture, _pool(MaxPool2D)),
    "average_pool2d": (picture, _pool(AveragePool2D)),
    "mean": (picture, mean),
    "relu": (picture, relu),
    "pad": (picture, pad),
    "softmax": (logits, softmax),
    "reshape": (picture, reshape),
}


def _random_block(rng: Rng, net: Network) -> None:
    """Append one operator, or two branches and their sum."""
    if rng.random() < 0.4:
        start, shape = net.last, net.shape
        kernel = weights(rng, (shape[2], 1, 1, shape[2]), 0)
        branch = net.add(Conv2D(kernel, bias(rng, shape[2]), Window((1, 1))), shape)
        net.add(Relu(ActivationKind.RELU), shape)
        other = net.last if rng.random() < 0.5 else branch
        net.add(
            Add(activation(rng)), shape, *((start, other) if rng.random() < 0.5 else (other, start))
        )
        if rng.random() < 0.3:
            net.add(Add(), shape, net.last, start)
        return
    last = ("mean", "reshape")  # leave nothing to be convolved
    kinds = [kind for kind, (of, _) in OPERATORS.items() if of is picture and kind not in last]
    op, shape = OPERATORS[str(rng.choice(kinds))][1](rng, net.shape)
    if shape[2] > 40:
        return
    net.add(op, shape, *([net.last] * (2 if isinstance(op, Add) else 1)))


def wide_cases(seed: int = 0) -> Iterator[Case]:
    """Yield layers of many channels, convolutions and depthwise ones, all bits and both rounds."""
    for i, channels in enumerate((1, 12, 63, 64, 100, 127, 130) * 4):
        rng = np.random.default_rng([seed, i, 1])
        net = Network(f"wide{i}", (int(rng.integers(1, 9)), int(rng.integers(1, 7)), channels))
        act, strides = activation(rng), (1 + i % 3, 1 + i // 3 % 3)
        if i % 2:
            _convolve(rng, net, int(rng.choice([1, 6, 65, 130])), (1, 1 + i // 7 % 2), strides, act)
        else:
            _convolve_depthwise(rng, net, (3, 3), (strides[0], 1 + i // 14), act)
        yield net.case(rng, bits=2 + i % 7, granularity=i // 7 % 2)


def line_cases(seed: int = 0) -> Iterator[Case]:
    """Yield depthwise layers along time or a row that end with few outputs, of all bits."""
    for i, channels in enumerate((1, 3, 4, 7, 20, 33, 66)):
        rng = np.random.default_rng([seed, i, 2])
        length = int(rng.integers(30, 60))
        net = Network(f"lines{i}", (length, 1, channels) if i % 3 else (1, length, channels))
        for size, strides, dilation in ((4, 2, 1), (5, 1, 2), (7, 1, 1)):
            _convolve_line(rng, net, size, strides, dilation)
        left = max(net.shape[:2]) - int(rng.integers(0, 3))  # up to three outputs
        _convolve_line(rng, net, left, 1, 1)
        _convolve_depthwise(rng, net, (1 + i % 4, 1 + i % 3))
        yield net.case(rng, bits=2 + i, granularity=i % 2)


def _convolve_line(rng: Rng, net: Network, size: int, stride: int, dilation: int) -> None:
    """Add a depthwise convolution along the longer side, with padding now and then."""
    down = net.shape[0] > 1
    before = int(rng.integers(0, 2)) * dilation
    w = Window(
        (size, 1) if down else (1, size),
        (stride, 1) if down else (1, stride),
        Padding(before, 0, 0, 0) if down else Padding(0, 0, before, 0),
        (dilation, 1) if down else (1, dilation),
    )
    kernel = weights(rng, (*w.size, net.shape[2]), 2)
    op = DepthwiseConv2D(kernel, bias(rng, net.shape[2]), w, 1, ActivationKind.LINEAR)
    net.add(op, (*w.output_size(*net.shape[:2]), net.shape[2]))


def kernel_case(bits: int, granularity: int) -> Case:
    """Return a network that takes every path of the kernels with weights.

    It has byte and word gathering, layers in place, additions that convolutions do, as left and as
    right term, and every form of rounding.
    """
    return _telling(
        lambda attempt: _kernels(bits, granularity, np.random.default_rng([bits, attempt]))
    )


def _kernels(bits: int, granularity: int, rng: Rng) -> Case:
    net = Network(f"kernels{bits}{granularity}", (11, 6, 1))
    relu, none = ActivationKind.RELU, ActivationKind.LINEAR
    _convolve(rng, net, 24, (10, 4), activation=relu)
    _convolve_depthwise(rng, net, (3, 3), activation=relu)
    start = _convolve(rng, net, 24, (1, 1), activation=relu)
    _convolve(rng, net, 12, (1, 3), activation=ActivationKind.RELU6)
    branch = _convolve(rng, net, 24, (3, 3), activation=none)
    net.add(Add(relu), net.shape, start, branch)
    start = _convolve_depthwise(rng, net, (3, 3), (2, 2), activation=none)
    _convolve_depthwise(rng, net, (5, 2), activation=none)
    branch = _convolve(rng, net, 24, (1, 1), activation=none)
    net.add(Add(), net.shape, branch, start)
    _convolve(rng, net, 67, (3, 2), (1, 3), none)
    _convolve(rng, net, 5, (1, 1), activation=none)
    return net.case(rng, bits, granularity)


def _convolve(
    rng: Rng,
    net: Network,
    filters: int,
    size: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    activation: ActivationKind = ActivationKind.LINEAR,
) -> str:
    w = Window(size, strides, same_padding(net.shape[:2], size, strides, (1, 1)))
    kernel = weights(rng, (filters, *size, net.shape[2]), 0)
    op = Conv2D(kernel, bias(rng, filters), w, activation)
    return net.add(op, (*w.output_size(*net.shape[:2]), filters))


def _convolve_depthwise(
    rng: Rng,
    net: Network,
    size: tuple[int, int],
    strides: tuple[int, int] = (1, 1),
    activation: ActivationKind = ActivationKind.LINEAR,
) -> str:
    w = Window(size, strides, same_padding(net.shape[:2], size, strides, (1, 1)))
    kernel = weights(rng, (*size, net.shape[2]), 2)
    op = DepthwiseConv2D(kernel, bias(rng, net.shape[2]), w, 1, activation)
    return net.add(op, (*w.output_size(*net.shape[:2]), net.shape[2]))


def every_operator_case(bits: int, seed: int = 0) -> Case:
    """Return a network in which every operator occurs and whose outputs depend on its inputs."""
    return _telling(
        lambda attempt: _every_operator(bits, np.random.default_rng([seed, bits, attempt]))
    )


def _telling(make: Callable[[int], Case]) -> Case:
    """Return the first of some networks whose outputs differ between inputs."""
    for case in map(make, range(100)):
        # Plain int8 weights take a hundredth of the time of fitted ones.
        if _tells(replace(case, config=WeightConfig(8))) and _tells(case):
            return case
    raise AssertionError("no attempt gave a network that tells its inputs apart")


def _tells(case: Case) -> bool:
    """Return whether the outputs of a network differ between inputs."""
    try:
        q = case.quantized()
    except UnsupportedModel:  # a softmax of what does not vary
        return False
    y = evaluate(q, int8_inputs(q, 0, count=8))
    return len(np.unique(y, axis=0)) >= 6 and len(np.unique(y)) > 20


def _every_operator(bits: int, rng: Rng) -> Case:
    net = Network(f"every{bits}", (13, 12, 5))
    same = same_padding((13, 12), (3, 3), (1, 1), (1, 1))
    kernel = weights(rng, (7, 3, 3, 5), 0)
    net.add(Conv2D(kernel, bias(rng, 7), Window((3, 3), (1, 1), same)), (13, 12, 7))
    for kind in ("relu", "depthwise_conv2d", "pad", "add", "softmax", "conv2d", "max_pool2d"):
        op, shape = OPERATORS[kind][1](rng, net.shape)
        net.add(op, shape, *([net.last] * (2 if isinstance(op, Add) else 1)))
    for kind in ("average_pool2d", "mean"):
        op, shape = OPERATORS[kind][1](rng, net.shape)
        net.add(op, shape)
    net.add(Reshape((int(np.prod(shape)),)), (int(np.prod(shape)),))
    net.add(Dense(weights(rng, (11, net.shape[0]), 0), bias(rng, 11)), (11,))
    return net.case(rng, bits, granularity=bits % 2)
