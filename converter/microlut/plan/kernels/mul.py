"""Product of two tensors, with broadcasting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import prod

from microlut.ops.arrays import Shape
from microlut.ops.mul import Mul, QMul
from microlut.plan.kernels.base import Call, ElementwiseKernel, Shapes, Size, Tile

_RANK = 4  # MLUT_MUL_RANK


class MulKernel(ElementwiseKernel[QMul, Mul]):
    """The kernel mlut_mul."""

    def work(self, call: Call[QMul], tile: Tile, core: str) -> Counter[str]:
        """Count rows and values."""
        extents, _ = broadcast(call.shape, [operand.shape for operand in call.inputs])
        rows = prod(extents[:-1])
        return Counter({"mul": 1.0, "mul row": rows, "mul value": call.output.size})

    def sizes(self, op: QMul | Mul, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the number of axes after merging neighbours that are broadcast alike."""
        yield "the number of groups of broadcast axes", len(_groups(outputs[0], inputs)), _RANK

    def fields(self, call: Call[QMul]) -> Mapping[str, object]:
        """Return the extents of the axes, and the steps of the inputs along them."""
        extents, steps = broadcast(call.shape, [operand.shape for operand in call.inputs])
        return {"extents": extents, "steps": steps}


def broadcast(shape: Shape, sources: Sequence[Shape]) -> tuple[Shape, tuple[Shape, ...]]:
    """Return the extents of the output's axes, and per source its steps along them in values."""
    groups = [(1, (False,) * len(sources))] * _RANK + _groups(shape, sources)
    kept = groups[-_RANK:]
    steps = []
    for i in range(len(sources)):
        extents = [extent if whole[i] else 1 for extent, whole in kept]
        moves = (prod(extents[axis + 1 :]) for axis in range(_RANK))
        steps.append(tuple(m if whole[i] else 0 for m, (_, whole) in zip(moves, kept, strict=True)))
    return tuple(extent for extent, _ in kept), tuple(steps)


def _groups(shape: Shape, sources: Sequence[Shape]) -> list[tuple[int, tuple[bool, ...]]]:
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
