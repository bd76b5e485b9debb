"""Pixels as channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.base import Keras, picture
from microlut.ops.move import Moving
from microlut.ops.movement import Movement, space_to_depth


@dataclass(frozen=True, slots=True)
class SpaceToDepth(Moving):
    """Groups of channels out of squares of `block` x `block` pixels."""

    block: int
    keras: ClassVar[Keras] = Keras(
        functions=("SpaceToDepth", "compat.v1.space_to_depth", "nn.space_to_depth")
    )

    def movement(self, shape: Shape) -> Movement:
        """Return the movement; raise ValueError for a size that is no multiple of the block."""
        height, width, _ = picture([shape])
        if self.block < 1 or height % self.block or width % self.block:
            raise ValueError(
                f"takes blocks of {self.block} x {self.block} out of {height} x {width} pixels"
            )
        return space_to_depth(shape, self.block)
