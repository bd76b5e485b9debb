"""What the engine's numbers cannot hold: a quantized graph in, an error if it is too large."""

from __future__ import annotations

from microlut.errors import UnsupportedModel
from microlut.plan.rounding import largest_sum
from microlut.quantized import QSoftmax, QuantizedGraph

_LONGEST_SOFTMAX = 4095  # its sum of values up to 1 is a Q12.19
_LARGEST_DIMENSION = 65535  # dimensions are uint16_t in the engine


def check_limits(graph: QuantizedGraph) -> None:
    """Refuse what the engine's 16-bit dimensions and 32-bit sums cannot hold."""
    shapes = [(graph.input_name, graph.input_shape)] + [(n.name, n.shape) for n in graph.nodes]
    for name, shape in shapes:
        if max(shape, default=1) > _LARGEST_DIMENSION:
            raise UnsupportedModel(
                f"{name}: shape {shape} has a dimension over {_LARGEST_DIMENSION}, which no "
                "microcontroller's memory holds; use a smaller model"
            )
    for node in graph.nodes:
        if isinstance(node.op, QSoftmax) and node.shape[-1] > _LONGEST_SOFTMAX:
            raise UnsupportedModel(
                f"{node.name}: a softmax of {node.shape[-1]} values; its 32-bit sum holds "
                f"{_LONGEST_SOFTMAX}: leave the softmax out, it does not change the order"
            )
    for node, op in graph.weighted():
        if largest_sum(op) >= 1 << 31:
            raise UnsupportedModel(
                f"{node.name}: its sums may need more than 32 bits; use fewer inputs a layer, or "
                "calibration inputs on which its output is not almost constant"
            )
