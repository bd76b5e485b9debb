"""Hyperbolic tangent, as TensorFlow Lite computes it in fixed point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.arrays import FloatArray, Int64
from microlut.ops.base import FloatOp, IntegerOp, Keras, SameShape, ScaleRule
from microlut.ops.fixed_point import exp_on_negative_values, one_minus_over_one_plus
from microlut.ops.sigmoid_16 import sigmoid_16
from microlut.ops.table import INTEGER_BITS, fixed_point_table
from microlut.ops.tensor import FixedRange, Tensor


@dataclass(frozen=True, slots=True)
class Tanh(SameShape, FloatOp):
    """tanh(x)."""

    scale_rule: ClassVar[ScaleRule] = FixedRange(-1.0, 1.0)
    keras: ClassVar[Keras] = Keras(
        functions=("Tanh", "math.tanh", "nn.tanh", "tanh"),
        activation="tanh",
    )
    becomes: ClassVar[str] = "table"
    wide: ClassVar[str | None] = "sigmoid_16"

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the results."""
        return (np.tanh(inputs[0]),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.nn.tanh(inputs[0]),)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> IntegerOp:
        """Return the table of TensorFlow Lite's TANH, or its interpolation for int16."""
        if inputs[0].dtype == "int16":
            return sigmoid_16("tanh", inputs[0])
        return fixed_point_table(inputs[0].quantized, outputs[0].quantized, _tanh, 7, "TANH")


def _tanh(x: Int64) -> Int64:
    """Return the function in Q0.31 of numbers in Q4.27, as gemmlowp's `tanh` does.

    It is (1 - e) / (1 + e) with e = exp(-2 |x|): the same bits, read in Q5.26, are 2 |x|.
    """
    positive = one_minus_over_one_plus(exp_on_negative_values(-np.abs(x), INTEGER_BITS + 1))
    return np.sign(x) * positive
