"""Mean of every channel over the whole picture, with a quantization of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, demand, picture
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.fixed_point import mean_multiplier, multiply
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits

_LARGEST_SHIFT = 31


@dataclass(frozen=True, slots=True)
class Mean(FloatOp):
    """Mean of every channel over the whole picture."""

    becomes: ClassVar[str] = "mean"

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return ((1, 1, picture(inputs)[2]),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the means [batch, 1, 1, channels]."""
        return (inputs[0].mean(axis=(1, 2), keepdims=True),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.reduce_mean(inputs[0], axis=(1, 2), keepdims=True),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which sums overflow 32 bits while they are scaled.

        |sum| <= 255 * pixels, and 2^shift <= 4 * input scale / (output scale * pixels).
        """
        return 2.0**-20 * inputs[0]

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QMean:
        """Return the integer form."""
        pixels = inputs[0].shape[0] * inputs[0].shape[1]
        factor = mean_multiplier(inputs[0].scale / outputs[0].scale, pixels)
        return QMean(factor.multiplier, factor.shift)


@dataclass(frozen=True, slots=True)
class QMean(IntegerOp):
    """Mean of every channel over the picture: the sum of (value - zero point), times a factor.

    The factor, input scale / (output scale * pixels), is multiplier * 2^(shift - 31).
    """

    multiplier: int
    shift: int
    kind: Literal["mean"] = "mean"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return ((1, 1, picture(inputs)[2]),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the means [batch, 1, 1, channels] of pictures."""
        centered = arrays[0].astype(np.int64) - inputs[0].zero_point
        total = centered.sum(axis=(1, 2), keepdims=True)
        scaled = multiply(total, self.multiplier, self.shift) + outputs[0].zero_point
        return (np.clip(scaled, *integer_limits(outputs[0].dtype)).astype(outputs[0].dtype),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return MEAN over height and width."""
        axes = Constant("axes", np.array((1, 2), np.int32))
        fields = {"keepDims": True}
        return (
            Builtin(
                "MEAN",
                version(inputs[0], 2, 3),
                (inputs[0], axes),
                tuple(outputs),
                "ReducerOptions",
                fields,
            ),
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError unless the factor is valid."""
        sound = 0 <= self.multiplier < 1 << 31 and abs(self.shift) <= _LARGEST_SHIFT
        demand(sound, "its multiplier")
