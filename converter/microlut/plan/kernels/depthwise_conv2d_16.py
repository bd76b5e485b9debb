"""Depthwise convolution of int16 values: eight channels are decoded at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import prod
from typing import ClassVar

from microlut.ops.depthwise_conv2d import DepthwiseConv2D, QDepthwiseConv2D
from microlut.ops.tensor import DType
from microlut.plan.buffers import aligned
from microlut.plan.kernels.base import Call, Division, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import window_sizes
from microlut.plan.kernels.shares import CHANNEL_BYTES

_CHANNELS = 8  # MLUT_DEPTHWISE_16_CHANNELS: a multiple of 8 indices ends on a byte at any width


class DepthwiseConv2D16Kernel(PlainKernel[QDepthwiseConv2D, DepthwiseConv2D]):
    """The kernel mlut_depthwise_conv2d_16."""

    divided_by: ClassVar[Division] = "windows"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def tiles(self, call: Call[QDepthwiseConv2D]) -> Iterator[Tile]:
        """Yield the only tile, of eight channels."""
        positions = prod(call.op.weights.shape[:2])
        yield Tile(_CHANNELS, aligned(_CHANNELS * (CHANNEL_BYTES + positions)))

    def work(self, call: Call[QDepthwiseConv2D], tile: Tile, core: str) -> Counter[str]:
        """Count channels, weights, products and outputs."""
        positions, channels = prod(call.op.weights.shape[:2]), call.shape[-1]
        outputs = prod(call.shape)
        return Counter(
            {
                "depthwise 16": 1.0,
                "depthwise channel 16": channels,
                "depthwise decode 16": channels * positions,
                "depthwise output 16": outputs,
                "depthwise product 16": outputs * positions,
            }
        )

    def sizes(
        self, op: QDepthwiseConv2D | DepthwiseConv2D, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of pictures and window."""
        return window_sizes(inputs[0], outputs[0], op.window)
