"""Refuse what the engine's numbers cannot hold, by layer and limit.

Sizes are known from the start, so a float graph is checked before anything is measured on it. The
sums of a layer depend on its quantized weights.
"""

from __future__ import annotations

from collections.abc import Iterator

from microlut.errors import Obstacle, UnsupportedModel, with_obstacles
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.linear import QLinear
from microlut.plan.kernels import kernel_of
from microlut.plan.rounding import largest_sum


def check_sizes(graph: Graph | QuantizedGraph) -> None:
    """Refuse layers whose sizes the engine's numbers cannot hold.

    Raises:
        UnsupportedModel: names each layer, the size and the limit.
    """
    found = tuple(size_obstacles(graph))
    if found:
        raise with_obstacles(UnsupportedModel, "", [each.text for each in found], found)


def size_obstacles(graph: Graph | QuantizedGraph) -> Iterator[Obstacle]:
    """Yield the sizes that the engine's numbers cannot hold."""
    shapes = {name: tensor.shape for name, tensor in graph.tensors().items()}
    for node in graph.nodes:
        dtype = node.outputs[0].dtype if isinstance(graph, QuantizedGraph) else None
        kernel, inputs = kernel_of(node.op, dtype), tuple(shapes[name] for name in node.inputs)
        outputs = tuple(tensor.shape for tensor in node.outputs)
        for what, value, most in kernel.sizes(node.op, inputs, outputs):
            if value > most:
                found = f"{what} is {value:,}, the engine's limit is {most:,}"
                yield Obstacle(node.name, node.name, found, kernel.advice)


def check_sums(graph: QuantizedGraph) -> None:
    """Refuse layers whose sums may need more bits than the engine has."""
    for node, op in graph.weighted():
        if not isinstance(op, QLinear):
            continue
        fits = op.fits_int16() if node.outputs[0].dtype == "int16" else largest_sum(op) < 1 << 31
        if not fits:
            raise UnsupportedModel(
                f"{node.name}: its sums may need more than 32 bits; use fewer inputs per layer"
            )
