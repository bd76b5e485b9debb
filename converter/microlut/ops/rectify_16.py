"""Functions of int16 values with a slope on either side of zero, as TensorFlow Lite scales them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from microlut.ops.arrays import IntArray
from microlut.ops.base import IntegerOp, SameShape, demand
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits

LARGEST_SHIFT = 15  # to the left: values have 15 bits and a sign
_Factor = tuple[int, int]  # (multiplier, shift)


@dataclass(frozen=True, slots=True)
class QRectify16(SameShape, IntegerOp):
    """LEAKY_RELU, or ABS: its magnitude, times a factor.

    Attributes:
        function: Which.
        slope: Of the leaky rectifier, in single precision.
        positive: (multiplier, shift) of values that are not negative.
        negative: That of negative ones, or of their magnitudes.
    """

    function: Literal["leaky_relu", "abs"]
    slope: float
    positive: _Factor
    negative: _Factor
    kind: Literal["rectify_16"] = "rectify_16"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results [batch, ...]."""
        x = arrays[0].astype(np.int64)
        sign = -1 if self.function == "abs" else 1
        below = multiply(sign * np.minimum(x, 0), *self.negative)
        found = np.where(x >= 0, multiply(np.maximum(x, 0), *self.positive), below)
        return (np.clip(found, *integer_limits("int16")).astype(np.int16),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return LEAKY_RELU or ABS."""
        ends = tuple(inputs), tuple(outputs)
        if self.function == "abs":
            return (Builtin("ABS", 3, *ends),)
        return (Builtin("LEAKY_RELU", 2, *ends, "LeakyReluOptions", {"alpha": self.slope}),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the factors are valid."""
        for multiplier, shift in (self.positive, self.negative):
            demand(0 <= multiplier < 1 << 31 and -31 <= shift <= LARGEST_SHIFT, "its multipliers")
        same = self.function == "leaky_relu" or self.positive == self.negative
        demand(same, "its multipliers")


def leaky_relu_16(slope: float, source: Tensor, target: Tensor) -> QRectify16 | None:
    """Return LEAKY_RELU with a slope that is not negative, or None where 32 bits do not suffice."""
    alpha = float(np.float32(slope))
    factors = source.scale / target.scale, source.scale * alpha / target.scale
    return _rectifier("leaky_relu", alpha, factors)


def abs_16(source: Tensor, target: Tensor) -> QRectify16 | None:
    """Return ABS, or None where 32 bits do not suffice."""
    factor = source.scale / target.scale
    return _rectifier("abs", 0.0, (factor, factor))


def _rectifier(
    function: Literal["leaky_relu", "abs"], slope: float, factors: tuple[float, float]
) -> QRectify16 | None:
    if not np.isfinite(factors).all():
        return None
    positive, negative = map(quantize_multiplier, factors)
    if max(positive.shift, negative.shift) > LARGEST_SHIFT:
        return None
    return QRectify16(
        function,
        slope,
        (positive.multiplier, positive.shift),
        (negative.multiplier, negative.shift),
    )
