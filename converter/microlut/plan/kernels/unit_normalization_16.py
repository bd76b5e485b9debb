"""Vectors of int16 values along the last dimension, divided by their lengths."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Tile, between_int16
from microlut.plan.kernels.unit_normalization import Normalizing, UnitNormalizationKernel


class UnitNormalization16Kernel(UnitNormalizationKernel):
    """The kernel mlut_unit_normalization_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[Normalizing], tile: Tile, core: str) -> Counter[str]:
        """Count vectors and values."""
        return between_int16(UnitNormalizationKernel.work(self, call, tile, core))
