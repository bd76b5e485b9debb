"""Removes batch normalization: `Graph` in, an equal `Graph` without BatchNorm out.

y = (W x + b) * scale + offset = (W * scale) x + (b * scale + offset), computed in float64.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import cast

import numpy as np

from microlut.ir import (
    ActivationKind,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    FloatArray,
    Graph,
    Node,
    Op,
    Reshape,
    Window,
    frozen_array,
)
from microlut.passes.rewrite import rebuild, resolve, sole_consumer


def fold_batch_norm(graph: Graph) -> Graph:
    """Return the graph with each BatchNorm folded into a neighbour.

    First choice is the convolution or dense layer before it, second the dense layer after it; one
    that has neither becomes a 1x1 depthwise convolution.
    """
    made: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    later: dict[str, BatchNorm] = {}
    for node in graph.nodes:
        if not isinstance(node.op, BatchNorm):
            pending = later.pop(node.inputs[0], None)
            op = _folded_after(cast(Dense, node.op), pending) if pending else node.op
            made[node.name] = replace(node, op=op)
            continue
        producer = made.get(resolve(node.inputs[0], renamed))
        consumer = sole_consumer(graph, node.name)
        alone = sole_consumer(graph, node.inputs[0]) is not None
        folded = _folded_before(producer.op, node.op) if producer and alone else None
        if producer is not None and folded is not None:
            made[producer.name] = replace(producer, op=folded, statistics=node.op.statistics)
            renamed[node.name] = producer.name
        elif consumer is not None and isinstance(consumer.op, Dense):
            later[node.name] = node.op
            renamed[node.name] = node.inputs[0]
        else:
            made.update((step.name, step) for step in _as_depthwise(node, node.op, graph))
    return rebuild(graph, made.values(), renamed)


def _folded_before(op: Op, norm: BatchNorm) -> Op | None:
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


def _folded_after(op: Dense, norm: BatchNorm) -> Dense:
    """Return a dense layer that computes `norm` and then `op`."""
    kernel = op.kernel.astype(np.float64)
    bias = op.bias + kernel @ norm.offset.astype(np.float64)
    return replace(op, kernel=_array(kernel * norm.scale), bias=_array(bias))


def _as_depthwise(node: Node, norm: BatchNorm, graph: Graph) -> tuple[Node, ...]:
    """Return nodes that compute a lone BatchNorm; anything but a picture is reshaped around it."""
    channels = node.shape[-1]
    kernel = _array(norm.scale.reshape(1, 1, channels))
    op = DepthwiseConv2D(kernel, norm.offset, Window((1, 1)))
    if len(node.shape) == 3:
        return (replace(node, op=op, statistics=norm.statistics),)
    taken = {graph.input_name, *(other.name for other in graph.nodes)}
    before, inner = (_free_name(f"{node.name}_{suffix}", taken) for suffix in ("picture", "scaled"))
    picture = (prod(node.shape[:-1]), 1, channels)
    return (
        Node(before, Reshape(), node.inputs, picture),
        Node(inner, op, (before,), picture, norm.statistics),
        Node(node.name, Reshape(), (inner,), node.shape),
    )


def _free_name(wanted: str, taken: set[str]) -> str:
    while wanted in taken:
        wanted += "_"
    return wanted


def _array(values: object) -> FloatArray:
    return cast(FloatArray, frozen_array(values))
