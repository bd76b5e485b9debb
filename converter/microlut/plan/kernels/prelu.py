"""Leaky rectifier with slopes that are weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod

from microlut.ops.prelu import Prelu, QPrelu
from microlut.plan.kernels.base import Call, ElementwiseKernel, Shapes, Size, Tile
from microlut.plan.kernels.binary import MAX_RANK, broadcast, merged_axes


class PreluKernel(ElementwiseKernel[QPrelu, Prelu]):
    """The kernel mlut_prelu."""

    def work(self, call: Call[QPrelu], tile: Tile, core: str) -> Counter[str]:
        """Count rows and values."""
        extents, _ = broadcast(call.shape, [call.shape, call.op.slopes.shape])
        rows = prod(extents[:-1])
        return Counter({"prelu": 1.0, "prelu row": rows, "prelu value": call.output.size})

    def sizes(self, op: QPrelu | Prelu, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the number of axes after merging neighbours that are broadcast alike."""
        found = len(merged_axes(outputs[0], [outputs[0], op.slopes.shape]))
        yield "the number of groups of broadcast axes", found, MAX_RANK

    def fields(self, call: Call[QPrelu]) -> Mapping[str, object]:
        """Return the extents of the axes, and the steps of the slopes along them."""
        extents, steps = broadcast(call.shape, [call.shape, call.op.slopes.shape])
        return {"extents": extents, "steps": steps[1]}
