"""Pictures of another size, interpolated linearly between four pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray, Int64, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras, OwnOp, ScaleRule, demand, picture
from microlut.ops.builtin import Builtin, Constant
from microlut.ops.tensor import CONFIG, DType, Tensor

_ONE = 1 << 10  # positions are multiples of 1/1024 pixels
_ROUND = 1 << 19  # a half of _ONE * _ONE

# Which places of the input the pixels of the output are: their centers ("centers"), corners on
# corners ("corners"), or the pixels' corners at the top left ("origin").
Alignment = Literal["centers", "corners", "origin"]


@dataclass(frozen=True, slots=True)
class ResizeBilinear(FloatOp):
    """A picture of `height` x `width` pixels; none is averaged that lies between those taken."""

    height: int
    width: int
    alignment: Alignment = "centers"
    scale_rule: ClassVar[ScaleRule] = "same"
    becomes: ClassVar[str] = "resize_bilinear"
    wide: ClassVar[str | None] = "resize_bilinear_16"
    keras: ClassVar[Keras] = Keras(
        layers=("Resizing", "UpSampling2D"),
        functions=("Resize", "compat.v1.image.resize_bilinear", "image.resize"),
    )

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs, (self.height, self.width), self.alignment),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the resized pictures."""
        x = inputs[0]
        for axis, size in ((1, self.height), (2, self.width)):
            low, high, part = _real_places(x.shape[axis], size, self.alignment)
            share = part.reshape(-1, *[1] * (3 - axis))
            first = np.take(x, low, axis)
            x = first + (np.take(x, high, axis) - first) * share
        return (x,)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        resized = tf.compat.v1.image.resize_bilinear(
            inputs[0],
            (self.height, self.width),
            align_corners=self.alignment == "corners",
            half_pixel_centers=self.alignment == "centers",
        )
        return (resized,)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form."""
        form = QResizeBilinear16 if outputs[0].dtype == "int16" else QResizeBilinear
        return form(self.height, self.width, self.alignment)


@dataclass(frozen=True, slots=True)
class QResizeBilinear(IntegerOp):
    """The same in integers, with positions that are rounded to 1/1024 pixels.

    ResizeBilinearInteger of TensorFlow Lite: sums of 20 fractional bits are rounded half away from
    zero, zero points included.
    """

    height: int
    width: int
    alignment: Alignment
    kind: Literal["resize_bilinear"] = "resize_bilinear"
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs, (self.height, self.width), self.alignment),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the resized pictures."""
        return (_resized(arrays[0], (self.height, self.width), self.alignment),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return RESIZE_BILINEAR."""
        size = Constant("size", np.array((self.height, self.width), np.int32))
        fields = {
            "alignCorners": self.alignment == "corners",
            "halfPixelCenters": self.alignment == "centers",
        }
        name, options, read = "RESIZE_BILINEAR", "ResizeBilinearOptions", (inputs[0], size)
        return (Builtin(name, 3, read, tuple(outputs), options, fields),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless both tensors have one quantization."""
        demand(inputs[0].quantized == outputs[0].quantized, "the scales of its tensors")


@dataclass(frozen=True, slots=True)
class QResizeBilinear16(OwnOp):
    """The same of int16 values, with sums of 36 bits.

    TensorFlow Lite has it, but not on devices.
    """

    height: int
    width: int
    alignment: Alignment
    kind: Literal["resize_bilinear_16"] = "resize_bilinear_16"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs, (self.height, self.width), self.alignment),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the resized pictures."""
        return (_resized(arrays[0], (self.height, self.width), self.alignment),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless both tensors have one quantization."""
        demand(inputs[0].quantized == outputs[0].quantized, "the scales of its tensors")


def _resized(pictures: IntArray, output: tuple[int, int], alignment: Alignment) -> IntArray:
    x = pictures.astype(np.int64)
    for axis, size in ((1, output[0]), (2, output[1])):
        low, high, part = _places(x.shape[axis], size, alignment)
        share = part.reshape(-1, *[1] * (3 - axis))
        x = np.take(x, low, axis) * (_ONE - share) + np.take(x, high, axis) * share
    rounded = np.sign(x) * ((np.abs(x) + _ROUND) // (_ONE * _ONE))
    made: IntArray = rounded.astype(pictures.dtype)
    return made


def position(size: int, output: int, alignment: Alignment) -> tuple[int, int]:
    """Return the step per pixel of the output, and the place of its first one, in 1/1024 pixels."""
    if alignment == "corners" and output > 1:
        return (_ONE * (size - 1) + (output - 1) // 2) // (output - 1), 0
    step = (_ONE * size + output // 2) // output
    return step, step // 2 - _ONE // 2 if alignment == "centers" else 0


def _places(size: int, output: int, alignment: Alignment) -> tuple[Int64, Int64, Int64]:
    """Return both neighbours of each pixel of the output along an axis, and the second's share."""
    step, start = position(size, output, alignment)
    at = np.maximum(start + step * np.arange(output, dtype=np.int64), 0)
    low = at // _ONE
    return low, np.minimum(low + 1, size - 1), np.where(low < size - 1, at % _ONE, 0)


def _real_places(
    size: int, output: int, alignment: Alignment
) -> tuple[Int64, Int64, NDArray[np.float32]]:
    """Return the same without rounding to 1/1024 pixels."""
    at = np.arange(output, dtype=np.float32)
    if alignment == "corners" and output > 1:
        at = at * np.float32((size - 1) / (output - 1))
    elif alignment == "centers":
        at = (at + np.float32(0.5)) * np.float32(size / output) - np.float32(0.5)
    else:
        at = at * np.float32(size / output)
    low = np.clip(np.floor(at), 0, size - 1).astype(np.int64)
    share = np.clip(at - low.astype(np.float32), 0, None).astype(np.float32)
    return low, np.minimum(low + 1, size - 1), share


def _shape(inputs: Sequence[Shape], output: tuple[int, int], alignment: Alignment) -> Shape:
    source = picture(inputs)
    if min(output) < 1:
        raise ValueError(f"makes pictures of {output[0]} x {output[1]} pixels")
    for size, wanted in zip(source[:2], output, strict=True):
        step, start = position(size, wanted, alignment)
        if (start + step * (wanted - 1)) // _ONE >= size:
            raise ValueError(
                f"resizes {size} pixels to {wanted}, where steps of 1/1024 pixels do not suffice; "
                "resize in two layers"
            )
    return (*output, source[2])
