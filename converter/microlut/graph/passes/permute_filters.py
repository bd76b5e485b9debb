"""Give a convolution its filters in the order in which a gather takes its channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microlut.graph.ir import Graph, Node
from microlut.graph.passes.rewrite import rebuild, sole_consumer
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.gather import Gather


def permute_filters(graph: Graph) -> Graph:
    """Return the graph without gathers of all channels of convolutions that nothing else reads."""
    nodes = {node.output: node for node in graph.nodes}
    renamed: dict[str, str] = {}
    for node in graph.nodes:
        if not isinstance(node.op, Gather):
            continue
        source = nodes.get(node.inputs[0])
        if source is None or sole_consumer(graph, source.output) is not node:
            continue
        changed = _permuted(source, node.op)
        if changed is not None:
            nodes[source.output] = changed
            renamed[node.output] = source.output
    if not renamed:
        return graph
    kept = (nodes[node.output] for node in graph.nodes if node.output not in renamed)
    return rebuild(graph, kept, renamed)


def _permuted(source: Node, gather: Gather) -> Node | None:
    """Return a layer whose channels are in another order, if it can be."""
    op = source.op
    if not isinstance(op, Conv2D | Dense) or gather.axis != len(source.shape) - 1:
        return None
    if sorted(gather.indices) != list(range(source.shape[-1])):
        return None
    places = list(gather.indices)
    kernel = np.take(op.kernel, places, axis=op.channel_axis)
    return replace(source, op=op.with_weights(kernel, np.take(op.bias, places)))
