"""A part of a tensor, also with steps or backwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.base import Keras
from microlut.ops.move import Moving
from microlut.ops.movement import Axis, Movement, taken


@dataclass(frozen=True, slots=True)
class Slice(Moving):
    """The values at some places along each dimension, which lie at equal distances."""

    axes: tuple[Axis, ...]
    keras: ClassVar[Keras] = Keras(
        layers=("CenterCrop", "Cropping1D", "Cropping2D", "Cropping3D"),
        functions=(
            *("CropImages", "Flip", "GetItem", "Split", "Unstack"),
            *("__operators__.getitem", "image.central_crop", "image.crop_to_bounding_box"),
            *("image.flip_left_right", "image.flip_up_down", "reverse", "slice", "split"),
            *("strided_slice", "unstack"),
        ),
    )

    def movement(self, shape: Shape) -> Movement:
        """Return the movement; raise ValueError for places that a tensor does not have."""
        fits = len(self.axes) == len(shape)
        if not fits or not all(axis.fits(n) for axis, n in zip(self.axes, shape, strict=True)):
            shown = [(axis.begin, axis.last) for axis in self.axes]
            raise ValueError(f"takes {shown} of {list(shape)}, which has no such places")
        return taken(shape, self.axes)
