"""Element-wise product of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.activation import ActivationKind, Fusing, fused_name
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import IntegerOp, Keras, demand, is_int8
from microlut.ops.broadcast import aligned, broadcast_shape
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.tensor import CONFIG, Tensor

_LARGEST_SHIFT = 14  # products have 17 bits


@dataclass(frozen=True, slots=True)
class Mul(Fusing):
    """Element-wise product of two tensors, with broadcasting."""

    activation: ActivationKind = ActivationKind.LINEAR
    operands: ClassVar[int | None] = 2
    keras: ClassVar[Keras] = Keras(layers=("Multiply",))
    becomes: ClassVar[str] = "mul"

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (broadcast_shape(inputs),)

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        left, right = aligned(inputs)
        return left * right

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        rank = max(len(x.shape) for x in inputs)
        left, right = (
            tf.reshape(x, (-1, *[1] * (rank - len(x.shape)), *x.shape[1:])) for x in inputs
        )
        return (self.activation.train(tf, left * right),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which a product overflows 32 bits while it is scaled."""
        return 2.0 ** (1 - _LARGEST_SHIFT) * inputs[0] * inputs[1]

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QMul:
        """Return the integer form."""
        factor = quantize_multiplier(inputs[0].scale * inputs[1].scale / outputs[0].scale)
        return QMul(factor.multiplier, factor.shift, *self.activation.limits(outputs[0].quantized))


@dataclass(frozen=True, slots=True)
class QMul(IntegerOp):
    """Product of (value - zero point) of two tensors, times multiplier * 2^(shift - 31)."""

    multiplier: int
    shift: int
    minimum: int
    maximum: int
    kind: Literal["mul"] = "mul"
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (broadcast_shape(inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the products [batch, ...]."""
        left, right = aligned(
            [x.astype(np.int64) - t.zero_point for x, t in zip(arrays, inputs, strict=True)]
        )
        scaled = multiply(left * right, self.multiplier, self.shift) + outputs[0].zero_point
        return (np.clip(scaled, self.minimum, self.maximum).astype(np.int8),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return MUL."""
        fused = fused_name(self.minimum, self.maximum, outputs[0].quantized)
        fields = {"fusedActivationFunction": fused}
        return (Builtin("MUL", 2, tuple(inputs), tuple(outputs), "MulOptions", fields),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless factor and limits are valid."""
        sound = 0 <= self.multiplier < 1 << 31 and -31 <= self.shift <= _LARGEST_SHIFT
        demand(sound, "its multiplier")
        demand(is_int8(self.minimum, self.maximum), "its limits")
