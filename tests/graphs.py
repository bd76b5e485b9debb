"""Short ways to write graphs with one input and one output, as most tests do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch, by_name
from microlut.graph.ir import Graph, Node, single
from microlut.integer.graph import QNode, QuantizedGraph
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp
from microlut.ops.batch_norm import ChannelStatistics
from microlut.ops.tensor import Quantization, Tensor


def make_node(
    name: str,
    op: FloatOp,
    inputs: tuple[str, ...],
    shape: Shape,
    statistics: ChannelStatistics | None = None,
) -> Node:
    """Return a node with one output of its own name."""
    return replace(single(name, op, inputs, shape), statistics=statistics)


def net(name: str, x: str, shape: Shape, nodes: Sequence[Node], output: str) -> Graph:
    """Return a float graph that reads `x`."""
    return Graph(name, (Tensor(x, shape),), tuple(nodes), (output,))


def make_qnode(
    name: str, op: IntegerOp, inputs: tuple[str, ...], shape: Shape, quantization: Quantization
) -> QNode:
    """Return a node with one int8 output of its own name."""
    return QNode(name, op, inputs, (Tensor(name, shape, "int8", quantization),))


def qnet(
    name: str, x: str, shape: Shape, own: Quantization, nodes: Sequence[QNode], output: str
) -> QuantizedGraph:
    """Return a quantized graph that reads `x`."""
    return QuantizedGraph(name, (Tensor(x, shape, "int8", own),), tuple(nodes), (output,))


def ends(shape: Shape) -> tuple[Tensor, ...]:
    """Return the inputs of a model that reads one tensor of a shape."""
    return (Tensor("x", shape),)


def run_float(op: FloatOp, *inputs: FloatArray) -> FloatArray:
    """Return the only output [batch, ...] of an operator."""
    (output,) = op.evaluate(list(inputs))
    return output


def run_integer(
    op: IntegerOp,
    arrays: Sequence[IntArray],
    points: Sequence[int] = (),
    point: int = 0,
    scale: float = 1.0,
) -> IntArray:
    """Return the only output [batch, ...] of an operator, given its tensors' zero points."""
    points = points or (0,) * len(arrays)
    inputs = [
        Tensor(f"x{i}", x.shape[1:], "int8", Quantization(scale, zero))
        for i, (x, zero) in enumerate(zip(arrays, points, strict=True))
    ]
    (shape,) = op.shapes([tensor.shape for tensor in inputs])
    made = (Tensor("y", shape, "int8", Quantization(scale, point)),)
    (output,) = op.evaluate(list(arrays), inputs, made)
    return output


def as_batch(graph: Graph | QuantizedGraph, x: FloatArray | IntArray) -> Batch:
    """Return the values of a graph's only input by its name."""
    return Batch(by_name(graph.inputs, x))


def output_of(graph: Graph | QuantizedGraph) -> Tensor:
    """Return the only output of a graph."""
    (tensor,) = graph.output_tensors().values()
    return tensor


def input_limits(graph: Graph, limits: tuple[float, float]) -> dict[str, tuple[float, float]]:
    """Return the same range for all inputs of a graph."""
    return dict.fromkeys((tensor.name for tensor in graph.inputs), limits)


def all_tensors(graph: Graph, x: FloatArray) -> Mapping[str, FloatArray]:
    """Return every tensor of a graph by name."""
    found: dict[str, FloatArray] = {}
    for _, made in floats.walk(graph, np.asarray(x)):
        found.update(made)
    return found
