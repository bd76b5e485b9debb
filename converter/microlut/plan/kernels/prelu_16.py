"""Leaky rectifier of int16 values with slopes that are weights."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.prelu import QPrelu
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Tile, between_int16
from microlut.plan.kernels.prelu import PreluKernel


class Prelu16Kernel(PreluKernel):
    """The kernel mlut_prelu_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QPrelu], tile: Tile, core: str) -> Counter[str]:
        """Count rows and values."""
        return between_int16(PreluKernel.work(self, call, tile, core))
