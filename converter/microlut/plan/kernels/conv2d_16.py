"""Convolution of int16 values: one row of weights is decoded at a time and meets all pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import prod
from typing import ClassVar

from microlut.ops.conv2d import Conv2D, QConv2D
from microlut.ops.tensor import DType
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Division, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import window_sizes


class Conv2D16Kernel(PlainKernel[QConv2D, Conv2D]):
    """The kernel mlut_conv2d_16."""

    divided_by: ClassVar[Division] = "windows"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def tiles(self, call: Call[QConv2D]) -> Iterator[Tile]:
        """Yield the only tile; its scratch holds a decoded row."""
        columns, decoded = call.op.weights.indices.shape[1], call.op.weights.codebook is not None
        yield Tile(1, aligned(columns) if decoded else 0)

    def work(self, call: Call[QConv2D], tile: Tile, core: str) -> Counter[str]:
        """Count channels, weights, rows of receptive fields, products and outputs."""
        weights, window = call.op.weights, call.op.window
        channels, columns = weights.indices.shape
        outputs = prod(call.shape)
        spans = window.size[0] * (1 if window.dilation[1] == 1 else window.size[1])
        return Counter(
            {
                "convolution 16": 1.0,
                "channel 16": channels,
                "decode 16": channels * columns if weights.codebook is not None else 0,
                "output 16": outputs,
                "span 16": outputs * spans,
                "product 16": outputs * columns,
            }
        )

    def sizes(self, op: QConv2D | Conv2D, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the sizes of pictures and window."""
        return window_sizes(inputs[0], outputs[0], op.window)
