"""Softmax of int16 values over the last dimension."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import ClassVar

from microlut.ops.softmax import Softmax
from microlut.ops.softmax_16 import QSoftmax16
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile

_LONGEST = 65535  # the sum of its values, each up to 1, is a Q16.15


class Softmax16Kernel(PlainKernel[QSoftmax16, Softmax]):
    """The kernel mlut_softmax_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    advice = "leave the softmax out, it does not change the order"

    def work(self, call: Call[QSoftmax16], tile: Tile, core: str) -> Counter[str]:
        """Count vectors and values."""
        vectors = prod(call.shape[:-1])
        values = call.output.size
        return Counter(
            {"softmax 16": 1.0, "softmax vector 16": vectors, "softmax value 16": values}
        )

    def sizes(self, op: QSoftmax16 | Softmax, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the length of a vector."""
        yield "the number of values under a softmax", outputs[0][-1], _LONGEST
