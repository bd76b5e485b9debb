"""Padding of a picture with the zero point, or with another value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import ClassVar

from microlut.ops.pad import Pad, QPad
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import picture_sizes


class PadKernel(PlainKernel[QPad, Pad]):
    """The kernel mlut_pad."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")

    def work(self, call: Call[QPad], tile: Tile, core: str) -> Counter[str]:
        """Count bytes that are filled, and rows and bytes that are copied over them."""
        return Counter(
            {
                "pad": 1.0,
                "pad value": call.output.bytes,
                "pad row": call.source[0],
                "pad copied": call.inputs[0].bytes,
            }
        )

    def sizes(self, op: QPad | Pad, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the sizes of the pictures and of the padding."""
        return picture_sizes(inputs[0], outputs[0], op.padding)

    def fields(self, call: Call[QPad]) -> Mapping[str, object]:
        """Return the bytes of a pixel, as the kernel copies bytes, and what is around it."""
        pixel = call.output.bytes // (call.shape[0] * call.shape[1])
        return {"pixel": pixel, "value": call.op.filling(call.inputs[0])}
