"""Transposed convolution: each output pixel gathers the taps that reach it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import ClassVar

from microlut.ops.transpose_conv2d import QTransposeConv2D, TransposeConv2D
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Division, Kernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import window_sizes
from microlut.plan.kernels.shares import CHANNEL_BYTES, even_shares

_ROWS = 4  # output channels at a time


class TransposeConv2DKernel(Kernel[QTransposeConv2D, TransposeConv2D]):
    """The kernel mlut_transpose_conv2d."""

    divided_by: ClassVar[Division] = "outputs"

    def tiles(self, call: Call[QTransposeConv2D]) -> Iterator[Tile]:
        """Yield shares of the output channels."""
        channels, columns = call.op.weights.indices.shape
        each = CHANNEL_BYTES + 4 * prod(call.op.window.size) + columns
        for tile in even_shares(channels, _ROWS):
            yield Tile(tile, aligned(tile * each))

    def overwrites(self, call: Call[QTransposeConv2D]) -> Iterable[int]:
        """Return none, since pixels are read several times."""
        return ()

    def work(self, call: Call[QTransposeConv2D], tile: Tile, core: str) -> Counter[str]:
        """Count the weights, the pixels, and the taps that reach them."""
        op, depth = call.op, call.source[2]
        channels, columns = op.weights.indices.shape
        pixels, taps = prod(call.shape[:2]), taps_met(call)
        tiles = [min(tile.channels, channels - c) for c in range(0, channels, tile.channels)]
        fours = sum(count // _ROWS for count in tiles)
        ones = sum(count % _ROWS for count in tiles)
        return Counter(
            {
                "transpose": 1.0,
                "transpose weight": channels * columns,
                "transpose tap sum": channels * prod(op.window.size),
                "transpose channel": channels,
                "transpose pixel": pixels * len(tiles),
                "transpose four": pixels * fours,
                "transpose four tap": taps * fours,
                "transpose four value": taps * fours * depth,
                "transpose one": pixels * ones,
                "transpose one tap": taps * ones,
                "transpose one value": taps * ones * depth,
            }
        )

    def sizes(
        self, op: QTransposeConv2D | TransposeConv2D, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of pictures and window."""
        return window_sizes(inputs[0], outputs[0], op.window)

    def fields(self, call: Call[QTransposeConv2D]) -> Mapping[str, object]:
        """Return the form of the output stage."""
        return {"rounding": call.rounding}


def taps_met(call: Call[QTransposeConv2D]) -> int:
    """Return how many taps reach output pixels, summed over all of these."""
    window, counts = call.op.window, []
    for inputs, outputs, kernel, stride, before in zip(
        *(call.source[:2], call.shape[:2], window.size, window.strides),
        (window.padding.top, window.padding.left),
        strict=True,
    ):
        first = range(-before, (inputs - 1) * stride - before + 1, stride)
        counts.append(sum(0 <= y + i < outputs for y in first for i in range(kernel)))
    return counts[0] * counts[1]
