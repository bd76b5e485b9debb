"""Seeded layers with weights, drawn as integers: all kernel sizes, channels, bits and zero points.

Unlike random_graphs.py, nothing is quantized: indices, codebooks, scales, biases and limits are
drawn as flash may hold them, also where no training would lead to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from graphs import make_qnode, qnet
from microlut.integer import QNode, QuantizedGraph, folded_bias
from microlut.integer.packing import row_bytes, unpack_rows
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import Shape
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.fixed_point import channel_multipliers
from microlut.ops.linear import QLinear
from microlut.ops.overlap import engine_overlap
from microlut.ops.tensor import Quantization, Tensor
from microlut.ops.weights import OutputStage, QuantizedWeights
from microlut.ops.windows import Padding, Window, same_padding
from microlut.quantize.compact import round_bias, round_scales

KERNELS = tuple((height, width) for height in range(1, 12) for width in range(1, 8))
_COMMON = ((1, 1), (3, 3))  # which have kernels of their own, some without padding or dilation
_MOST_WEIGHTS = 5_000  # of a layer
_MOST_PIXELS = 24  # of an output
_MOST_CHANNELS = 130
_TYPICAL = 75.0  # size of an input less its zero point, and of a weight

Rng = np.random.Generator
Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Draw:
    """One case: its name, its randomness and what its layers have in common."""

    name: str
    rng: Rng
    bits: int
    granularity: int
    overlapping: bool
    source: Quantization


def layer_cases(kind: str, numbers: Iterable[int], seed: int) -> Iterator[QuantizedGraph]:
    """Yield a network for each number, of one layer, or of two convolutions and their sum.

    Bits, granularity and kernels follow from the number: 0 to 76 have all sizes up to 11x7, with
    strides, padding and dilation; from 77 on, sizes are common ones without dilation.
    """
    for i in numbers:
        rng = np.random.default_rng([seed, i, *kind.encode()])
        source = Quantization(0.05, _zero_point(rng))
        draw = _Draw(f"{kind}{i}", rng, 2 + (i + i // 7) % 7, i % 2, i % 2 == 1, source)
        if kind == "dense":
            yield _dense(draw)
            continue
        common = i >= len(KERNELS)
        kernel = _COMMON[i // 2 % 2] if common else KERNELS[i * 25 % len(KERNELS)]
        window, size = (_common_window if common else _any_window)(rng, kernel)
        yield (_convolution if kind == "conv2d" else _depthwise)(draw, window, size)


def winograd_cases(numbers: Iterable[int], seed: int) -> Iterator[QuantizedGraph]:
    """Yield networks as above of 3x3 kernels without stride over channels in fours."""
    for i in numbers:
        rng = np.random.default_rng([seed, i])
        source = Quantization(0.05, _zero_point(rng))
        draw = _Draw(f"winograd{i}", rng, 2 + (i + i // 7) % 7, i % 2, i % 2 == 1, source)
        size = int(rng.integers(2, 12)), int(rng.integers(2, 12))
        least = [max(0, 3 - n) for n in size for _ in range(2)]  # on either side
        padding = Padding(*(int(n) for n in rng.integers(least, 3)))
        window = Window((3, 3), padding=Padding(1, 1, 1, 1) if i % 3 else padding)
        yield _convolution(draw, window, size, depth=4 * int(rng.integers(1, 10)))


def _zero_point(rng: Rng) -> int:
    """Return a zero point; both ends are frequent."""
    return int(rng.choice([-128, 127, 0, rng.integers(-128, 128)]))


def _channels(rng: Rng) -> int:
    """Return a number of channels: up to 16, of which many fit in a tile, or any."""
    return int(rng.integers(1, rng.choice([16, _MOST_CHANNELS]) + 1))


def _common_window(rng: Rng, kernel: Size) -> tuple[Window, Size]:
    size = int(rng.integers(3, 12)), int(rng.integers(3, 12))
    step = int(rng.choice([1, 1, 1, 2]))
    strides = (step, int(rng.integers(1, 3))) if rng.random() < 0.3 else (step, step)
    same = same_padding(size, kernel, strides, (1, 1))
    return Window(kernel, strides, same if rng.random() < 0.7 else Padding()), size


def _any_window(rng: Rng, kernel: Size) -> tuple[Window, Size]:
    """Return a window of strides and dilation up to 3, and the size of a picture that it fits."""
    height = int(rng.integers(1, 8))
    outputs = height, min(int(rng.integers(1, 8)), _MOST_PIXELS // height)
    strides = [int(n) for n in rng.integers(1, 4, 2)]
    dilation = [int(n) for n in rng.choice([1, 1, 2, 3], 2)]
    size, padding = [], []
    for n, stride, k, step in zip(outputs, strides, kernel, dilation, strict=True):
        span = (k - 1) * step + 1
        padded = (n - 1) * stride + span
        before = int(rng.integers(0, min(span, padded)))
        after = int(rng.integers(0, min(span, padded - before)))
        size.append(padded - before - after)
        padding += [before, after]
    window = Window(kernel, (strides[0], strides[1]), Padding(*padding), (dilation[0], dilation[1]))
    return window, (size[0], size[1])


def _convolution(draw: _Draw, window: Window, size: Size, depth: int = 0) -> QuantizedGraph:
    rng, positions = draw.rng, window.size[0] * window.size[1]
    channels = depth or min(_channels(rng), _MOST_WEIGHTS // positions)
    columns = positions * channels
    filters = min(_channels(rng), max(1, _MOST_WEIGHTS // columns))
    shape = (*window.output_size(*size), filters)
    nodes = []
    for i in range(2 if rng.random() < 0.25 else 1):
        weights = _weights(draw, (filters, *window.size, channels), (filters, columns))
        nodes.append(_node(draw, i, QConv2D(weights, _stage(draw, filters), window), shape))
    if len(nodes) == 2:
        nodes.append(_sum(draw, nodes))
    return _graph(draw, (*size, channels), nodes)


def _depthwise(draw: _Draw, window: Window, size: Size) -> QuantizedGraph:
    rng, multiplier = draw.rng, int(draw.rng.choice([1, 1, 1, 2, 3]))
    inputs = min(_channels(rng), _MOST_CHANNELS // multiplier)
    channels, positions = inputs * multiplier, window.size[0] * window.size[1]
    weights = _weights(draw, (*window.size, channels), (positions, channels))
    op = QDepthwiseConv2D(weights, _stage(draw, channels), window, multiplier)
    node = _node(draw, 0, op, (*window.output_size(*size), channels))
    return _graph(draw, (*size, inputs), [node])


def _dense(draw: _Draw) -> QuantizedGraph:
    rng = draw.rng
    inputs = int(rng.integers(1, 700))
    units = min(_channels(rng), max(1, _MOST_WEIGHTS // inputs))
    outer = [int(n) for n in rng.integers(1, 4, 2 if rng.random() < 0.3 else 0)]
    op = QDense(_weights(draw, (units, inputs), (units, inputs)), _stage(draw, units))
    return _graph(draw, (*outer, inputs), [_node(draw, 0, op, (*outer, units))])


def _graph(draw: _Draw, shape: Shape, nodes: list[QNode]) -> QuantizedGraph:
    name = draw.name
    return qnet(name, f"{name}_x", shape, draw.source, tuple(nodes), nodes[-1].name)


def _weights(draw: _Draw, shape: Shape, flat: tuple[int, int]) -> QuantizedWeights:
    """Return random indices of a codebook, or int8 weights; every second case has overlaps."""
    rng, bits = draw.rng, draw.bits
    overlap = engine_overlap(shape, bits) if draw.overlapping else 0
    codebook = None
    if bits < 8:
        inner = rng.choice(np.arange(-126, 127), (1 << bits + overlap) - 2, replace=False)
        codebook = np.sort(np.array([-127, *inner, 127], np.int8))
    if overlap > 0:
        codebook = rng.permutation(codebook)
    packed = rng.integers(0, 256, (flat[0], row_bytes(flat[1], bits)), np.uint8)
    indices = unpack_rows(packed, flat[1], bits, overlap)
    channels = shape[-1] if len(shape) == 3 else shape[0]
    scales = np.ones(channels, np.float32)
    return QuantizedWeights(shape, bits, indices, codebook, scales, overlap=overlap)


def _stage(draw: _Draw, channels: int) -> OutputStage:
    """Return an output stage without multipliers."""
    none = np.zeros(channels, np.int32)
    return OutputStage(none, none, none.astype(np.int8), -128, 127)


def _node(draw: _Draw, number: int, op: QLinear, shape: Shape) -> QNode:
    """Return a layer with scales, biases and limits; some sums go far beyond their output."""
    rng, source, channels = draw.rng, draw.source, len(op.output.bias)
    output = Quantization(float(np.float32(rng.uniform(0.01, 0.2))), _zero_point(rng))
    products = op.weights.indices.size // channels
    spread = _TYPICAL**2 * products**0.5  # of sums
    # The engine takes factors with which sums need less than 32 bits; a channel's may be tripled.
    largest = 2.0**31 / (16 * 128 * 256 * products)
    factor = min(20.0 / spread * 10.0 ** rng.choice([0, 0, 0, 0, 0, 1, 5]), largest)
    wanted = np.full(channels, factor * output.scale / source.scale)
    if draw.granularity:
        wanted *= 10.0 ** rng.uniform(-0.5, 0.5, channels)
    scales = round_scales(wanted, source.scale, output.scale)
    multiplier, shift = channel_multipliers(source.scale, scales, output.scale)
    low = output.zero_point if rng.random() < 0.3 and output.zero_point < 127 else -128
    high = int(rng.integers(low, 128)) if rng.random() < 0.15 else 127
    stage = OutputStage(op.output.bias, multiplier, shift, low, high)
    op = replace(op, weights=replace(op.weights, scales=scales), output=stage)
    bias = rng.normal(0, spread, channels).astype(np.int32)
    if rng.random() < 0.7:  # else as it is, which 16 bits seldom hold
        fold = folded_bias(op, source.zero_point)
        bias = round_bias(bias, fold, scales, source.scale / output.scale)
    op = replace(op, output=replace(stage, bias=bias))
    return make_qnode(f"{draw.name}_{number}", op, (f"{draw.name}_x",), shape, output)


def _sum(draw: _Draw, terms: list[QNode]) -> QNode:
    """Return the sum of two layers, in either order."""
    rng, name = draw.rng, f"{draw.name}_sum"
    terms = terms if rng.random() < 0.5 else terms[::-1]
    output = Quantization(0.1, _zero_point(rng))
    activation = list(ActivationKind)[rng.integers(3)]
    names = tuple(term.name for term in terms)
    made = (Tensor(name, terms[0].shape, "int8", output),)
    op = Add(activation).quantize([term.outputs[0] for term in terms], made)
    return make_qnode(name, op, names, terms[0].shape, output)


def layer_inputs(graph: QuantizedGraph) -> NDArray[np.int8]:
    """Return two inputs: one of all values, one of -128 and 127 only."""
    rng = np.random.default_rng(list(graph.name.encode()))
    drawn = rng.integers(-128, 128, (2, *graph.inputs[0].shape)).astype(np.int8)
    drawn[1] = np.where(drawn[1] < 0, -128, 127)
    return drawn
