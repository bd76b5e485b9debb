"""Padding of a picture with the zero point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.arrays import Shape
from microlut.ops.pad import Pad, QPad
from microlut.plan.kernels.base import Call, PlainKernel, Size, Tile
from microlut.plan.kernels.pictures import picture_sizes


class PadKernel(PlainKernel[QPad, Pad]):
    """The kernel mlut_pad."""

    def work(self, call: Call[QPad], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"pad": 1.0, "pad value": call.output.size})

    def sizes(self, op: QPad | Pad, sources: tuple[Shape, ...], shape: Shape) -> Iterable[Size]:
        """Return the sizes of the pictures and of the padding."""
        return picture_sizes(sources[0], shape, op.padding)
