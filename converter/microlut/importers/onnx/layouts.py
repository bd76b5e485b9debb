"""Give the inputs and outputs of a network channels last where that saves transposes.

Each convolution was read between a transpose and one back. Passes let those between two layers
cancel, so that one at an input and one at an output remain: these are taken over by the program
that calls the network, whose pictures have channels last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod

from microlut.graph.ir import Graph, Node, single
from microlut.graph.passes.delay_moves import delay_moves
from microlut.graph.passes.drop_identity import drop_identity
from microlut.graph.passes.rewrite import free_name
from microlut.importers.movements import reordered
from microlut.ops.arrays import Shape
from microlut.ops.reshape import Reshape
from microlut.ops.tensor import Tensor
from microlut.ops.transpose import Transpose


def channels_last(graph: Graph) -> Graph:
    """Return the graph with channels last at each end at which fewer values are moved then.

    At other ends, such as the steps of an LSTM, the order stays. So it does where all sizes are
    equal, since nobody could tell one order from the other.
    """
    graph = replace(graph, output_orders=(None,) * len(graph.outputs))
    best, cost = graph, _moved(graph)
    for tensor in graph.inputs:
        if _has_channels(tensor.shape):
            other = _with_input(best, tensor)
            best, cost = _better(best, cost, other, _read_last(graph, tensor))
    for place, name in enumerate(graph.outputs):
        shape = graph.shape_of(name)
        if _has_channels(shape):
            other = _with_output(best, place, shape)
            best, cost = _better(best, cost, other, _made_last(graph, name))
    return best


def _has_channels(shape: Shape) -> bool:
    return len(shape) in (2, 3) and (len(set(shape)) > 1 or set(shape) == {1})


def _better(best: Graph, cost: int, other: Graph, preferred: bool) -> tuple[Graph, int]:
    """Return the graph that moves fewer values; of two that move as many, the preferred one."""
    found = _moved(other)
    return (other, found) if found < cost or (found == cost and preferred) else (best, cost)


def _moved(graph: Graph) -> int:
    """Return how many values transposes move that passes leave."""
    left = delay_moves(drop_identity(graph)).nodes
    return sum(prod(node.shape) for node in left if isinstance(node.op, Transpose))


def _with_input(graph: Graph, tensor: Tensor) -> Graph:
    rank = len(tensor.shape)
    last = (*tensor.shape[1:], tensor.shape[0])
    name = free_name(f"{tensor.name}_channels_first", set(graph.tensors()))
    move = single(name, reordered(last, [rank - 1, *range(rank - 1)]), (tensor.name,), tensor.shape)
    nodes = tuple(_reading(node, tensor.name, name) for node in graph.nodes)
    given = tuple(
        replace(each, shape=last, order=(rank - 1, *range(rank - 1))) if each == tensor else each
        for each in graph.inputs
    )
    outputs = tuple(name if each == tensor.name else each for each in graph.outputs)
    return replace(graph, inputs=given, nodes=(move, *nodes), outputs=outputs)


def _with_output(graph: Graph, place: int, shape: Shape) -> Graph:
    rank, old = len(shape), graph.outputs[place]
    name = free_name(f"{old}_channels_last", set(graph.tensors()))
    last = (*shape[1:], shape[0])
    move = single(name, reordered(shape, [*range(1, rank), 0]), (old,), last)
    outputs = tuple(name if i == place else each for i, each in enumerate(graph.outputs))
    order = (rank - 1, *range(rank - 1))
    orders = tuple(order if i == place else each for i, each in enumerate(graph.output_orders))
    return replace(graph, nodes=(*graph.nodes, move), outputs=outputs, output_orders=orders)


def _reading(node: Node, old: str, new: str) -> Node:
    return replace(node, inputs=tuple(new if name == old else name for name in node.inputs))


def _read_last(graph: Graph, tensor: Tensor) -> bool:
    """Return whether an input is read with channels last, perhaps after functions of its values."""
    same, last = {tensor.name}, (*tensor.shape[1:], tensor.shape[0])
    for node in graph.nodes:
        if same.isdisjoint(node.inputs):
            continue
        if _is_move(node) and node.shape == last:
            return True
        if node.shape == tensor.shape:
            same.add(node.output)
    return False


def _made_last(graph: Graph, name: str) -> bool:
    """Return whether an output is made with channels last, perhaps before such functions."""
    shape = graph.shape_of(name)
    last = (*shape[1:], shape[0])
    same = {name}
    for node in reversed(graph.nodes):
        if node.output not in same:
            continue
        sources = list(_shapes(graph, node))
        if _is_move(node) and sources[0][1] == last:
            return True
        same |= {source for source, found in sources if found == shape}
    return False


def _shapes(graph: Graph, node: Node) -> Iterator[tuple[str, Shape]]:
    return ((name, graph.shape_of(name)) for name in node.inputs)


def _is_move(node: Node) -> bool:
    return isinstance(node.op, Transpose | Reshape)
