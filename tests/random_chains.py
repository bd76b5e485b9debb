"""Seeded random chains of layers that can run band by band, with residual sums in them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import random_graphs as rg
from microlut.integer import QuantizedGraph
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.conv2d import Conv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.windows import Window, same_padding
from microlut.plan.segments.build import Stretch, parts_of
from microlut.plan.sharing import last_uses

_KINDS = ("conv2d", "depthwise_conv2d", "conv2d", "max_pool2d", "average_pool2d")
_MOST_CHANNELS = 24


def chain_cases(count: int, seed: int) -> Iterator[rg.Case]:
    """Yield chains of three to eight layers, or residual blocks, of every number of bits."""
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        height, width = (int(n) for n in rng.integers(6, 20, 2))
        net = rg.Network(f"chain{i}", (height, width, int(rng.choice([1, 3, 4, 5, 8]))))
        for _ in range(int(rng.integers(3, 9))):
            _append(rng, net)
        yield net.case(rng, bits=2 + i % 7, granularity=i // 7 % 2)


def _append(rng: rg.Rng, net: rg.Network) -> None:
    """Append a layer, or a residual block of two or three."""
    if rng.random() < 0.3:
        start, shape = net.last, net.shape
        for _ in range(int(rng.integers(1, 3))):
            size = int(rng.choice([1, 3]))
            kernel = rg.weights(rng, (shape[2], size, size, shape[2]), 0)
            padding = same_padding(shape[:2], (size, size), (1, 1), (1, 1))
            op = Conv2D(kernel, rg.bias(rng, shape[2]), Window((size, size), padding=padding))
            net.add(op, shape)
        terms = (start, net.last) if rng.random() < 0.5 else (net.last, start)
        net.add(Add(list(ActivationKind)[rng.integers(3)]), shape, *terms)
        return
    _, make = rg.OPERATORS[str(rng.choice(_KINDS))]
    op, shape = make(rng, net.shape)
    if shape[2] <= _MOST_CHANNELS and shape[0] * shape[1] > 1:
        net.add(op, shape)


def expanding_case() -> rg.Case:
    """Return two blocks whose middle tensors are six times as large as those around them."""
    rng = np.random.default_rng(7)
    net = rg.Network("expanding", (16, 16, 4))
    for stride in (1, 2):
        start, shape = net.last, net.shape
        _convolve(rng, net, 24)
        window = _same(net.shape, 3, stride)
        kernel = rg.weights(rng, (3, 3, 24), 2)
        relu = ActivationKind.RELU
        op = DepthwiseConv2D(kernel, rg.bias(rng, 24), window, 1, relu)
        net.add(op, (*window.output_size(*net.shape[:2]), 24))
        _convolve(rng, net, 4)
        if net.shape == shape:
            net.add(Add(), shape, start, net.last)
    return net.case(rng, 4, 1)


def _convolve(rng: rg.Rng, net: rg.Network, filters: int) -> None:
    kernel = rg.weights(rng, (filters, 1, 1, net.shape[2]), 0)
    op = Conv2D(kernel, rg.bias(rng, filters), Window((1, 1)))
    net.add(op, (*net.shape[:2], filters))


def _same(shape: tuple[int, ...], size: int, stride: int) -> Window:
    sizes, strides = (size, size), (stride, stride)
    return Window(sizes, strides, same_padding((shape[0], shape[1]), sizes, strides, (1, 1)))


def random_stretches(graph: QuantizedGraph, seed: int) -> Iterator[Stretch]:
    """Yield stretches of nodes that can be segments, as long as possible or shorter."""
    rng, parts, last = np.random.default_rng(seed), parts_of(graph), last_uses(graph)
    first = 0
    while first < len(graph.nodes):
        ends = [
            end
            for end in range(first, len(graph.nodes))
            if all(node.name in parts for node in graph.nodes[first : end + 1])
            and all(last[node.name] <= end for node in graph.nodes[first:end])
        ]
        if ends:
            end = ends[-1] if rng.random() < 0.6 else int(rng.choice(ends))
            yield Stretch(first, end, int(rng.integers(1, 5)), bool(rng.integers(2)))
            first = end
        first += 1
