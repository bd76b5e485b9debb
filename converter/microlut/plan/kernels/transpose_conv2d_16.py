"""Transposed convolution of int16 values: a row of weights is decoded and meets all pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import prod
from typing import ClassVar

from microlut.ops.tensor import DType
from microlut.ops.transpose_conv2d import QTransposeConv2D, TransposeConv2D
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Division, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import window_sizes
from microlut.plan.kernels.transpose_conv2d import taps_met


class TransposeConv2D16Kernel(PlainKernel[QTransposeConv2D, TransposeConv2D]):
    """The kernel mlut_transpose_conv2d_16."""

    divided_by: ClassVar[Division] = "outputs"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def tiles(self, call: Call[QTransposeConv2D]) -> Iterator[Tile]:
        """Yield the only tile; its scratch holds a decoded row."""
        columns, decoded = call.op.weights.indices.shape[1], call.op.weights.codebook is not None
        yield Tile(1, aligned(columns) if decoded else 0)

    def work(self, call: Call[QTransposeConv2D], tile: Tile, core: str) -> Counter[str]:
        """Count channels, weights, outputs, and the taps that reach them."""
        channels, columns = call.op.weights.indices.shape
        taps = channels * taps_met(call)
        return Counter(
            {
                "transpose 16": 1.0,
                "transpose channel 16": channels,
                "transpose decode 16": (
                    channels * columns if call.op.weights.codebook is not None else 0
                ),
                "transpose output 16": prod(call.shape),
                "transpose tap 16": taps,
                "transpose product 16": taps * call.source[2],
            }
        )

    def sizes(
        self, op: QTransposeConv2D | TransposeConv2D, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of pictures and window."""
        return window_sizes(inputs[0], outputs[0], op.window)
