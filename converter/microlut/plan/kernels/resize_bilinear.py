"""Linear interpolation between pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from microlut.ops.resize_bilinear import (
    QResizeBilinear,
    QResizeBilinear16,
    ResizeBilinear,
    position,
)
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import picture_sizes

Resizing = QResizeBilinear | QResizeBilinear16


class ResizeBilinearKernel(PlainKernel[Resizing, ResizeBilinear]):
    """The kernel mlut_resize_bilinear."""

    def work(self, call: Call[Resizing], tile: Tile, core: str) -> Counter[str]:
        """Count pixels and values."""
        height, width, _ = call.shape
        return Counter(
            {
                "resize_bilinear": 1.0,
                "resize_bilinear pixel": height * width,
                "resize_bilinear value": call.output.size,
            }
        )

    def sizes(
        self, op: Resizing | ResizeBilinear, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the sizes of the pictures, whose places in 1/1024 pixels have 32 bits."""
        return picture_sizes(inputs[0], outputs[0])

    def fields(self, call: Call[Resizing]) -> Mapping[str, object]:
        """Return the steps and the first places along both axes."""
        pairs = zip(("y", "x"), call.source, call.shape, strict=False)
        return {name: position(size, output, call.op.alignment) for name, size, output in pairs}
