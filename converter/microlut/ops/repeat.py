"""Values that are repeated, each on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.base import Keras
from microlut.ops.move import Moving
from microlut.ops.movement import Movement, check_counts, repeated


@dataclass(frozen=True, slots=True)
class Repeat(Moving):
    """Each value as often as `counts` says, per dimension: upsampling to the nearest value."""

    counts: tuple[int, ...]
    keras: ClassVar[Keras] = Keras(
        layers=("RepeatVector", "UpSampling1D", "UpSampling2D", "UpSampling3D"),
        functions=("Repeat", "repeat"),
    )

    def movement(self, shape: Shape) -> Movement:
        """Return the movement; raise ValueError for counts that do not fit."""
        check_counts(self.counts, shape)
        return repeated(shape, self.counts, values=True)
