"""Leaky rectifier whose slopes are weights, one per channel or per value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray, Int64, IntArray, Shape, frozen_array
from microlut.ops.base import FloatOp, IntegerOp, Keras, demand, one_shape
from microlut.ops.builtin import Builtin, Constant
from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.json_arrays import Int8Array
from microlut.ops.table import LARGEST_SHIFT
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits

_LARGEST_SLOPE = 127  # in steps of its scale; the zero point is 0
_LARGEST_PRODUCT_SHIFT = 16  # products have 15 bits and a sign
# Of values, and of products, which have 22 bits and a sign.
_LARGEST_SHIFT_16, _LARGEST_PRODUCT_SHIFT_16 = 15, 8


@dataclass(frozen=True, slots=True, repr=False)
class Prelu(FloatOp):
    """x, or its slope times x where x is negative; slopes are broadcast to the input's shape."""

    slopes: FloatArray
    keras: ClassVar[Keras] = Keras(layers=("PReLU",))
    becomes: ClassVar[str] = "prelu"

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.slopes.shape, inputs),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the results."""
        return (np.where(inputs[0] > 0, inputs[0], self.slopes * inputs[0]),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor; the slopes stay."""
        return (tf.where(inputs[0] > 0, inputs[0], tf.constant(self.slopes) * inputs[0]),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which a product overflows 32 bits while it is scaled."""
        kept, leaked = 2.0 ** (1 - LARGEST_SHIFT), 2.0 ** (1 - _LARGEST_PRODUCT_SHIFT)
        return inputs[0] * max(kept, leaked * self._slope_scale)

    @property
    def _slope_scale(self) -> float:
        """The scale of int8 slopes."""
        largest = float(np.abs(self.slopes).max())
        return float(np.float32(largest / _LARGEST_SLOPE)) or 1.0

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form."""
        scale = self._slope_scale
        steps = np.clip(np.rint(self.slopes / scale), -_LARGEST_SLOPE, _LARGEST_SLOPE)
        return stored_prelu(frozen_array(steps, np.int8), scale, inputs, outputs)

    @classmethod
    def from_keras(cls, options: Mapping[str, Any], inputs: Sequence[Shape]) -> Prelu:
        """Return the operator with the slopes with which Keras begins, zeros, per channel."""
        return cls(frozen_array(np.zeros(one_shape(inputs)[-1])))


@dataclass(frozen=True, slots=True, repr=False)
class QPrelu(IntegerOp):
    """TensorFlow Lite's PRELU: (value - zero point), or its product with a slope, times a factor.

    Attributes:
        slopes: In steps of their scale, with zero point 0.
        slope_scale: That scale.
        positive: (multiplier, shift) of values that are not negative.
        negative: (multiplier, shift) of products.
    """

    slopes: Int8Array
    slope_scale: float
    positive: tuple[int, int]
    negative: tuple[int, int]
    kind: Literal["prelu"] = "prelu"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(self.slopes.shape, inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results [batch, ...]."""
        x: Int64 = arrays[0].astype(np.int64) - inputs[0].zero_point
        products = np.minimum(x, 0) * self.slopes.astype(np.int64)
        leaked = multiply(products, *self.negative)
        found = np.where(x >= 0, multiply(np.maximum(x, 0), *self.positive), leaked)
        dtype = outputs[0].dtype
        limits = integer_limits(dtype)
        return (np.clip(found + outputs[0].zero_point, *limits).astype(dtype),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return PRELU."""
        scales = np.array([self.slope_scale], np.float32)
        slopes = Constant("slopes", self.slopes, scales)
        return (Builtin("PRELU", 1, (inputs[0], slopes), tuple(outputs)),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless slopes and factors are valid."""
        demand(int(self.slopes.min()) > -128, "its slopes")
        demand(0 < self.slope_scale <= float(np.finfo(np.float32).max), "the scale of its slopes")
        most = LARGEST_SHIFT, _LARGEST_PRODUCT_SHIFT
        if outputs[0].dtype == "int16":
            most = _LARGEST_SHIFT_16, _LARGEST_PRODUCT_SHIFT_16
        for (multiplier, shift), largest in zip((self.positive, self.negative), most, strict=True):
            demand(0 <= multiplier < 1 << 31 and -31 <= shift <= largest, "its multipliers")


def stored_prelu(
    slopes: NDArray[np.int8], scale: float, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> QPrelu:
    """Return the integer form with these slopes, in steps of a scale."""
    positive = quantize_multiplier(inputs[0].scale / outputs[0].scale)
    negative = quantize_multiplier(inputs[0].scale * scale / outputs[0].scale)
    return QPrelu(
        slopes,
        scale,
        (positive.multiplier, positive.shift),
        (negative.multiplier, negative.shift),
    )


def _shape(slopes: Shape, inputs: Sequence[Shape]) -> Shape:
    """Return the input's shape; raise ValueError unless slopes are broadcast to it."""
    shape = one_shape(inputs)
    fits = len(slopes) <= len(shape) and all(
        n in (1, m) for n, m in zip(slopes[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(f"has slopes of shape {list(slopes)} for values of {list(shape)}")
    return shape
