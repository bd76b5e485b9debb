"""Values in other places: nothing is copied that lies in one piece of the input."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from microlut.ops.move import Moving, QMove
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Alias, Call, PlainKernel, Shapes, Size, Tile

_MOST_LOOPS = 8  # MLUT_MOVE_LOOPS
_IN_REGISTERS = (1, 2, 4)  # bytes of a run that needs no memcpy


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop of the kernel: its count, its step in the input, and the output bytes per step."""

    count: int
    step: int
    bytes: int


class MoveKernel(PlainKernel[QMove, Moving]):
    """The kernel mlut_move."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")

    def aliases(self, call: Call[QMove]) -> Iterable[Alias]:
        """Return the part of the input that the output is, if there is one."""
        strides = call.op.movement.strides
        if not strides.loops or (len(strides.loops) == 1 and strides.loops[0][1] == 1):
            yield Alias(0, -strides.start * call.output.bytes // call.output.size)

    def is_called(self, call: Call[QMove]) -> bool:
        """Return whether the output does not lie in the input."""
        return not call.in_place

    def work(self, call: Call[QMove], tile: Tile, core: str) -> Counter[str]:
        """Count rows, and the runs and bytes of them that are copied."""
        if not self.is_called(call):
            return Counter()
        run, loops = _loops(call)
        *outer, row = loops
        parts = Counter(
            {
                "move": 1.0,
                "move row": 1.0,
                "move value" if run in _IN_REGISTERS else "move run": row.count,
            }
        )
        if run not in _IN_REGISTERS:
            parts["move byte"] = row.count * run
        for loop in reversed(outer):
            if loop.step == 0:  # the rows so far are copied
                parts["move run"] += loop.count - 1
                parts["move byte"] += (loop.count - 1) * loop.bytes
            else:
                for part in parts.keys() - {"move"}:
                    parts[part] *= loop.count
        return parts

    def sizes(self, op: QMove | Moving, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the number of loops; all other numbers have 32 bits."""
        movement = op.movement if isinstance(op, QMove) else op.movement(inputs[0])
        yield "the number of dimensions after merging", len(movement.strides.loops), _MOST_LOOPS

    def fields(self, call: Call[QMove]) -> Mapping[str, object]:
        """Return the loops, the bytes that lie together, and the byte where they begin."""
        run, loops = _loops(call)
        start = call.op.movement.strides.start * _bytes(call)
        return {"run": run, "loops": loops, "start": start}


def _bytes(call: Call[QMove]) -> int:
    """Return the bytes of a value."""
    return np.dtype(call.output.dtype).itemsize


def _loops(call: Call[QMove]) -> tuple[int, tuple[Loop, ...]]:
    """Return the bytes that lie together, and the loops around them, of which there is one."""
    value = _bytes(call)
    run, loops = value, list(call.op.movement.strides.loops)
    if loops and loops[-1][1] == 1:
        run *= loops.pop()[0]
    loops = loops or [(1, 0)]
    sizes = [size for size, _ in loops]
    return run, tuple(
        Loop(size, step * value, run * prod(sizes[i + 1 :])) for i, (size, step) in enumerate(loops)
    )
