"""Mean, sum, maximum and minimum over any dimensions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod

from microlut.ops.arrays import Shape
from microlut.ops.reduce import MOST_SUMMED, QReduce, Reduce
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile

RANK = 3  # MLUT_REDUCE_RANK
_MOST_AVERAGED = 1 << 23  # values of 8 bits, summed in 32


class ReduceKernel(PlainKernel[QReduce, Reduce]):
    """The kernel mlut_reduce."""

    def work(self, call: Call[QReduce], tile: Tile, core: str) -> Counter[str]:
        """Count outputs, values, and runs of values that lie in a row."""
        reduced = groups(call.source, call.op.axes)[1]
        rows = call.output.size * prod(n for n, _ in reduced[:-1])
        part = "reduce sum" if call.op.mode in ("mean", "sum") else "reduce most"
        values = prod(call.source)
        return Counter(
            {
                "reduce": 1.0,
                f"{part} output": call.output.size,
                f"{part} row": rows,
                f"{part} value": values,
            }
        )

    def sizes(self, op: QReduce | Reduce, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the number of groups of neighbouring axes, and of values under a sum."""
        kept, reduced = groups(inputs[0], op.axes)
        most = max(len(kept), len(reduced))
        yield "the number of groups of axes that are kept, or reduced", most, RANK
        count = prod(n for n, _ in reduced)
        if op.mode == "sum":
            yield "the number of values in a sum", count, MOST_SUMMED
        elif op.mode == "mean":
            yield "the number of values in a mean", count, _MOST_AVERAGED

    def fields(self, call: Call[QReduce]) -> Mapping[str, object]:
        """Return the extents of the axes that are kept and reduced, and the steps along them."""
        kept, reduced = (_filled(found) for found in groups(call.source, call.op.axes))
        return {"kept": kept, "reduced": reduced}


def groups(
    shape: Shape, axes: Sequence[int]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return (extent, step) of the axes that are kept, and of those that are reduced.

    Neighbours of one kind are merged.
    """
    found: list[tuple[bool, int, int]] = []
    for axis, extent in enumerate(shape):
        if extent == 1:
            continue
        reduced, step = axis in axes, prod(shape[axis + 1 :])
        if found and found[-1][0] == reduced:
            extent *= found.pop()[1]
        found.append((reduced, extent, step))
    kept, taken = (
        [(n, step) for reduced, n, step in found if reduced is kind] for kind in (False, True)
    )
    return kept, taken


def _filled(found: list[tuple[int, int]]) -> tuple[Shape, Shape]:
    full = [(1, 0)] * (RANK - len(found)) + found
    return tuple(n for n, _ in full), tuple(step for _, step in full)
