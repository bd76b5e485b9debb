"""Fuse a ReLU with the operator before it."""

from __future__ import annotations

from dataclasses import replace

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild, resolve, sole_consumer
from microlut.ops.activation import ActivationKind, Fusing
from microlut.ops.relu import Relu


def fuse_activation(graph: Graph) -> Graph:
    """Return the graph with each Relu fused that is the only reader of a fusible operator."""
    made: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        producer = made.get(resolve(node.inputs[0], renamed))
        if (
            isinstance(node.op, Relu)
            and producer is not None
            and isinstance(producer.op, Fusing)
            and sole_consumer(graph, node.inputs[0])
        ):
            kind = _both(producer.op.activation, node.op.activation)
            made[producer.name] = replace(producer, op=producer.op.with_activation(kind))
            renamed[node.name] = producer.name
        else:
            made[node.name] = node
    return rebuild(graph, made.values(), renamed)


def _both(first: ActivationKind, second: ActivationKind) -> ActivationKind:
    """Return the activation equivalent to two in a row: ReLU6 also clips all that ReLU clips."""
    return ActivationKind.RELU6 if ActivationKind.RELU6 in (first, second) else second
