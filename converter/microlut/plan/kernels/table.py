"""Element-wise functions by a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.base import FloatOp
from microlut.ops.table import QTable
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile


class TableKernel(PlainKernel[QTable, FloatOp]):
    """The kernel mlut_table."""

    def overwrites(self, call: Call[QTable]) -> Iterable[int]:
        """Return the input."""
        return range(len(call.inputs))

    def work(self, call: Call[QTable], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"lookup": 1.0, "lookup value": call.output.size})

    def sizes(self, op: QTable | FloatOp, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return none, since the count has 32 bits."""
        return ()
