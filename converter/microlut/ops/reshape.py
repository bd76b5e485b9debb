"""Another view of the same values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.ops.arrays import FloatArray, IntArray, Shape
from microlut.ops.base import FloatOp, IntegerOp, Keras, ScaleRule, one_shape
from microlut.ops.builtin import Builtin, Constant
from microlut.ops.tensor import CONFIG, DType, Tensor


@dataclass(frozen=True, slots=True)
class Reshape(FloatOp):
    """Another view of the same values in the same order; `shape` is without the batch."""

    shape: Shape
    scale_rule: ClassVar[ScaleRule] = "same"
    becomes: ClassVar[str] = "reshape"
    keras: ClassVar[Keras] = Keras(layers=("Flatten", "Reshape"))

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the new shape."""
        return (_shape(self.shape, inputs),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the same values in the new shape."""
        return (inputs[0].reshape(len(inputs[0]), *self.shape),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.reshape(inputs[0], (-1, *self.shape)),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QReshape:
        """Return the integer form."""
        return QReshape(self.shape)


@dataclass(frozen=True, slots=True)
class QReshape(IntegerOp):
    """Another view of the same bytes."""

    shape: Shape
    kind: Literal["reshape"] = "reshape"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the new shape."""
        return (_shape(self.shape, inputs),)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the same values in the new shape."""
        return (arrays[0].reshape(len(arrays[0]), *self.shape),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return RESHAPE."""
        shape = (1, *self.shape)
        constant = Constant("shape", np.array(shape, np.int32))
        fields = {"newShape": list(shape)}
        read = (inputs[0], constant)
        return (Builtin("RESHAPE", 1, read, tuple(outputs), "ReshapeOptions", fields),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Accept any: there are no numbers besides the shapes."""


def _shape(shape: Shape, inputs: Sequence[Shape]) -> Shape:
    source = one_shape(inputs)
    if math.prod(source) != math.prod(shape):
        raise ValueError(f"reshapes {list(source)} to {list(shape)}, which has another size")
    return shape
