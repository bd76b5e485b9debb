"""Functions of one int8 value that only their 256 results define, as other programs store them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray
from microlut.ops.base import FloatOp, SameShape
from microlut.ops.table import GATHER, INT8, SIZE, QTable, real_table, table
from microlut.ops.tensor import Quantization, Tensor

_Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, repr=False)
class Lookup(SameShape, FloatOp):
    """A function that is linear between its values at the steps of an int8 tensor.

    Attributes:
        values: [256] results, for -128 to 127.
        source: The quantization of the int8 tensor.
    """

    values: FloatArray
    source: Quantization
    becomes: ClassVar[str] = "table"
    wide: ClassVar[str | None] = ""

    def _real(self, x: _Float64) -> _Float64:
        steps = np.arange(INT8.min, INT8.max + 1) - self.source.zero_point
        return np.asarray(np.interp(x, steps * self.source.scale, self.values))

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the results [batch, ...]."""
        return (self._real(inputs[0].astype(np.float64)).astype(np.float32),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        values, first = tf.constant(self.values), self.source.zero_point - INT8.min
        place = tf.clip_by_value(inputs[0] / self.source.scale + first, 0.0, SIZE - 1.0)
        low = tf.minimum(tf.cast(place, tf.int32), SIZE - 2)
        part = place - tf.cast(low, tf.float32)
        return (tf.gather(values, low) * (1.0 - part) + tf.gather(values, low + 1) * part,)

    def quantize(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> QTable:
        """Return the table of rounded results."""
        return real_table(self._real, inputs[0].quantized, outputs[0].quantized)


def stored_table(values: NDArray[np.int8]) -> QTable:
    """Return the integer form with these results for -128 to 127."""
    return table(np.roll(values, SIZE // 2), GATHER, 2)
