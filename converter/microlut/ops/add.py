"""Element-wise sum of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from microlut.ops.activation import ActivationKind, Fusing
from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import IntegerOp, Keras
from microlut.ops.binary import SMALLEST_SUM, Binary, Function, QBinary
from microlut.ops.builtin import Builtin
from microlut.ops.tensor import CONFIG, Tensor


@dataclass(frozen=True, slots=True, repr=False)
class Add(Binary, Fusing):
    """Element-wise sum of two tensors, or of one and a constant, with broadcasting."""

    activation: ActivationKind = ActivationKind.LINEAR
    constant: FloatArray | None = None
    constant_first: bool = False
    function: ClassVar[Function] = "add"
    becomes: ClassVar[str] = "add"
    wide: ClassVar[str | None] = "binary"
    keras: ClassVar[Keras] = Keras(layers=("Add",), limits="two or more tensors, with broadcasting")

    def linear(self, inputs: Sequence[FloatArray]) -> FloatArray:
        """Return the output before the activation."""
        left, right = self.pair(inputs)
        return left + right

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        left, right = self.tensors(tf, inputs)
        return (self.activation.train(tf, left + right),)

    def smallest_scale(self, inputs: Sequence[float]) -> float:
        """Return the output scale below which the sum overflows 32 bits."""
        return SMALLEST_SUM * max(self.scales(inputs))

    def limits(self, output: Tensor) -> tuple[int, int]:
        """Return those of the activation."""
        return self.activation.limits(output.quantized, output.dtype)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the integer form: `QAdd` of int8 if nothing is broadcast, else `QBinary`."""
        general = Binary.quantize(self, inputs, outputs)
        assert isinstance(general, QBinary)
        if (
            general.constant is not None
            or inputs[0].shape != inputs[1].shape
            or outputs[0].dtype != "int8"
        ):
            return general
        left, right, output = general.factors
        return QAdd((left, right), output, general.minimum, general.maximum)


@dataclass(frozen=True, slots=True)
class QAdd(IntegerOp):
    """Sum of two tensors of equal shape, each shifted left by 20 bits and brought to one scale.

    The three pairs are (multiplier, shift) of input 0, input 1 and the output.
    """

    input_multipliers: tuple[tuple[int, int], tuple[int, int]]
    output_multiplier: tuple[int, int]
    minimum: int
    maximum: int
    kind: Literal["add"] = "add"
    __pydantic_config__ = CONFIG

    @property
    def general(self) -> QBinary:
        """The same sum as a function of any two operands; only the kernels differ."""
        factors = (*self.input_multipliers, self.output_multiplier)
        return QBinary("add", factors, self.minimum, self.maximum)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (_shape(inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the output [batch, ...] for inputs [batch, ...]."""
        return self.general.evaluate(arrays, inputs, outputs)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return ADD."""
        return self.general.tflite(inputs, outputs)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless factors and limits are valid."""
        self.general.check(inputs, outputs)


def _shape(inputs: Sequence[Shape]) -> Shape:
    if len(inputs) != 2 or inputs[0] != inputs[1]:
        found = ", ".join(str(list(shape)) for shape in inputs)
        raise ValueError(f"adds tensors of shapes {found}, expected two of equal shape")
    return inputs[0]
