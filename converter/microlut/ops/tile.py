"""All values along a dimension, repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.base import Keras
from microlut.ops.move import Moving
from microlut.ops.movement import Movement, check_counts, repeated


@dataclass(frozen=True, slots=True)
class Tile(Moving):
    """All values as often as `counts` says, per dimension, one copy after the other."""

    counts: tuple[int, ...]
    keras: ClassVar[Keras] = Keras(functions=("Tile", "tile"))

    def movement(self, shape: Shape) -> Movement:
        """Return the movement; raise ValueError for counts that do not fit."""
        check_counts(self.counts, shape)
        return repeated(shape, self.counts, values=False)
