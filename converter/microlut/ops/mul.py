"""Element-wise product of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from microlut.ops.activation import ActivationKind, Fusing
from microlut.ops.arrays import FloatArray
from microlut.ops.base import Keras
from microlut.ops.binary import LARGEST_SHIFT, Binary, Function
from microlut.ops.tensor import Tensor


@dataclass(frozen=True, slots=True, repr=False)
class Mul(Binary, Fusing):
    """Element-wise product of two tensors, or of one and a constant, with broadcasting."""

    activation: ActivationKind = ActivationKind.LINEAR
    constant: FloatArray | None = None
    constant_first: bool = False
    function: ClassVar[Function] = "mul"
    keras: ClassVar[Keras] = Keras(
        layers=("Multiply",), limits="two or more tensors, with broadcasting"
    )

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        left, right = self.pair(inputs)
        return left * right

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        left, right = self.tensors(tf, inputs)
        return (self.activation.train(tf, left * right),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which a product overflows 32 bits while it is scaled."""
        left, right = self.scales(inputs)
        return 2.0 ** (1 - LARGEST_SHIFT) * left * right

    def limits(self, output: Tensor) -> tuple[int, int]:
        """Return those of the activation."""
        return self.activation.limits(output.quantized, output.dtype)
