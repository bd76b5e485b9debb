"""Functions of one int8 value as a table of 256 bytes, exact by construction.

Operators such as sigmoid become a `QTable`. So does a change of scale, where an operator needs all
its inputs in one scale.

Where TensorFlow Lite has an operator with the same results for int8 on devices, a table is exported
as that operator, else as a GATHER from its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import Int64, IntArray
from microlut.ops.base import IntegerOp, SameShape, demand
from microlut.ops.builtin import Builtin, Constant
from microlut.ops.fixed_point import (
    Multiplier,
    input_radius,
    multiply,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from microlut.ops.json_arrays import Int8Array
from microlut.ops.tensor import CONFIG, Quantization, Tensor

SIZE = 256
INT8 = np.iinfo(np.int8)
INTEGER_BITS = 4  # of the scaled inputs of bounded functions
LARGEST_SHIFT = 22  # of a multiplier: a difference of two int8 has 9 bits
GATHER = "GATHER"
# Scales of inputs that the device's kernels can shift to Q4.27: by 0 to 62 bits to the left.
_LEAST_SHIFTED_SCALE, _SHIFTED_SCALES_END = 2.0**-28, 2.0**35
_BEYOND = 2 * SIZE  # any int8, whatever the output's zero point


@dataclass(frozen=True, slots=True, repr=False)
class QTable(SameShape, IntegerOp):
    """An element-wise function.

    Attributes:
        values: [256] results, indexed by the input as an unsigned byte: 0 to 127, -128 to -1.
        builtin: Name of the operator of TensorFlow Lite with these results; GATHER if there is
            none.
        version: Version of that operator.
        options: Name of its options table, if any.
        fields: Values of that table.
    """

    values: Int8Array
    builtin: str
    version: int
    options: str | None = None
    fields: Mapping[str, float] = field(default_factory=dict)
    kind: Literal["table"] = "table"
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results [batch, ...]."""
        return (self.values[arrays[0].view(np.uint8)],)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the operator that the table replaces, or those that look it up."""
        if self.builtin == GATHER:
            return self._gather(inputs[0], outputs[0])
        made = Builtin(
            self.builtin, self.version, tuple(inputs), tuple(outputs), self.options, self.fields
        )
        return (made,)

    def _gather(self, source: Tensor, target: Tensor) -> tuple[Builtin, ...]:
        """Return a lookup by the position of a value among all int8, from -128 up."""
        whole = replace(source, name=f"{target.name}/value", dtype="int32", quantization=None)
        position = replace(whole, name=f"{target.name}/position")
        offset = Constant("offset", np.array([-INT8.min], np.int32))
        scales = np.array([target.scale], np.float32)
        ordered = np.roll(self.values, SIZE // 2)
        values = Constant("table", ordered, scales, zero_point=target.zero_point)
        cast = {"inDataType": "INT8", "outDataType": "INT32"}
        add = {"fusedActivationFunction": "NONE"}
        return (
            Builtin("CAST", 3, (source,), (whole,), "CastOptions", cast),
            Builtin("ADD", 1, (whole, offset), (position,), "AddOptions", add),
            Builtin(GATHER, 2, (values, position), (target,), "GatherOptions", {"axis": 0}),
        )

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless there are 256 values and an operator's name."""
        demand(self.values.shape == (SIZE,), "the size of its table")
        demand(self.builtin.isidentifier(), "its operator")


def all_values() -> Int64:
    """Return the int8 values in the order of a table."""
    return np.arange(SIZE, dtype=np.uint8).view(np.int8).astype(np.int64)


def table(
    values: Int64 | NDArray[np.int8] | NDArray[np.float64],
    builtin: str,
    version: int,
    options: str | None = None,
    fields: Mapping[str, float] | None = None,
) -> QTable:
    """Return the operator with these results [256], limited to int8."""
    limited = np.clip(values, INT8.min, INT8.max).astype(np.int8)
    limited.setflags(write=False)
    return QTable(limited, builtin, version, options, fields or {})


def real_table(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    source: Quantization,
    target: Quantization,
) -> QTable:
    """Return a real function as a table: its results, rounded and limited to int8.

    A result is f(scale (q - zero point)) / output scale in double precision, rounded to nearest,
    halves away from zero, plus the output's zero point.

    Raises:
        UnsupportedModel: The function is not defined for an input.
    """
    x = source.scale * (all_values() - source.zero_point).astype(np.float64)
    steps = real_steps(function, x, target)
    return table(rounded(steps) + target.zero_point, GATHER, 2)


def real_steps(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    x: NDArray[np.float64],
    target: Quantization,
) -> NDArray[np.float64]:
    """Return the results of a real function in steps of the output's scale, not rounded."""
    with np.errstate(all="ignore"):
        y = function(x)
        steps = y / target.scale
    if np.isnan(y).any():
        raise UnsupportedModel(f"it is not defined for {x[np.isnan(y)][0]:g}")
    return steps


def rounded(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values rounded to nearest, halves away from zero."""
    return np.trunc(x + np.copysign(0.5, x))


def scaled_values(x: Int64, factor: Multiplier) -> Int64 | None:
    """Return integers of 9 bits times a factor, or None if that overflows 32 bits."""
    if factor.shift > LARGEST_SHIFT:
        return None
    return multiply(x, factor.multiplier, factor.shift)


def fixed_point_table(
    source: Quantization,
    target: Quantization,
    function: Callable[[Int64], Int64],
    output_bits: int,
    builtin: str,
) -> QTable:
    """Return the table of a bounded function, TensorFlow Lite's LOGISTIC or TANH.

    `function` goes from Q4.27 to Q0.31, of which `output_bits` fractional bits are kept. Inputs
    beyond Q4.27 get numbers beyond int8, which a table limits. At scales for which the
    kernels on devices shift by undefined numbers of bits, the table is exported as a lookup.
    """
    factor = quantize_multiplier(source.scale * 2.0 ** (31 - INTEGER_BITS))
    centered = all_values() - source.zero_point
    radius = input_radius(INTEGER_BITS, factor.shift)
    inside = np.abs(centered) < radius
    scaled = multiply(np.where(inside, centered, 0), factor.multiplier, factor.shift)
    found = rounding_divide_by_pot(function(scaled), 31 - output_bits)
    values = np.where(inside, found, np.where(centered > 0, _BEYOND, -_BEYOND))
    sound = _LEAST_SHIFTED_SCALE <= source.scale < _SHIFTED_SCALES_END
    return table(values + target.zero_point, builtin if sound else GATHER, 2)


def rescale_table(source: Quantization, target: Quantization) -> QTable:
    """Return the operator that converts int8 values to another scale and zero point.

    TensorFlow Lite's QUANTIZE between int8 tensors: one multiplication, rounded twice.
    """
    factor = quantize_multiplier(source.scale / target.scale)
    scaled = multiply(all_values() - source.zero_point, factor.multiplier, factor.shift)
    return table(scaled + target.zero_point, "QUANTIZE", 1)
