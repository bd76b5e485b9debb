"""Replace depthwise convolutions of one channel by convolutions.

Of one input channel, both are the same. All filters of a convolution share what is gathered of the
input, and its weights are decoded once; the kernel of depthwise ones gains where there are many
input channels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.graph.ir import Graph, Node
from microlut.ops.arrays import frozen_array
from microlut.ops.conv2d import Conv2D
from microlut.ops.depthwise_conv2d import DepthwiseConv2D

FEWEST_FILTERS = 4  # which a convolution multiplies with what it has gathered once


def widen_single(graph: Graph) -> Graph:
    """Return the graph with a Conv2D for each DepthwiseConv2D of one channel and many filters."""
    return replace(graph, nodes=tuple(_rewritten(node) for node in graph.nodes))


def is_single(channels: int, filters: int) -> bool:
    """Return whether a depthwise convolution is quicker as a convolution."""
    return channels == 1 and filters >= FEWEST_FILTERS


def filters_of(kernel: NDArray[Any]) -> NDArray[Any]:
    """Return the kernel [height, width, filters] of one channel as that of a convolution."""
    return frozen_array(np.moveaxis(kernel, 2, 0)[..., None], kernel.dtype.type)


def _rewritten(node: Node) -> Node:
    op = node.op
    if not isinstance(op, DepthwiseConv2D):
        return node
    filters = op.kernel.shape[2]
    if not is_single(filters // op.depth_multiplier, filters):
        return node
    return replace(node, op=Conv2D(filters_of(op.kernel), op.bias, op.window, op.activation))
