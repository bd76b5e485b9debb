"""Vectors along the last dimension, divided by their lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.unit_normalization import (
    LONGEST,
    QUnitNormalization,
    QUnitNormalization16,
    UnitNormalization,
)
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile

Normalizing = QUnitNormalization | QUnitNormalization16


class UnitNormalizationKernel(PlainKernel[Normalizing, UnitNormalization]):
    """The kernel mlut_unit_normalization."""

    def overwrites(self, call: Call[Normalizing]) -> Iterable[int]:
        """Return the input: the sum of a vector is known before its first value is written."""
        return (0,)

    def work(self, call: Call[Normalizing], tile: Tile, core: str) -> Counter[str]:
        """Count vectors and values."""
        size = call.output.size
        return Counter(
            {
                "unit_normalization": 1.0,
                "unit_normalization vector": size // call.shape[-1],
                "unit_normalization value": size,
            }
        )

    def sizes(
        self, op: Normalizing | UnitNormalization, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return the length of a vector."""
        yield "the number of values under a unit normalization", outputs[0][-1], LONGEST
