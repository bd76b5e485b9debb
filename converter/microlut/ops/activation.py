"""Activations that are fused into the operator before them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self, assert_never

import numpy as np

from microlut.ops.arrays import FloatArray
from microlut.ops.base import FloatOp
from microlut.ops.tensor import DType, Quantization, Tensor, integer_limits


class ActivationKind(StrEnum):
    """Activations that can be fused into the operator before them."""

    LINEAR = "linear"
    RELU = "relu"
    RELU6 = "relu6"

    def apply(self, x: FloatArray) -> FloatArray:
        """Return `x` after the activation."""
        match self:
            case ActivationKind.LINEAR:
                return x
            case ActivationKind.RELU:
                return np.maximum(x, np.float32(0))
            case ActivationKind.RELU6:
                return np.clip(x, np.float32(0), np.float32(6))
            case _:
                assert_never(self)

    def train(self, tf: Any, x: Any) -> Any:  # noqa: ANN401 - TensorFlow has no types
        """Return a tensor of TensorFlow after the activation."""
        match self:
            case ActivationKind.LINEAR:
                return x
            case ActivationKind.RELU:
                return tf.nn.relu(x)
            case ActivationKind.RELU6:
                return tf.nn.relu6(x)
            case _:
                assert_never(self)

    def limits(self, output: Quantization, dtype: DType = "int8") -> tuple[int, int]:
        """Return the integer (minimum, maximum), rounded as TensorFlow Lite does."""
        scale = np.float32(output.scale)
        low, high = integer_limits(dtype)
        steps = high - low + 1
        if self is not ActivationKind.LINEAR:
            low = max(low, output.zero_point)
        # Below that scale, 6 is more than all steps, and the quotient could be infinite.
        if self is ActivationKind.RELU6 and output.scale > 6.0 / steps:
            high = min(high, output.zero_point + int(np.floor(np.float32(6.0) / scale + 0.5)))
        return low, high


class Fusing(FloatOp):
    """An operator that applies an activation to its only output."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def activation(self) -> ActivationKind:
            """The activation."""

    def with_activation(self, activation: ActivationKind) -> Self:
        """Return the same operator with another activation."""
        return replace(self, activation=activation)  # type: ignore[type-var]

    @abstractmethod
    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the output after the activation."""
        return (self.activation.apply(self.linear(inputs)),)


def fused_name(minimum: int, maximum: int, output: Tensor) -> str:
    """Return the name of the fused activation of TensorFlow Lite that has these limits."""
    low, high = integer_limits(output.dtype)
    if maximum < high:
        return "RELU6"
    if minimum > low or output.zero_point == low:
        return "RELU"
    return "NONE"
