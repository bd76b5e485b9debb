"""Element-wise functions by a table."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.base import FloatOp
from microlut.ops.table import QTable
from microlut.plan.kernels.base import Call, Division, ElementwiseKernel, Tile


class TableKernel(ElementwiseKernel[QTable, FloatOp]):
    """The kernel mlut_table."""

    divided_by: ClassVar[Division] = "values"

    def work(self, call: Call[QTable], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"lookup": 1.0, "lookup value": call.output.size})
