"""Zero padding of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras, ScaleRule, picture
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.tensor import CONFIG, DType, Tensor
from microlut.ops.windows import Padding, pad, train_pad

_MOST_CHANNELS_16 = (1 << 15) - 1


@dataclass(frozen=True, slots=True)
class Pad(FloatOp):
    """Zero padding of the spatial dimensions."""

    padding: Padding
    scale_rule: ClassVar[ScaleRule] = "same"
    becomes: ClassVar[str] = "pad"
    keras: ClassVar[Keras] = Keras(layers=("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"))

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.padding, inputs),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the padded pictures."""
        return (pad(inputs[0], self.padding, 0.0),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (train_pad(tf, inputs[0], self.padding),)

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
    """Padding with the zero point."""

    padding: Padding
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
        return (pad(arrays[0], self.padding, inputs[0].zero_point),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return PAD."""
        p = self.padding
        amounts = np.array([[0, 0], [p.top, p.bottom], [p.left, p.right], [0, 0]], np.int32)
        constant = Constant("amounts", amounts)
        return (
            Builtin(
                "PAD", version(inputs[0], 2, 3), (inputs[0], constant), tuple(outputs), "PadOptions"
            ),
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Accept any: there are no numbers besides the shapes."""


def _shape(padding: Padding, inputs: Sequence[Shape]) -> Shape:
    height, width, channels = picture(inputs)
    if padding.is_negative:
        raise ValueError("has negative padding")
    return (*padding.padded(height, width), channels)
