"""Chosen places along a dimension."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod
from typing import ClassVar

from microlut.ops.gather import Gather, QGather
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile

_MOST_PLACES = 65536  # uint16_t


class GatherKernel(PlainKernel[QGather, Gather]):
    """The kernel mlut_gather."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")

    def work(self, call: Call[QGather], tile: Tile, core: str) -> Counter[str]:
        """Count the pieces and bytes that are copied."""
        pieces = prod(call.shape[: call.op.axis + 1])
        return Counter({"gather": 1.0, "gather piece": pieces, "gather byte": call.output.bytes})

    def sizes(self, op: QGather | Gather, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the number of places that can be told apart."""
        yield "the dimension of which places are taken", inputs[0][op.axis], _MOST_PLACES

    def fields(self, call: Call[QGather]) -> Mapping[str, object]:
        """Return the number of rows, the bytes of a row of the input, and those of a piece."""
        axis = call.op.axis
        rows = prod(call.source[:axis])
        in_bytes = call.inputs[0].bytes // rows
        return {"rows": rows, "row": in_bytes, "piece": in_bytes // call.source[axis]}
