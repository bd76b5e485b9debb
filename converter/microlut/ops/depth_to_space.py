"""Channels as pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.base import Keras, picture
from microlut.ops.move import Moving
from microlut.ops.movement import Movement, depth_to_space


@dataclass(frozen=True, slots=True)
class DepthToSpace(Moving):
    """Squares of `block` x `block` pixels out of as many groups of channels."""

    block: int
    keras: ClassVar[Keras] = Keras(
        functions=("DepthToSpace", "compat.v1.depth_to_space", "nn.depth_to_space")
    )

    def movement(self, shape: Shape) -> Movement:
        """Return the movement; raise ValueError for channels that do not suffice."""
        _, _, channels = picture([shape])
        if self.block < 1 or channels % (self.block * self.block):
            raise ValueError(f"makes blocks of {self.block} x {self.block} of {channels} channels")
        return depth_to_space(shape, self.block)
