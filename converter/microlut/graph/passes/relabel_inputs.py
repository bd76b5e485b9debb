"""Let inputs be quantized in the units that the network computes with.

A scale and offset of an input, such as x / 127.5 - 1 or one of each per feature, becomes a Relabel:
the same bytes with another meaning. So nothing runs, zero padding after it is exact, and each
feature has its own scale. Where the layers after it take scale and offset as they are, these stay
for them (`fold_affine`): then the input keeps one scale and zero point, chosen by its own range.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.graph.ir import Graph, Node, single
from microlut.graph.passes.fold_affine import as_float32, can_fold, moved, repeated
from microlut.graph.passes.rewrite import free_name, rebuild, sole_consumer
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.identity import Identity
from microlut.ops.pad import Pad
from microlut.ops.relabel import Relabel
from microlut.ops.reshape import Reshape

# Beyond these, one scale for all features, or one that reaches to zero, would waste steps.
_MOST_UNLIKE = 2.0  # the largest scale over the smallest
_FURTHEST = 4.0  # offset: from zero, in the units of the network


def relabel_inputs(graph: Graph) -> Graph:
    """Return the graph with a Relabel for each scale and offset of an input that needs one."""
    graph = moved(graph)
    for tensor in graph.inputs:
        passed, reader = _first(graph, tensor.name)
        if reader is None or not isinstance(reader.op, BatchNorm) or not _is_worth(graph, reader):
            continue
        padded = any(isinstance(node.op, Pad) for node in passed)
        norm = _before(reader.op, tensor.shape[-1], padded)
        if norm is None or not norm.scale.all():
            continue
        name = free_name(f"{tensor.name}_scaled", set(graph.tensors()))
        op = Relabel(norm.scale, norm.offset)
        label = single(name, op, (tensor.name,), tensor.shape)
        behind = {node.name for node in passed}
        nodes = [
            _reading(_scaled(node, op) if node.name in behind else node, tensor.name, name)
            for node in graph.nodes
            if node is not reader
        ]
        end = passed[-1].output if passed else name
        graph = rebuild(graph, (label, *nodes), {reader.output: end})
    return graph


def _first(graph: Graph, name: str) -> tuple[tuple[Node, ...], Node | None]:
    """Return what only moves an input, or tells its range, and the only node that reads it then."""
    passed: tuple[Node, ...] = ()
    reader = sole_consumer(graph, name)
    while reader is not None and isinstance(reader.op, Reshape | Pad | Identity):
        passed += (reader,)
        reader = sole_consumer(graph, reader.output)
    return passed, reader


def _is_worth(graph: Graph, node: Node) -> bool:
    """Return whether layers cannot take a scale and offset, or the input would waste steps."""
    norm = node.op
    assert isinstance(norm, BatchNorm)
    sizes = np.abs(norm.scale)
    unlike = float(sizes.max()) > _MOST_UNLIKE * float(sizes.min())
    far = float(np.abs(norm.offset).max()) > _FURTHEST
    return unlike or far or not can_fold(graph, node.name, norm)


def _before(norm: BatchNorm, channels: int, padded: bool) -> BatchNorm | None:
    """Return a scale and offset after reshapes as one before them, or None if there is none."""
    if padded and norm.offset.any():
        return None
    if np.ptp(norm.scale) == np.ptp(norm.offset) == 0:
        one = BatchNorm(as_float32(norm.scale[:1]), as_float32(norm.offset[:1]))
        return repeated(one, channels)
    times, rest = divmod(channels, len(norm.scale))
    return None if rest else repeated(norm, times)


def _scaled(node: Node, op: Relabel) -> Node:
    """Return a node before a scale and offset as one after them: a range is that of the results."""
    if not isinstance(node.op, Identity) or node.op.limits is None:
        return node
    return replace(node, op=Identity(op.limits(*node.op.limits)))


def _reading(node: Node, old: str, new: str) -> Node:
    return replace(node, inputs=tuple(new if name == old else name for name in node.inputs))
