"""Fold scales and offsets into the layers after them, if no layer before them can take them.

An example is x / 127.5 - 1 for pixels at the start of a network. W (x * scale + offset) + b =
(W * scale) x + (b + W offset), computed in float64. That is exact if the layer reads every value,
which excludes zero padding, since it pads with zeros after the offset was added.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import cast

import numpy as np

from microlut.graph.ir import Graph, Node, single
from microlut.graph.passes.rewrite import free_name, rebuild, sole_consumer
from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm, ChannelStatistics
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.linear import Linear
from microlut.ops.pad import Pad
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.scale import Scale
from microlut.ops.windows import Window


def fold_affine(graph: Graph) -> Graph:
    """Return the graph without BatchNorm.

    Each is folded into all layers that read it, also after reshapes. Else it becomes a `Scale` if
    it only multiplies by one positive number, or a 1x1 depthwise convolution.
    """
    graph = moved(graph)
    made: dict[str, Node] = {}
    renamed: dict[str, str] = {}
    taken: dict[str, BatchNorm] = {}
    for node in graph.nodes:
        if not isinstance(node.op, BatchNorm):
            norm = taken.get(node.inputs[0])
            made[node.name] = node if norm is None else replace(node, op=_folded(node.op, norm))
        elif can_fold(graph, node.name, node.op):
            taken[node.name] = node.op
            renamed[node.name] = node.inputs[0]
        else:
            made.update((step.name, step) for step in _alone(node, node.op, graph))
    return rebuild(graph, made.values(), renamed)


def moved(graph: Graph) -> Graph:
    """Return the graph with each BatchNorm moved after the reshapes and padding that read it.

    Two consecutive ones become one.
    """
    made: dict[str, Node] = {}
    instead: dict[str, str] = {}
    for node in graph.nodes:
        alone = sole_consumer(graph, node.inputs[0]) is not None
        node = replace(node, inputs=tuple(instead.get(name, name) for name in node.inputs))
        source = made.get(node.inputs[0])
        swapped = _swapped(source, node) if source is not None and alone else None
        if source is None or swapped is None:
            made[node.name] = node
            continue
        del made[source.name]
        made.update((step.name, step) for step in swapped)
        if source.name in made:
            instead[node.name] = source.name
    outputs = tuple(instead.get(name, name) for name in graph.outputs)
    states = tuple(replace(s, source=instead.get(s.source, s.source)) for s in graph.states)
    return rebuild(replace(graph, outputs=outputs, states=states), made.values(), {})


def _swapped(source: Node, node: Node) -> tuple[Node, ...] | None:
    """Return nodes equivalent to a BatchNorm and the node after it, in reverse order."""
    norm, channels = source.op, node.shape[-1]
    if not isinstance(norm, BatchNorm):
        return None
    match node.op:
        case BatchNorm():
            return (replace(node, op=_merged(norm, node.op), inputs=source.inputs),)
        case Reshape() if channels % len(norm.scale) == 0:
            behind = repeated(norm, channels // len(norm.scale))
        case Reshape() if np.ptp(norm.scale) == np.ptp(norm.offset) == 0:
            one = BatchNorm(as_float32(norm.scale[:1]), as_float32(norm.offset[:1]))
            behind = repeated(one, channels)
        case Pad() if not norm.offset.any():
            behind = norm
        case Relu(ActivationKind.RELU) if _is_factor(norm):  # which the producer may take
            behind = BatchNorm(norm.scale, norm.offset)
        case _:
            return None
    later = single(source.name, behind, (node.name,), node.shape)
    return (replace(node, inputs=source.inputs), later)


def _merged(first: BatchNorm, second: BatchNorm) -> BatchNorm:
    scale = first.scale.astype(np.float64) * second.scale
    offset = first.offset.astype(np.float64) * second.scale + second.offset
    return BatchNorm(as_float32(scale), as_float32(offset), second.statistics)


def repeated(norm: BatchNorm, times: int) -> BatchNorm:
    """Return it for pixels that are side by side in the new last dimension."""
    old = norm.statistics
    statistics = old and ChannelStatistics(
        as_float32(np.tile(old.mean, times)), as_float32(np.tile(old.deviation, times))
    )
    scale, offset = np.tile(norm.scale, times), np.tile(norm.offset, times)
    return BatchNorm(as_float32(scale), as_float32(offset), statistics)


def can_fold(graph: Graph, name: str, norm: BatchNorm) -> bool:
    """Return whether all layers that read a BatchNorm can compute it themselves."""
    readers = graph.consumers(name)
    return name not in graph.kept() and all(_takes(reader.op, norm) for reader in readers)


def _takes(op: FloatOp, norm: BatchNorm) -> bool:
    """Return whether a layer can take a BatchNorm before it without harm to its weights.

    The input channels of a convolution share the scales of its weights, so different scales of
    channels would make similar weights dissimilar.
    """
    match op:
        case Dense():
            return True
        case Conv2D() | DepthwiseConv2D():
            exact = not op.window.padding or not norm.offset.any()
            return exact and (isinstance(op, DepthwiseConv2D) or np.ptp(norm.scale) == 0)
        case _:
            return False


def _folded(op: FloatOp, norm: BatchNorm) -> FloatOp:
    """Return a layer that computes `norm` and then `op`."""
    assert isinstance(op, Linear)
    scale, offset = norm.scale.astype(np.float64), norm.offset.astype(np.float64)
    if isinstance(op, DepthwiseConv2D):
        scale, offset = (np.repeat(values, op.depth_multiplier) for values in (scale, offset))
        added = (op.kernel * offset).sum(axis=(0, 1))
    else:
        added = (op.kernel @ offset).reshape(len(op.kernel), -1).sum(axis=1)
    return op.with_weights(op.kernel * scale, op.bias + added)


def _is_factor(norm: BatchNorm) -> bool:
    """Return whether it only multiplies by one positive number."""
    return bool(np.ptp(norm.scale) == 0 and norm.scale[0] > 0 and not norm.offset.any())


def _alone(node: Node, norm: BatchNorm, graph: Graph) -> tuple[Node, ...]:
    """Return nodes that compute a lone BatchNorm."""
    if _is_factor(norm):
        return (replace(node, op=Scale(float(norm.scale[0])), statistics=norm.statistics),)
    return _as_depthwise(node, norm, graph)


def _as_depthwise(node: Node, norm: BatchNorm, graph: Graph) -> tuple[Node, ...]:
    """Return a depthwise convolution; other shapes than pictures are reshaped around it."""
    channels = node.shape[-1]
    kernel = as_float32(norm.scale.reshape(1, 1, channels))
    op = DepthwiseConv2D(kernel, norm.offset, Window((1, 1)))
    if len(node.shape) == 3:
        return (replace(node, op=op, statistics=norm.statistics),)
    taken = set(graph.tensors())
    before, inner = (free_name(f"{node.name}_{suffix}", taken) for suffix in ("picture", "scaled"))
    picture = (prod(node.shape[:-1]), 1, channels)
    return (
        single(before, Reshape(picture), node.inputs, picture),
        replace(single(inner, op, (before,), picture), statistics=norm.statistics),
        single(node.name, Reshape(node.shape), (inner,), node.shape),
    )


def as_float32(values: object) -> FloatArray:
    """Return a read-only copy of values."""
    return cast(FloatArray, frozen_array(values))
