"""Fold batch normalization into the layer before it.

y = (W x + b) * scale + offset = (W * scale) x + (b * scale + offset), computed in float64.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild, resolve, sole_consumer
from microlut.ops.activation import ActivationKind
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.linear import Linear


def fold_batch_norm(graph: Graph) -> Graph:
    """Return the graph with each BatchNorm folded that reads a convolution or dense layer."""
    made: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        made[node.name] = node
        if not isinstance(node.op, BatchNorm):
            continue
        producer = made.get(resolve(node.inputs[0], renamed))
        alone = sole_consumer(graph, node.inputs[0]) is not None
        folded = _folded(producer.op, node.op) if producer and alone else None
        if producer is not None and folded is not None:
            made[producer.name] = replace(producer, op=folded, statistics=node.op.statistics)
            renamed[node.name] = producer.name
            del made[node.name]
    return rebuild(graph, made.values(), renamed)


def _folded(op: FloatOp, norm: BatchNorm) -> FloatOp | None:
    """Return an operator that computes `op` and then `norm`, or None if `op` cannot."""
    if not isinstance(op, Linear) or op.activation is not ActivationKind.LINEAR:
        return None
    scale = norm.scale.astype(np.float64)
    return op.with_weights(op.kernel * op.by_channel(scale), op.bias * scale + norm.offset)
