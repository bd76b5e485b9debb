"""Another order of dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.base import Keras
from microlut.ops.move import Moving
from microlut.ops.movement import Movement, transposed


@dataclass(frozen=True, slots=True)
class Transpose(Moving):
    """Dimensions in another order: `order` lists them as the input has them, from 0."""

    order: tuple[int, ...]
    keras: ClassVar[Keras] = Keras(
        layers=("Permute",),
        functions=(
            *("Moveaxis", "Swapaxes", "Transpose"),
            *("compat.v1.transpose", "transpose"),
        ),
    )

    def movement(self, shape: Shape) -> Movement:
        """Return the movement; raise ValueError unless all dimensions are listed."""
        if sorted(self.order) != list(range(len(shape))):
            raise ValueError(
                f"puts the dimensions of {list(shape)} into the order {list(self.order)}, expected "
                "each one once"
            )
        return transposed(shape, self.order)
