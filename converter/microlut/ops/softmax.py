"""Softmax over the last dimension, as TensorFlow Lite computes it in fixed point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import FloatArray, Int64, IntArray
from microlut.ops.base import FloatOp, IntegerOp, Keras, SameShape, ScaleRule, demand
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import (
    exp_on_negative_values,
    input_radius,
    one_over_one_plus,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_doubling_high_mul,
)
from microlut.ops.softmax_16 import softmax_16
from microlut.ops.tensor import CONFIG, FixedRange, Tensor

_ACCUMULATION_INTEGER_BITS = 12
_INPUT_INTEGER_BITS = 5
_LARGEST_SHIFT = 31
LONG_SOFTMAX = (
    512  # classes from which on the sum of exponentials may be too large for TensorFlow Lite
)
_TFLITE_SUM = LONG_SOFTMAX << (31 - _ACCUMULATION_INTEGER_BITS)


@dataclass(frozen=True, slots=True)
class Softmax(SameShape, FloatOp):
    """Softmax over the last dimension."""

    scale_rule: ClassVar[ScaleRule] = FixedRange(0.0, 1.0)
    keras: ClassVar[Keras] = Keras(layers=("Softmax",), activation="softmax")
    becomes: ClassVar[str] = "softmax"
    wide: ClassVar[str | None] = "softmax_16"

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the probabilities."""
        x = inputs[0]
        exponentials: FloatArray = np.exp(x - x.max(axis=-1, keepdims=True))
        return (exponentials / exponentials.sum(axis=-1, keepdims=True),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.nn.softmax(inputs[0]),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form; differences become Q5.26, as PreprocessSoftmaxScaling does."""
        if inputs[0].dtype == "int16":
            return softmax_16(inputs[0])
        scale = inputs[0].scale
        if scale * 2.0**26 <= 1.0:
            raise UnsupportedModel(
                f"its inputs differ by less than {256 * 2.0**-26:.0e} on the calibration inputs, "
                "so all classes are equally likely; check the model or give other inputs"
            )
        factor = quantize_multiplier(min(scale * 2.0**26, 2.0**31 - 1.0))
        radius = input_radius(_INPUT_INTEGER_BITS, factor.shift)
        # int8 values differ by 255 at most
        return QSoftmax(factor.multiplier, factor.shift, max(-radius, -255))


@dataclass(frozen=True, slots=True)
class QSoftmax(SameShape, IntegerOp):
    """Softmax over the last dimension; 0 where x - max(x) is below `minimum_difference`."""

    multiplier: int
    left_shift: int
    minimum_difference: int
    kind: Literal["softmax"] = "softmax"
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the probabilities, with scale 1/256 and zero point -128."""
        exponential, counted = self._exponentials(arrays[0])
        reciprocal, over_unit = _reciprocal(_total(exponential, counted))
        product = saturating_doubling_high_mul(reciprocal, exponential)
        value = rounding_divide_by_pot(product, over_unit + 31 - 8) - 128
        return (np.where(counted, np.clip(value, -128, 127), -128).astype(np.int8),)

    def within_tflite(self, x: IntArray) -> NDArray[np.bool_]:
        """Return for which vectors [..., 1] TensorFlow Lite's kernel is defined.

        It shifts shares by more bits than they have if exponentials of the differences from the
        largest value add up to 512: debug builds stop there.
        """
        found: NDArray[np.bool_] = _total(*self._exponentials(x)) < _TFLITE_SUM
        return found

    def _exponentials(self, x: IntArray) -> tuple[Int64, NDArray[np.bool_]]:
        """Return exponentials in Q0.31, and which of them count."""
        wide = x.astype(np.int64)
        difference = wide - wide.max(axis=-1, keepdims=True)
        counted = difference >= self.minimum_difference
        kept = np.where(counted, difference, 0)
        scaled = saturating_doubling_high_mul(kept << self.left_shift, self.multiplier)
        return exp_on_negative_values(scaled, _INPUT_INTEGER_BITS), counted

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return SOFTMAX."""
        fields = {"beta": 1.0}
        return (Builtin("SOFTMAX", 2, tuple(inputs), tuple(outputs), "SoftmaxOptions", fields),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the numbers are valid."""
        largest = -self.minimum_difference << min(self.left_shift, _LARGEST_SHIFT)
        sound = 0 <= self.left_shift <= _LARGEST_SHIFT and 0 <= largest < 1 << 31
        demand(sound and 0 <= self.multiplier < 1 << 31, "its multiplier")
        demand(-255 <= self.minimum_difference <= 0, "its smallest difference")


def _total(exponential: Int64, counted: NDArray[np.bool_]) -> Int64:
    """Return the sum in Q12.19."""
    rescaled = rounding_divide_by_pot(exponential, _ACCUMULATION_INTEGER_BITS)
    total: Int64 = np.where(counted, rescaled, 0).sum(axis=-1, keepdims=True)
    return total


def _reciprocal(x: Int64) -> tuple[Int64, Int64]:
    """Return 1 / x as (Q0.31 mantissa, exponent) for x > 0 in Q12.19."""
    headroom = 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)  # leading zeros of 32 bits
    mantissa = (x << headroom) - (1 << 31)
    return one_over_one_plus(mantissa), _ACCUMULATION_INTEGER_BITS - headroom
