"""Maximum or mean of int16 values over a window that moves over a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import ClassVar

from microlut.ops.pool2d import AveragePool2D, MaxPool2D, QPool2D
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Division, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import MOST_SUMMED_16, padded_pixels, window_sizes


class Pool2D16Kernel(PlainKernel[QPool2D, MaxPool2D | AveragePool2D]):
    """The kernels mlut_max_pool2d_16 and mlut_average_pool2d_16."""

    divided_by: ClassVar[Division] = "windows"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QPool2D], tile: Tile, core: str) -> Counter[str]:
        """Count pixels, outputs, and the values of their windows."""
        outputs, kind = prod(call.shape), f"{call.op.mode} pool"
        return Counter(
            {
                "pool 16": 1.0,
                "pool pixel 16": outputs // call.shape[-1],
                f"{kind} 16": outputs,
                f"{kind} value 16": outputs * prod(call.op.window.size),
            }
        )

    def sizes(
        self, op: QPool2D | MaxPool2D | AveragePool2D, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of pictures and window, and the number of values per mean."""
        yield from window_sizes(inputs[0], outputs[0], op.window)
        if op.mode == "average":
            pixels = min(prod(op.window.size), padded_pixels(inputs[0], op.window.padding))
            yield "the number of pixels in a window", pixels, MOST_SUMMED_16
