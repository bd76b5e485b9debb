"""A small residual classifier with all operators that have weights, prepared, and its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

import random_graphs as rg
from graphs import as_batch
from microlut.conversion.layer_choices import LayerChoice
from microlut.conversion.prepared import Prepared
from microlut.graph.ir import Graph
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import FloatArray
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.pool2d import AveragePool2D
from microlut.ops.reshape import Reshape
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Padding, Window
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.weights import WeightConfig

CLASSES = 5
SHAPE = (7, 6, 3)


def narrow() -> Graph:
    """Return a classifier [4] in which all depends on 16 weights, and most of the others less."""
    rng = np.random.default_rng(3)
    net = rg.Network("narrow", (4,))
    for columns, rows in pairwise((4, 4, 64, 64, 10)):
        kernel = rng.normal(0, 1, (rows, columns)).astype(np.float32)
        net.add(Dense(kernel, np.zeros(rows, np.float32), ActivationKind.RELU), (rows,))
    net.add(Softmax(), (10,))
    return net.graph()


def classifier(softmax: bool = True, classes: int = CLASSES) -> Graph:
    """Return the network: two convolutions, a depthwise one, a sum, a dense layer."""
    rng = np.random.default_rng(1)

    def draw(*shape: int) -> FloatArray:
        return rng.normal(0, np.prod(shape[1:]) ** -0.5, shape).astype(np.float32)

    net, same = rg.Network("net", SHAPE), Padding(1, 1, 1, 1)
    relu, window = ActivationKind.RELU, Window((3, 3), (1, 1), same)
    net.add(Conv2D(draw(8, 3, 3, 3), draw(8) / 4, window, relu), (7, 6, 8))
    start = net.last
    kernel = rng.normal(0, 0.3, (3, 3, 8)).astype(np.float32)
    net.add(DepthwiseConv2D(kernel, draw(8), window, 1, relu), (7, 6, 8))
    net.add(Conv2D(draw(8, 1, 1, 8), draw(8) / 4, Window((1, 1))), (7, 6, 8))
    net.add(Add(relu), (7, 6, 8), start, net.last)
    net.add(AveragePool2D(Window((7, 6), (7, 6))), (1, 1, 8))
    net.add(Reshape((8,)), (8,))
    kernel = 4 * draw(classes, 8)
    kernel -= kernel.mean(axis=1, keepdims=True)  # or one class would always win
    net.add(Dense(kernel, draw(classes) / 4), (classes,))
    if softmax:
        net.add(Softmax(), (classes,))
    return net.graph()


def pictures(count: int = 40, seed: int = 0) -> FloatArray:
    """Return inputs [count, ...] whose means differ, so that the classes do."""
    rng = np.random.default_rng(seed)
    means = rng.normal(0, 1, (count, 1, 1, SHAPE[2]))
    return (means + rng.normal(0, 0.7, (count, *SHAPE))).astype(np.float32)


def choices(
    graph: Graph, config: WeightConfig, pinned: Mapping[str, WeightConfig] | None = None
) -> dict[str, LayerChoice]:
    """Return `config` for every layer but those that are pinned."""
    pins = pinned or {}
    return {
        node.name: LayerChoice(pins.get(node.name, config), node.name in pins)
        for node, _ in graph.weighted()
    }


def prepared(
    graph: Graph | None = None,
    samples: FloatArray | None = None,
    config: WeightConfig | None = None,
    pinned: Mapping[str, WeightConfig] | None = None,
) -> Prepared:
    """Return a network that is ready to be quantized by its samples."""
    graph = graph or classifier()
    samples = pictures() if samples is None else samples
    layers = choices(graph, config or WeightConfig(), pinned)
    inputs = as_batch(graph, samples)
    return Prepared(graph, calibrate(graph, samples), inputs, inputs, layers, "min-max")
