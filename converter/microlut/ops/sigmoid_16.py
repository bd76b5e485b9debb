"""Sigmoid and tanh of int16 values, as TensorFlow Lite computes them by one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import IntArray
from microlut.ops.base import IntegerOp, SameShape, demand
from microlut.ops.builtin import Builtin
from microlut.ops.recurrent_gates import sigmoid_of_thirds, tanh_of_thirds
from microlut.ops.table_16 import real_table_16
from microlut.ops.tensor import CONFIG, DType, Quantization, Tensor

_UNIT = 3 * 4096.0  # steps of the scaled input: the table reaches up to 10.7 instead of 8
_LARGEST = 32767  # multiplier, so that products have 31 bits
_MOST_SHIFTED = 31
_Q15 = Quantization(2.0**-15, 0)
_NEARLY = 1e-3  # powers of 2 are told by a logarithm in single precision


@dataclass(frozen=True, slots=True)
class QSigmoid16(SameShape, IntegerOp):
    """Sigmoid, or tanh(x) = 2 sigmoid(2 x) - 1, interpolated in a table of 256 sigmoids.

    A value times `multiplier`, divided by 2^shift and rounded, is in thirds of 2^-12.
    """

    function: Literal["sigmoid", "tanh"]
    multiplier: int
    shift: int
    kind: Literal["sigmoid_16"] = "sigmoid_16"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results in Q0.15."""
        half = 1 << self.shift >> 1
        thirds = (arrays[0].astype(np.int64) * self.multiplier + half) >> self.shift
        function = sigmoid_of_thirds if self.function == "sigmoid" else tanh_of_thirds
        return (function(thirds).astype(np.int16),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return LOGISTIC or TANH."""
        name = "LOGISTIC" if self.function == "sigmoid" else "TANH"
        return (Builtin(name, 3, tuple(inputs), tuple(outputs)),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the numbers are valid."""
        sound = 0 <= self.multiplier <= _LARGEST and 0 <= self.shift <= _MOST_SHIFTED
        demand(sound, "its multiplier")
        demand(outputs[0].scale == 2.0**-15, "the scale of its output")


def sigmoid_16(function: Literal["sigmoid", "tanh"], source: Tensor) -> IntegerOp:
    """Return the operator for an input, as LogisticPrepare and TanhPrepare scale it.

    Below 2^-44 or so their multiplier is 0, which their kernels take for another scale: then it is
    a table of one value.
    """
    logarithm = np.log(np.float32(source.scale)) * (np.float32(1) / np.log(np.float32(2)))
    power = round(float(logarithm))
    left = power + 12
    if abs(float(logarithm) - power) < _NEARLY and 0 <= left <= (function == "tanh"):
        return QSigmoid16(function, 3 << left, 0)
    multiplier, shift = source.scale * _UNIT, 0
    while multiplier <= _LARGEST / 2.0 and shift < _MOST_SHIFTED:
        multiplier, shift = multiplier * 2.0, shift + 1
    if multiplier > _LARGEST + 1.0:
        raise UnsupportedModel(
            f"its inputs reach {source.scale * 2.0**15:.3g}, int16 allows 87,000 before "
            f"{function}; give its input 8 bits"
        )
    if int(multiplier) == 0:
        constant = 0.5 if function == "sigmoid" else 0.0
        target = replace(source, quantization=_Q15)
        return real_table_16(lambda x: np.full_like(x, constant), source, target)
    return QSigmoid16(function, int(multiplier), shift)
