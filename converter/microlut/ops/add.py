"""Element-wise sum of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.activation import ActivationKind, Fusing, fused_name
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import IntegerOp, Keras, demand, is_int8
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.tensor import CONFIG, Tensor

_LEFT_SHIFT = 20  # of the int8 addition of TensorFlow Lite
_LARGEST_SHIFT = 31


@dataclass(frozen=True, slots=True)
class Add(Fusing):
    """Element-wise sum of two tensors of equal shape."""

    activation: ActivationKind = ActivationKind.LINEAR
    operands: ClassVar[int | None] = 2
    becomes: ClassVar[str] = "add"
    keras: ClassVar[Keras] = Keras(layers=("Add",))

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs),)

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        return inputs[0] + inputs[1]

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (self.activation.train(tf, inputs[0] + inputs[1]),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which the sum overflows 32 bits.

        2^-19 of the larger input scale makes the last factor 1, which is too large.
        """
        return 2.0**-18 * max(inputs)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QAdd:
        """Return the integer form: both inputs are scaled to 2^-20 of twice the larger scale."""
        twice = 2.0 * max(tensor.scale for tensor in inputs)
        pairs = [quantize_multiplier(tensor.scale / twice) for tensor in inputs]
        last = quantize_multiplier(twice / (2.0**_LEFT_SHIFT * outputs[0].scale))
        return QAdd(
            (
                (pairs[0].multiplier, pairs[0].shift),
                (pairs[1].multiplier, pairs[1].shift),
            ),
            (last.multiplier, last.shift),
            *self.activation.limits(outputs[0].quantized),
        )


@dataclass(frozen=True, slots=True)
class QAdd(IntegerOp):
    """Sum of two tensors: each input is shifted left by 20 bits and scaled to a common scale.

    The three pairs are (multiplier, shift) of input 0, input 1 and the output.
    """

    input_multipliers: tuple[tuple[int, int], tuple[int, int]]
    output_multiplier: tuple[int, int]
    minimum: int
    maximum: int
    kind: Literal["add"] = "add"
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the output [batch, ...] for inputs [batch, ...]."""
        terms = [
            multiply((x.astype(np.int64) - tensor.zero_point) << _LEFT_SHIFT, *factor)
            for x, tensor, factor in zip(arrays, inputs, self.input_multipliers, strict=True)
        ]
        scaled = multiply(terms[0] + terms[1], *self.output_multiplier) + outputs[0].zero_point
        return (np.clip(scaled, self.minimum, self.maximum).astype(np.int8),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return ADD."""
        fused = fused_name(self.minimum, self.maximum, outputs[0].quantized)
        fields = {"fusedActivationFunction": fused}
        return (Builtin("ADD", 2, tuple(inputs), tuple(outputs), "AddOptions", fields),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless factors and limits are valid."""
        for multiplier, shift in (*self.input_multipliers, self.output_multiplier):
            sound = 0 <= multiplier < 1 << 31 and -_LARGEST_SHIFT <= shift <= 0
            demand(sound, "its multipliers")
        demand(is_int8(self.minimum, self.maximum), "its limits")


def _shape(inputs: Sequence[Shape]) -> Shape:
    if len(inputs) != 2 or inputs[0] != inputs[1]:
        found = ", ".join(str(list(shape)) for shape in inputs)
        raise ValueError(f"adds tensors of shapes {found}, expected two of equal shape")
    return inputs[0]
