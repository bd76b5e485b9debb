"""A tensor times a positive number: the same integers, in another scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.base import FloatOp, IntegerOp, SameShape, ScaleRule, demand
from microlut.ops.builtin import Builtin, Constant, version
from microlut.ops.tensor import CONFIG, DType, Quantization, Tensor

_TOLERANCE = 1e-6  # of a scale in single precision, relatively


@dataclass(frozen=True, slots=True)
class Scale(SameShape, FloatOp):
    """The input times `factor`, which is positive. It costs nothing and is exact."""

    factor: float
    scale_rule: ClassVar[ScaleRule] = "times"
    becomes: ClassVar[str] = "scale"

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the product."""
        return (inputs[0] * np.float32(self.factor),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        del tf
        return (inputs[0] * self.factor,)

    def scaled(self, source: Quantization) -> Quantization:
        """Return the quantization of the output, given that of the input."""
        scale = float(np.float32(source.scale * self.factor))
        smallest, largest = np.finfo(np.float32).tiny, np.finfo(np.float32).max
        return Quantization(float(np.clip(scale, smallest, largest)), source.zero_point)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QScale:
        """Return the integer form."""
        if outputs[0].quantized != self.scaled(inputs[0].quantized):
            raise UnsupportedModel("its output must have another scale; leave the product out")
        return QScale(float(np.float32(outputs[0].scale / inputs[0].scale)))


@dataclass(frozen=True, slots=True)
class QScale(SameShape, IntegerOp):
    """The same bytes; `factor` is the output's scale divided by the input's."""

    factor: float
    kind: Literal["scale"] = "scale"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the input."""
        return (arrays[0],)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return MUL by the number 1 in the scale `factor`: 1 to the bit."""
        one = np.ones((1,) * (1 + len(outputs[0].shape)), outputs[0].dtype)
        factor = Constant("factor", one, np.array([self.factor], np.float32))
        fields = {"fusedActivationFunction": "NONE"}
        read = (inputs[0], factor)
        return (
            Builtin("MUL", version(outputs[0], 2, 4), read, tuple(outputs), "MulOptions", fields),
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless it is the quotient of the scales."""
        demand(inputs[0].zero_point == outputs[0].zero_point, "its zero points")
        wanted = self.factor * inputs[0].scale
        sound = abs(outputs[0].scale - wanted) <= _TOLERANCE * wanted
        demand(sound, "the scales of its tensors")
