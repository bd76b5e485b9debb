"""Logistic function, as TensorFlow Lite computes it in fixed point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.arrays import FloatArray, Int64
from microlut.ops.base import FloatOp, IntegerOp, Keras, SameShape, ScaleRule
from microlut.ops.fixed_point import exp_on_negative_values, one_over_one_plus
from microlut.ops.sigmoid_16 import sigmoid_16
from microlut.ops.table import INTEGER_BITS, fixed_point_table
from microlut.ops.tensor import FixedRange, Tensor

_ONE = (1 << 31) - 1  # in Q0.31, as gemmlowp has it


@dataclass(frozen=True, slots=True)
class Sigmoid(SameShape, FloatOp):
    """1 / (1 + exp(-x))."""

    scale_rule: ClassVar[ScaleRule] = FixedRange(0.0, 1.0)
    keras: ClassVar[Keras] = Keras(
        functions=("Sigmoid", "math.sigmoid", "nn.sigmoid", "sigmoid"),
        activation="sigmoid",
    )
    becomes: ClassVar[str] = "table"
    wide: ClassVar[str | None] = "sigmoid_16"

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the results; exponentials of negative numbers only, so that none overflows."""
        small = np.exp(-np.abs(inputs[0]))
        positive = 1 / (1 + small)
        return (np.where(inputs[0] >= 0, positive, small * positive),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.nn.sigmoid(inputs[0]),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the table of TensorFlow Lite's LOGISTIC, or its interpolation for int16."""
        if inputs[0].dtype == "int16":
            return sigmoid_16("sigmoid", inputs[0])
        source, target = inputs[0].quantized, outputs[0].quantized
        return fixed_point_table(source, target, _logistic, 8, "LOGISTIC")


def _logistic(x: Int64) -> Int64:
    """Return the function in Q0.31 of numbers in Q4.27, as gemmlowp's `logistic` does."""
    positive = one_over_one_plus(exp_on_negative_values(-np.abs(x), INTEGER_BITS))
    return np.where(x == 0, 1 << 30, np.where(x > 0, positive, _ONE - positive))
