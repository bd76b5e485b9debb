"""A tensor in another type or scale: between int8 and int16, or between scales of int16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.base import FloatOp, IntegerOp, SameShape, demand
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.tensor import CONFIG, DType, Tensor, integer_limits

_LARGEST_SHIFT = 14  # to the left: differences of int8 and values of int16 have 17 bits at most


@dataclass(frozen=True, slots=True)
class Requantize(SameShape, FloatOp):
    """The same real values in a tensor of another type."""

    becomes: ClassVar[str] = "requantize"

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return a copy of the input."""
        return (inputs[0].copy(),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the input."""
        del tf
        return (inputs[0],)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QRequantize:
        """Return the integer form."""
        return requantized(inputs[0], outputs[0])


@dataclass(frozen=True, slots=True)
class QRequantize(SameShape, IntegerOp):
    """TensorFlow Lite's QUANTIZE between integers: one multiplication, rounded twice.

    The factor, input scale / output scale, is multiplier * 2^(shift - 31).
    """

    multiplier: int
    shift: int
    kind: Literal["requantize"] = "requantize"
    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")
    mixes_types: ClassVar[bool] = True
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the values in the output's type and scale."""
        centered = arrays[0].astype(np.int64) - inputs[0].zero_point
        scaled = multiply(centered, self.multiplier, self.shift) + outputs[0].zero_point
        dtype = outputs[0].dtype
        return (np.clip(scaled, *integer_limits(dtype)).astype(dtype),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return QUANTIZE."""
        return (Builtin("QUANTIZE", 2, tuple(inputs), tuple(outputs), "QuantizeOptions"),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the factor is valid."""
        sound = 0 <= self.multiplier < 1 << 31 and -31 <= self.shift <= _LARGEST_SHIFT
        demand(sound, "its multiplier")


def requantized(source: Tensor, target: Tensor) -> QRequantize:
    """Return the operator that makes a tensor of the values of another one."""
    factor = quantize_multiplier(source.scale / target.scale)
    if factor.shift > _LARGEST_SHIFT:
        raise UnsupportedModel(
            f"a step of its input is 2^{factor.shift} steps of its output; give all tensors "
            "around it the same activations"
        )
    return QRequantize(factor.multiplier, factor.shift)
