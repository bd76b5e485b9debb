"""Maximum or mean over a window that moves over a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.pool2d import AveragePool2D, MaxPool2D, QPool2D
from microlut.plan.kernels.base import VECTOR_CORE, Call, Division, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import MOST_POOLED, padded_pixels, window_sizes

_LANES = 4  # channels that are computed at a time
_VECTOR_LANES = {"max": 16, "average": 4, "mean": 4}  # on Cortex-M55


class Pool2DKernel(PlainKernel[QPool2D, MaxPool2D | AveragePool2D]):
    """The kernels mlut_max_pool2d and mlut_average_pool2d."""

    divided_by: ClassVar[Division] = "windows"

    def function(self, call: Call[QPool2D]) -> str:
        """Return the name of the function for the kind of pool."""
        return f"{call.op.mode}_pool2d"

    def work(self, call: Call[QPool2D], tile: Tile, core: str) -> Counter[str]:
        """Count pixels, and the values of their windows."""
        return pool_work(call.op.mode, call.shape, *call.op.window.size, core)

    def sizes(
        self, op: QPool2D | MaxPool2D | AveragePool2D, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of pictures and window, and the number of values per mean."""
        yield from window_sizes(inputs[0], outputs[0], op.window)
        if isinstance(op, AveragePool2D) or (isinstance(op, QPool2D) and op.mode == "average"):
            pixels = min(prod(op.window.size), padded_pixels(inputs[0], op.window.padding))
            yield "the number of pixels in a window", pixels, MOST_POOLED


def pool_work(mode: str, shape: Shape, rows: int, columns: int, core: str) -> Counter[str]:
    """Return the work of a pool over `rows` x `columns` values per output."""
    channels = shape[-1]
    pixels = prod(shape) // channels
    lanes = _VECTOR_LANES[mode] if core == VECTOR_CORE else _LANES
    groups = -(-channels // lanes)
    kind = f"{mode} pool"
    if core != VECTOR_CORE and channels % _LANES:  # words are not aligned, or hold no four
        kind = f"{kind} any" if channels > _LANES else f"{kind} few"
        groups = channels
    return Counter(
        {
            f"{mode} pool": 1.0,
            f"{mode} pool pixel": pixels,
            f"{kind} output": pixels * groups,
            f"{kind} row": pixels * groups * rows,
            f"{kind} value": pixels * groups * rows * columns,
        }
    )
