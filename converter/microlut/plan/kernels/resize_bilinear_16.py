"""Linear interpolation between pixels of int16 values."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Tile, between_int16
from microlut.plan.kernels.resize_bilinear import ResizeBilinearKernel, Resizing


class ResizeBilinear16Kernel(ResizeBilinearKernel):
    """The kernel mlut_resize_bilinear_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[Resizing], tile: Tile, core: str) -> Counter[str]:
        """Count pixels and values."""
        return between_int16(ResizeBilinearKernel.work(self, call, tile, core))
