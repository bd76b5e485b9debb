"""Functions of one int16 value, interpolated in a table of 513 entries.

TensorFlow Lite has such tables for a few operators, but not on devices. The entries are those of
its LUTPopulate, except that all numbers are in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import Int64, IntArray
from microlut.ops.base import OwnOp, SameShape, demand
from microlut.ops.json_arrays import Int16Array
from microlut.ops.table import real_steps, rounded
from microlut.ops.tensor import CONFIG, DType, Tensor

SIZE = 513  # entries, the last of which is for interpolation only
_BITS = 7  # of a value, between two entries
_INT16 = np.iinfo(np.int16)


@dataclass(frozen=True, slots=True, repr=False)
class QTable16(SameShape, OwnOp):
    """An element-wise function.

    Attributes:
        values: [513] results for -32768, -32640, and so on up to 32768.
    """

    values: Int16Array
    kind: Literal["table_16"] = "table_16"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    __pydantic_config__ = CONFIG

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the results [batch, ...]."""
        found = interpolated(arrays[0].astype(np.int64), self.values.astype(np.int64))
        return (found.astype(np.int16),)

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Raise ValueError, naming the part, unless there are 513 values."""
        demand(self.values.shape == (SIZE,), "the size of its table")


def interpolated(x: Int64, table: Int64) -> Int64:
    """Return entries of a table [513] for values of int16, interpolated linearly."""
    at = (x - _INT16.min) >> _BITS
    slope = table[at + 1] - table[at]
    half = 1 << (_BITS - 1)
    return np.asarray(table[at] + ((slope * (x & ((1 << _BITS) - 1)) + half) >> _BITS))


def real_table_16(
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]], source: Tensor, target: Tensor
) -> QTable16:
    """Return a real function as a table.

    An entry is the rounded real result, less half the error that interpolation between rounded
    results makes in the middle of it and the next one.

    Raises:
        UnsupportedModel: The function is not defined for an input.
    """
    halves = np.arange(2 * SIZE - 1, dtype=np.float64) * (1 << (_BITS - 1)) + _INT16.min
    steps = real_steps(function, source.scale * halves, target.quantized)
    steps = np.clip(steps, _INT16.min, _INT16.max)
    results, middles = rounded(steps[::2]), rounded(steps[1::2])
    errors = rounded((results[:-1] + steps[2::2]) / 2) - middles
    results[:-1] -= rounded(errors / 2)
    values = np.clip(results, _INT16.min, _INT16.max).astype(np.int16)
    values.setflags(write=False)
    return QTable16(values)
