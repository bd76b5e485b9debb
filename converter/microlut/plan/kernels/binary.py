"""Functions of two operands with broadcasting, of which one may be a constant in flash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import ClassVar

from microlut.ops.arrays import Shape
from microlut.ops.binary import Binary, QBinary, with_constant
from microlut.plan.kernels.base import Call, ElementwiseKernel, Shapes, Size, Tile
from microlut.plan.rounding import shifts_quickly

MAX_RANK = 4  # MLUT_BINARY_RANK, MLUT_PRELU_RANK
_PARTS = {
    **dict.fromkeys(("add", "sub"), "sum"),
    "mul": "product",
    **dict.fromkeys(("maximum", "minimum"), "extremum"),
}


class BinaryKernel(ElementwiseKernel[QBinary, Binary]):
    """The kernel mlut_binary."""

    advice: ClassVar[str] = "reshape the tensors so that fewer axes are broadcast"

    def work(self, call: Call[QBinary], tile: Tile, core: str) -> Counter[str]:
        """Count rows and values."""
        extents, _ = broadcast(call.shape, _sources(call))
        part, rows = _PARTS[call.op.function], prod(extents[:-1])
        narrow = call.output.dtype == "int8" and part == "product"
        if narrow and shifts_quickly([call.op.factors[-1][1]]):
            return Counter({"binary": 1.0, "quick row": rows, "quick product": call.output.size})
        return Counter({"binary": 1.0, "binary row": rows, f"binary {part}": call.output.size})

    def sizes(self, op: QBinary | Binary, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the number of axes after merging neighbours that are broadcast alike."""
        constant = None if op.constant is None else op.constant.shape
        sources = with_constant(inputs, constant, op.constant_first)
        found = len(merged_axes(outputs[0], sources))
        yield "the number of groups of broadcast axes", found, MAX_RANK

    def fields(self, call: Call[QBinary]) -> Mapping[str, object]:
        """Return the extents of the axes, the steps of both operands, and their zero points."""
        extents, steps = broadcast(call.shape, _sources(call))
        points = [tensor.zero_point for tensor in call.op.both(call.inputs)]
        return {"extents": extents, "steps": steps, "zero_points": points}


def _sources(call: Call[QBinary]) -> Sequence[Shape]:
    return [tensor.shape for tensor in call.op.both(call.inputs)]


def broadcast(shape: Shape, sources: Sequence[Shape]) -> tuple[Shape, tuple[Shape, ...]]:
    """Return the extents of the output's axes, and per source its steps along them in values."""
    found = [(1, (False,) * len(sources))] * MAX_RANK + merged_axes(shape, sources)
    kept = found[-MAX_RANK:]
    steps = []
    for i in range(len(sources)):
        extents = [extent if whole[i] else 1 for extent, whole in kept]
        moves = (prod(extents[axis + 1 :]) for axis in range(MAX_RANK))
        steps.append(tuple(m if whole[i] else 0 for m, (_, whole) in zip(moves, kept, strict=True)))
    return tuple(extent for extent, _ in kept), tuple(steps)


def merged_axes(shape: Shape, sources: Sequence[Shape]) -> list[tuple[int, tuple[bool, ...]]]:
    """Return the output's axes, after merging neighbours that are broadcast alike.

    Each has its extent and, per source, whether the source has it instead of being broadcast.
    """
    groups: list[tuple[int, tuple[bool, ...]]] = []
    full = [(*[1] * (len(shape) - len(source)), *source) for source in sources]
    for axis, extent in enumerate(shape):
        if extent == 1:
            continue
        whole = tuple(source[axis] == extent for source in full)
        if groups and groups[-1][1] == whole:
            extent *= groups.pop()[0]
        groups.append((extent, whole))
    return groups
