"""What the engine's numbers cannot hold: a graph in, an error that names the limit out.

Sizes are known from the start, so a float graph is checked before anything is measured on it. The
sums of a layer depend on its quantized weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from microlut.errors import UnsupportedModel
from microlut.graph.ir import Graph
from microlut.integer import QuantizedGraph
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp, IntegerOp
from microlut.ops.conv2d import Conv2D, QConv2D
from microlut.ops.dense import Dense, QDense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D, QDepthwiseConv2D
from microlut.ops.mean import Mean, QMean
from microlut.ops.pad import Pad, QPad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D, QPool2D
from microlut.ops.softmax import QSoftmax, Softmax
from microlut.ops.windows import Padding
from microlut.plan.rounding import largest_sum

_Number = tuple[str, int, int]  # (what it is, its value, the most that the engine holds)

_LARGEST_SIZE = 65535  # sizes of pictures and windows are uint16_t
_LONGEST_SOFTMAX = 4095  # its sum of values up to 1 is a Q12.19
_MOST_UNITS = (1 << 32) - 1
_MOST_POOLED = 1 << 23  # pixels whose int8 values, less a zero point, 32 bits can sum
_MOST_PADDING = 1 << 22  # values, which the converter's own runs hold for each of many inputs

_PICTURES = (Conv2D, DepthwiseConv2D, MaxPool2D, AveragePool2D, Mean, Pad)
_QPICTURES = (QConv2D, QDepthwiseConv2D, QPool2D, QMean, QPad)


def check_sizes(graph: Graph | QuantizedGraph) -> None:
    """Refuse layers whose sizes the engine's numbers cannot hold.

    Raises:
        UnsupportedModel: names the layer, the size and the limit.
    """
    shapes = {graph.inputs[0].name: graph.inputs[0].shape}
    for node in graph.nodes:
        for what, value, most in _numbers(node.op, shapes[node.inputs[0]], node.shape):
            if value > most:
                raise UnsupportedModel(
                    f"{node.name}: {what} is {value:,}, the engine's limit is {most:,}; "
                    f"{_advice(node.op)}"
                )
        shapes[node.name] = node.shape


def check_sums(graph: QuantizedGraph) -> None:
    """Refuse layers whose sums may need more than 32 bits."""
    for node, op in graph.weighted():
        if largest_sum(op) >= 1 << 31:
            raise UnsupportedModel(
                f"{node.name}: its sums may need more than 32 bits; use fewer inputs per layer, or "
                "calibration inputs on which its output is not almost constant"
            )


def _advice(op: FloatOp | IntegerOp) -> str:
    if isinstance(op, Softmax | QSoftmax):
        return "leave the softmax out, it does not change the order"
    return "use a smaller model"


def _numbers(op: FloatOp | IntegerOp, before: Shape, after: Shape) -> Iterator[_Number]:
    """Yield the sizes that an operator's structure in the engine has fields for."""
    match op:
        case Softmax() | QSoftmax():
            yield "the number of values under a softmax", after[-1], _LONGEST_SOFTMAX
        case Dense() | QDense():
            yield "the number of inputs", before[-1], _MOST_UNITS
            yield "the number of units", after[-1], _MOST_UNITS
        case _ if isinstance(op, (*_PICTURES, *_QPICTURES)):
            yield from _picture_numbers(op, before, after)


def _picture_numbers(op: FloatOp | IntegerOp, before: Shape, after: Shape) -> Iterator[_Number]:
    for where, shape in (("input", before), ("output", after)):
        for what, size in zip(("height", "width", "channel count"), shape, strict=True):
            yield f"the {where}'s {what}", size, _LARGEST_SIZE
    window = getattr(op, "window", None)
    padding: Padding = getattr(op if window is None else window, "padding", Padding())
    for side in ("top", "bottom", "left", "right"):
        yield f"the padding at the {side}", getattr(padding, side), _LARGEST_SIZE
    height, width, channels = before
    padded = (height + padding.top + padding.bottom) * (width + padding.left + padding.right)
    added = (padded - height * width) * channels
    yield "the number of values added by padding", added, _MOST_PADDING
    if window is not None:
        for what, pair in (
            ("window's size", window.size),
            ("stride", window.strides),
            ("dilation", window.dilation),
        ):
            yield f"the {what}", max(pair), _LARGEST_SIZE
    if isinstance(op, Mean | QMean):
        yield "the number of pixels in a mean", height * width, _MOST_POOLED
    if isinstance(op, AveragePool2D | QPool2D):
        yield "the number of pixels in a window", min(prod(op.window.size), padded), _MOST_POOLED
