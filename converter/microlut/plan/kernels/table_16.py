"""Element-wise functions of int16 values by a table with interpolation."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.base import FloatOp
from microlut.ops.table_16 import QTable16
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Division, ElementwiseKernel, Tile


class Table16Kernel(ElementwiseKernel[QTable16, FloatOp]):
    """The kernel mlut_table_16."""

    divided_by: ClassVar[Division] = "values"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QTable16], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"lookup 16": 1.0, "lookup value 16": call.output.size})
