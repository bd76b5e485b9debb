"""Functions of two int16 operands with broadcasting, of which one may be a constant in flash."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.binary import QBinary
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Tile, between_int16
from microlut.plan.kernels.binary import BinaryKernel


class Binary16Kernel(BinaryKernel):
    """The kernel mlut_binary_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QBinary], tile: Tile, core: str) -> Counter[str]:
        """Count rows and values."""
        return between_int16(BinaryKernel.work(self, call, tile, core))
