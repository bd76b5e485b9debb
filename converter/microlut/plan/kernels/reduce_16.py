"""Mean, sum, maximum and minimum of int16 values over any dimensions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import ClassVar

from microlut.ops.reduce import QReduce, Reduce
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Shapes, Size, Tile, between_int16
from microlut.plan.kernels.pictures import MOST_SUMMED_16
from microlut.plan.kernels.reduce import ReduceKernel


class Reduce16Kernel(ReduceKernel):
    """The kernel mlut_reduce_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QReduce], tile: Tile, core: str) -> Counter[str]:
        """Count outputs, values, and runs of values that lie in a row."""
        return between_int16(ReduceKernel.work(self, call, tile, core))

    def sizes(self, op: QReduce | Reduce, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the number of groups of neighbouring axes, and of values under a sum."""
        groups, *_ = ReduceKernel.sizes(self, op, inputs, outputs)
        yield groups
        if op.mode in ("max", "min"):
            return
        values = prod(inputs[0][axis] for axis in op.axes)
        yield "the number of values that are summed up", values, MOST_SUMMED_16
