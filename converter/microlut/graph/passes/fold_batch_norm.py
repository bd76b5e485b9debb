"""Folds batch normalization into the layer before it: `Graph` in, an equal, smaller `Graph` out.

y = (W x + b) * scale + offset = (W * scale) x + (b * scale + offset), computed in float64.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from microlut.graph.ir import (
    ActivationKind,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FloatArray,
    Graph,
    Node,
    Op,
    frozen_array,
)
from microlut.graph.passes.rewrite import rebuild, resolve, sole_consumer


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


def _folded(op: Op, norm: BatchNorm) -> Op | None:
    """Return an operator that computes `op` and then `norm`, or None when `op` cannot."""
    if not isinstance(op, Conv2D | DepthwiseConv2D | Dense):
        return None
    if op.activation is not ActivationKind.LINEAR:
        return None
    scale = norm.scale.astype(np.float64)
    # Output channels come first in these kernels, last in a depthwise one.
    last = isinstance(op, DepthwiseConv2D)
    by_output = scale if last else scale.reshape(-1, *[1] * (op.kernel.ndim - 1))
    return replace(
        op, kernel=_array(op.kernel * by_output), bias=_array(op.bias * scale + norm.offset)
    )


def _array(values: object) -> FloatArray:
    return cast(FloatArray, frozen_array(values))
