"""Small networks for the passes that remove channels, and a comparison of what they compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from graphs import make_node, net
from microlut.graph.evaluate import evaluate
from microlut.graph.ir import Graph, Node
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.mean import Mean
from microlut.ops.mul import Mul
from microlut.ops.pool2d import MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.windows import Padding, Window

RELU, LINEAR = ActivationKind.RELU, ActivationKind.LINEAR
SAME = Padding(1, 1, 1, 1)
Rng = np.random.Generator


def weights(rng: Rng, shape: Shape) -> NDArray[np.float32]:
    return frozen_array(rng.normal(0.0, 0.3, shape))


def conv(
    rng: Rng, filters: int, channels: int, padding: Padding = SAME, **options: object
) -> Conv2D:
    window = Window((3, 3), (1, 1), padding)
    kernel, bias = weights(rng, (filters, 3, 3, channels)), weights(rng, (filters,))
    return Conv2D(kernel, bias, window, **options)


def row(*steps: tuple[str, FloatOp], shape: Shape = (6, 5, 3)) -> Graph:
    """Return a network of layers one after the other."""
    nodes: list[Node] = []
    name, given = "x", shape
    for made, op in steps:
        (given,) = op.shapes((given,))
        nodes.append(make_node(made, op, (name,), given))
        name = made
    return net("net", "x", shape, tuple(nodes), name)


def compare(graph: Graph, pruned: Graph) -> Graph:
    """Compare outputs before and after, and return the smaller network."""
    rng = np.random.default_rng(7)
    x = rng.normal(size=(5, *graph.inputs[0].shape)).astype(np.float32)
    wanted = evaluate(graph, x)
    found = evaluate(pruned, x)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6 * np.abs(wanted).max())
    for node in pruned.nodes:
        known = pruned.tensors()
        assert node.op.shapes([known[name].shape for name in node.inputs]) == (node.shape,)
    return pruned


def channels(graph: Graph) -> dict[str, int]:
    return {node.name: node.shape[-1] for node in graph.nodes}


def random_network(rng: Rng, change: Callable[[Rng, FloatOp], FloatOp]) -> Graph:
    """Return a network with branches whose layers are changed."""
    shape: Shape = (6, 6, 3)
    nodes: list[Node] = []
    known = {"x": shape}

    def add(op: FloatOp, *inputs: str) -> str:
        name = f"n{len(nodes)}"
        (made,) = op.shapes([known[i] for i in inputs])
        nodes.append(make_node(name, op, inputs, made))
        known[name] = made
        return name

    def changed(op: FloatOp) -> FloatOp:
        return change(rng, op)

    def layer(source: str) -> str:
        h, w, c = known[source]
        kind = rng.integers(4)
        activation = (RELU, LINEAR)[rng.integers(2)]
        padding = (SAME, Padding())[rng.integers(2)] if min(h, w) > 4 else SAME
        if kind == 0:
            kernel, bias = weights(rng, (3, 3, 2 * c)), weights(rng, (2 * c,))
            window = Window((3, 3), (1, 1), padding)
            return add(changed(DepthwiseConv2D(kernel, bias, window, 2, activation)), source)
        if kind == 1:
            return add(
                (Sigmoid(), MaxPool2D(Window((3, 3), (1, 1), SAME)))[rng.integers(2)], source
            )
        return add(
            changed(conv(rng, int(rng.integers(2, 7)), c, padding, activation=activation)), source
        )

    makers: list[Callable[[str], str]] = [layer] * 3
    last = "x"
    for make in makers:
        last = make(last)
    c = known[last][-1]
    a, b = (add(changed(conv(rng, 4, c, activation=RELU)), last) for _ in range(2))
    last = add((Add(), Mul(LINEAR), Concatenate(2))[rng.integers(3)], a, b)
    last = layer(last)
    if rng.integers(2):
        last = add(Mean(), last)
    else:
        last = add(Reshape((int(np.prod(known[last])),)), last)
    size = known[last][-1]
    last = add(changed(Dense(weights(rng, (6, size)), weights(rng, (6,)), RELU)), last)
    last = add(Dense(weights(rng, (4, 6)), weights(rng, (4,))), last)
    return net("net", "x", shape, tuple(nodes), last)
