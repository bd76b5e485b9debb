"""Softmax of int16 values, as TensorFlow Lite computes it by two tables with interpolation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.errors import UnsupportedModel
from microlut.ops.arrays import Int64, IntArray
from microlut.ops.base import IntegerOp, SameShape, demand
from microlut.ops.builtin import Builtin
from microlut.ops.fixed_point import multiply, quantize_multiplier
from microlut.ops.table_16 import interpolated
from microlut.ops.tensor import CONFIG, DType, Tensor

_STEPS = 512  # of a table, whose last entry is for interpolation
_REACH = 10.0 / 65535.0  # exp(-10) counts as nothing
_LARGEST_SHIFT = 15  # to the left: differences of int16 have 17 bits
_Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QSoftmax16(SameShape, IntegerOp):
    """Softmax over the last dimension; the output is in Q0.15.

    Differences to the maximum times multiplier * 2^(shift - 31) are in steps of 10 / 65535.
    """

    multiplier: int
    shift: int
    kind: Literal["softmax_16"] = "softmax_16"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the probabilities."""
        wide = arrays[0].astype(np.int64)
        difference = wide - wide.max(axis=-1, keepdims=True)
        scaled = multiply(difference, self.multiplier, self.shift)
        exponentials = _looked_up(scaled + 32767, exponential_table())
        total = exponentials.sum(axis=-1, keepdims=True)  # Q16.15
        bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
        mantissa = ((total << (31 - bits)) + (1 << 13)) >> 14  # from 1 to 2 in Q1.16
        reciprocal = _looked_up(mantissa - (3 << 15), reciprocal_table())
        right = bits - 1
        found = (exponentials * reciprocal + (np.int64(1) << (right - 1))) >> right
        return (np.clip(found, 0, 32767).astype(np.int16),)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return SOFTMAX."""
        fields = {"beta": 1.0}
        return (Builtin("SOFTMAX", 3, tuple(inputs), tuple(outputs), "SoftmaxOptions", fields),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless the numbers are valid."""
        sound = 0 <= self.multiplier < 1 << 31 and -31 <= self.shift <= _LARGEST_SHIFT
        demand(sound, "its multiplier")
        demand(outputs[0].scale == 2.0**-15, "the scale of its output")


def softmax_16(source: Tensor) -> QSoftmax16:
    """Return the operator for an input."""
    factor = quantize_multiplier(source.scale / _REACH)
    if factor.shift > _LARGEST_SHIFT:
        raise UnsupportedModel(
            f"its inputs reach {source.scale * 2.0**15:.3g}, int16 allows 163,000 before a "
            "softmax; give its input 8 bits"
        )
    if factor.multiplier == 0:
        raise UnsupportedModel(
            "its inputs are nearly equal on the calibration inputs, so all classes are equally "
            "likely; check the model or give other inputs"
        )
    return QSoftmax16(factor.multiplier, factor.shift)


@cache
def exponential_table() -> Int64:
    """Return 2^15 exp(x) for x from -10 to 0 [513]."""
    return _table(np.float32(10.0) / np.float32(65535), 32767, np.exp)


@cache
def reciprocal_table() -> Int64:
    """Return 2^15 / (1 + x) for x from 0 to 1 [513]."""
    one = np.float32(1)
    return _table(one / np.float32(65535), -32768, lambda x: one / (one + x))


def _table(scale: np.float32, zero_point: int, function: Callable[[_Float], _Float]) -> Int64:
    """Return a function as LUTPopulate of TensorFlow Lite tabulates it, in single precision.

    Half of the error that interpolation makes in the middle between two entries is taken from the
    first of them.
    """
    out_scale, half = np.float32(2) / np.float32(65535), np.float32(0.5)
    low, high = scale * np.float32(-32768 - zero_point), scale * np.float32(32767 - zero_point)
    step = (high - low) / np.float32(_STEPS)
    inverse = np.float32(65536) / (out_scale * np.float32(32767) - out_scale * np.float32(-32768))
    places = np.arange(_STEPS, dtype=np.float32)
    here = function(low + places * step)
    middle = function(low + places * step + step * half)
    after = function(low + (places + np.float32(1)) * step)
    sample = _rounded(here * inverse)
    between = _rounded((after * inverse + sample) * half)
    error = _rounded((between - _rounded(middle * inverse)) * half)
    last = _rounded(function(np.array([high], np.float32)) * inverse)
    found: _Float = np.concatenate([sample - error, last])
    return np.clip(found, -32768, 32767).astype(np.int64)


def _rounded(x: _Float) -> _Float:
    """Return the nearest integers, halves away from zero."""
    return np.trunc(x + np.copysign(np.float32(0.5), x))


def _looked_up(x: Int64, table: Int64) -> Int64:
    """Return the interpolated entry for 16-bit numbers, which are limited first."""
    return interpolated(np.clip(x, -32768, 32767), table)
