"""Concatenation, which does not copy inputs that are computed inside its output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar

from microlut.ops.concatenate import Concatenate, QConcatenate
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Alias, Call, PlainKernel, Shapes, Size, Tile


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes that an input adds to each row of the output, and their offset in the row."""

    input: int
    bytes: int
    offset: int


class ConcatenateKernel(PlainKernel[QConcatenate, Concatenate]):
    """The kernel mlut_concatenate."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int8", "int16")

    def aliases(self, call: Call[QConcatenate]) -> Iterable[Alias]:
        """Return all inputs if the output is a single row."""
        if _rows(call) == 1:
            yield from (Alias(part.input, part.offset) for part in _parts(call))

    def is_called(self, call: Call[QConcatenate]) -> bool:
        """Return whether an input must be copied."""
        return any(_copied(call))

    def work(self, call: Call[QConcatenate], tile: Tile, core: str) -> Counter[str]:
        """Count rows and bytes that are copied."""
        if not self.is_called(call):
            return Counter()
        parts, rows = list(_copied(call)), _rows(call)
        copied = sum(part.bytes for part in parts)
        return Counter(
            {
                "concatenate": 1.0,
                "concatenate row": rows * len(parts),
                "concatenate byte": rows * copied,
            }
        )

    def sizes(
        self, op: QConcatenate | Concatenate, inputs: Shapes, outputs: Shapes
    ) -> Iterable[Size]:
        """Return none, since all numbers have 32 bits."""
        return ()

    def fields(self, call: Call[QConcatenate]) -> Mapping[str, object]:
        """Return the parts that are copied, the rows and their bytes."""
        rows = _rows(call)
        return {
            "parts": tuple(_copied(call)),
            "rows": rows,
            "row_bytes": call.output.bytes // rows,
        }


def _rows(call: Call[QConcatenate]) -> int:
    return prod(call.shape[: call.op.axis])


def _parts(call: Call[QConcatenate]) -> Iterator[Part]:
    rows, offset = _rows(call), 0
    for i, tensor in enumerate(call.inputs):
        part = Part(i, tensor.bytes // rows, offset)
        offset += part.bytes
        yield part


def _copied(call: Call[QConcatenate]) -> Iterator[Part]:
    there = {alias.input for alias in call.in_place}
    return (part for part in _parts(call) if part.input not in there)
