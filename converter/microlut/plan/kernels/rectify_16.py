"""Leaky rectifiers and magnitudes of int16 values."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.base import FloatOp
from microlut.ops.rectify_16 import QRectify16
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Division, ElementwiseKernel, Tile


class Rectify16Kernel(ElementwiseKernel[QRectify16, FloatOp]):
    """The kernel mlut_rectify_16."""

    divided_by: ClassVar[Division] = "values"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QRectify16], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"rectify 16": 1.0, "rectify value 16": call.output.size})
