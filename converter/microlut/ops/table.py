"""Functions of one int8 value as a table of 256 bytes, exact by construction.

Operators such as sigmoid become a `QTable`. So does a change of scale, where an operator needs all
its inputs in one scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import Int64, IntArray
from microlut.ops.base import IntegerOp, SameShape, demand
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import (
    input_radius,
    multiply,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from microlut.ops.json_arrays import Int8Array
from microlut.ops.tensor import CONFIG, Quantization, Tensor

SIZE = 256
INTEGER_BITS = 4  # of the scaled inputs of bounded functions
_BEYOND = 2 * SIZE  # any int8, whatever the output's zero point


@dataclass(frozen=True, slots=True, repr=False)
class QTable(SameShape, IntegerOp):
    """An element-wise function.

    Attributes:
        values: [256] results, indexed by the input as an unsigned byte: 0 to 127, -128 to -1.
        builtin: Name of the operator of TensorFlow Lite with these results.
        version: Version of that operator.
    """

    values: Int8Array
    builtin: str
    version: int
    kind: Literal["table"] = "table"
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results [batch, ...]."""
        return (self.values[arrays[0].view(np.uint8)],)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the operator that the table replaces."""
        return (Builtin(self.builtin, self.version, tuple(inputs), tuple(outputs)),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless there are 256 values and an operator's name."""
        demand(self.values.shape == (SIZE,), "the size of its table")
        demand(self.builtin.isidentifier(), "its operator")


def all_values() -> Int64:
    """Return the int8 values in the order of a table."""
    return np.arange(SIZE, dtype=np.uint8).view(np.int8).astype(np.int64)


def table(values: Int64 | NDArray[np.int8], builtin: str, version: int) -> QTable:
    """Return the operator with these results [256], limited to int8."""
    limited = np.clip(values, -128, 127).astype(np.int8)
    limited.setflags(write=False)
    return QTable(limited, builtin, version)


def fixed_point_values(
    source: Quantization, function: Callable[[Int64], Int64], output_bits: int
) -> Int64:
    """Return a bounded function of all int8 values with `output_bits` fractional bits.

    `function` goes from Q4.27 to Q0.31. Inputs beyond Q4.27 get numbers beyond int8, which a table
    limits, as TensorFlow Lite's LOGISTIC and TANH do.
    """
    factor = quantize_multiplier(source.scale * 2.0 ** (31 - INTEGER_BITS))
    centered = all_values() - source.zero_point
    radius = input_radius(INTEGER_BITS, factor.shift)
    inside = np.abs(centered) < radius
    scaled = multiply(np.where(inside, centered, 0), factor.multiplier, factor.shift)
    found = rounding_divide_by_pot(function(scaled), 31 - output_bits)
    return np.where(inside, found, np.where(centered > 0, _BEYOND, -_BEYOND))


def rescale_table(source: Quantization, target: Quantization) -> QTable:
    """Return the operator that converts int8 values to another scale and zero point.

    TensorFlow Lite's QUANTIZE between int8 tensors: one multiplication, rounded twice.
    """
    factor = quantize_multiplier(source.scale / target.scale)
    scaled = multiply(all_values() - source.zero_point, factor.multiplier, factor.shift)
    return table(scaled + target.zero_point, "QUANTIZE", 1)
