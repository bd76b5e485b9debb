"""Padding of pictures, mostly with zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras, ScaleRule, demand, picture
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.tensor import CONFIG, DType, Tensor
from microlut.ops.windows import Padding, pad, train_pad

_MOST_CHANNELS_16 = (1 << 15) - 1


@dataclass(frozen=True, slots=True)
class Pad(FloatOp):
    """Padding of the spatial dimensions.

    Attributes:
        padding: How many rows and columns.
        value: What these hold; others than 0 are only for networks that come with their integers.
    """

    padding: Padding
    value: float = 0.0
    scale_rule: ClassVar[ScaleRule] = "same"
    becomes: ClassVar[str] = "pad"
    keras: ClassVar[Keras] = Keras(layers=("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"))

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.padding, inputs),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the padded pictures."""
        return (pad(inputs[0], self.padding, self.value),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (train_pad(tf, inputs[0], self.padding, self.value),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QPad:
        """Return the integer form, whose kernel counts bytes in 16 bits."""
        if outputs[0].dtype == "int16" and outputs[0].shape[2] > _MOST_CHANNELS_16:
            raise UnsupportedModel(
                f"it pads {outputs[0].shape[2]:,} channels of int16, the engine's limit is "
                f"{_MOST_CHANNELS_16:,}; give its output 8 bits"
            )
        return QPad(self.padding)


@dataclass(frozen=True, slots=True)
class QPad(IntegerOp):
    """Padding with the zero point, or another value of int8."""

    padding: Padding
    value: int | None = None
    kind: Literal["pad"] = "pad"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.padding, inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the padded pictures."""
        return (pad(arrays[0], self.padding, self.filling(inputs[0])),)

    def filling(self, source: Tensor) -> int:
        """Return what is around a picture."""
        return source.zero_point if self.value is None else self.value

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return PAD, or PADV2."""
        read = inputs[0], pad_amounts(self.padding, "amounts")
        if self.value is None:
            made = Builtin("PAD", version(inputs[0], 2, 3), read, tuple(outputs), "PadOptions")
        else:
            made = padded_with(self.value, read, outputs[0], "value")
        return (made,)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless int8 holds another value than the zero point."""
        if self.value is not None:
            demand(inputs[0].dtype == "int8" and inputs[0].holds(self.value), "its value")


def pad_amounts(padding: Padding, name: str) -> Constant:
    """Return the amounts that PAD takes."""
    p = padding
    values = np.array([[0, 0], [p.top, p.bottom], [p.left, p.right], [0, 0]], np.int32)
    return Constant(name, values)


def padded_with(value: int, read: tuple[Tensor, Constant], output: Tensor, name: str) -> Builtin:
    """Return the PADV2 that pads a tensor with a value of its type."""
    source, amounts = read
    scale = np.array([source.scale], np.float32)
    values = np.array([value], source.dtype)
    constant = Constant(name, values, scale, zero_point=source.zero_point)
    ends = (source, amounts, constant), (output,)
    return Builtin("PADV2", version(source, 2, 2), *ends, "PadV2Options")


def _shape(padding: Padding, inputs: Sequence[Shape]) -> Shape:
    height, width, channels = picture(inputs)
    if padding.is_negative:
        raise ValueError("has negative padding")
    return (*padding.padded(height, width), channels)
