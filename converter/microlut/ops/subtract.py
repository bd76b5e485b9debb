"""Element-wise difference of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from microlut.ops.activation import ActivationKind, Fusing
from microlut.ops.arrays import FloatArray
from microlut.ops.base import Keras
from microlut.ops.binary import SMALLEST_SUM, Binary, Function
from microlut.ops.tensor import Tensor


@dataclass(frozen=True, slots=True, repr=False)
class Subtract(Binary, Fusing):
    """Element-wise difference of two tensors, or of one and a constant, with broadcasting."""

    activation: ActivationKind = ActivationKind.LINEAR
    constant: FloatArray | None = None
    constant_first: bool = False
    function: ClassVar[Function] = "sub"
    keras: ClassVar[Keras] = Keras(layers=("Subtract",), limits="two tensors, with broadcasting")

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        left, right = self.pair(inputs)
        return left - right

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        left, right = self.tensors(tf, inputs)
        return (self.activation.train(tf, left - right),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which the difference overflows 32 bits."""
        return SMALLEST_SUM * max(self.scales(inputs))

    def limits(self, output: Tensor) -> tuple[int, int]:
        """Return those of the activation."""
        return self.activation.limits(output.quantized, output.dtype)
