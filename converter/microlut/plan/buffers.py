"""Buffers with lifetimes that an arena holds, and the memory that they need at each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

ALIGNMENT = 16  # bytes, MLUT_ALIGNMENT of the engine


def aligned(size: int) -> int:
    """Return `size` rounded up to the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True, slots=True)
class Overlap:
    """How a buffer may overlap another one, which is read while it is written.

    Attributes:
        name: The other buffer.
        before: How many bytes it must begin before the other one,
        after: or else how many bytes after the begin of the other one.
    """

    name: str | int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes of the arena that are needed from step `first` to step `last`, both included.

    Attributes:
        name: Of a tensor, which has any text; the scratch of a step has the step's number.
        shared: Buffers that it may overlap in its first step, their last one.
    """

    name: str | int
    size: int
    first: int
    last: int
    shared: tuple[Overlap, ...] = ()

    def overlaps(self, other: Buffer) -> bool:
        """Return whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class ArenaPart:
    """An arena of its own in a memory of the board.

    Attributes:
        memory: The name of the memory.
        start: The offset from which on the places of a plan are in it.
        bytes: Its size.
    """

    memory: str
    start: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PlacedBuffer:
    """Bytes of the arena that are needed from one layer to another, both included.

    Layers have their numbers in execution order. Outputs and states are needed beyond the last one.

    Attributes:
        name: A tensor that it holds, or the layer whose scratch it is.
        scratch: Whether it is scratch: of bands of rows, with the rows between their layers.
        tensors: The tensors that it holds, all or one after the other.
        offset: Where it begins.
        bytes: Its size.
        first: Number of the first layer.
        last: Number of the last one.
    """

    name: str
    scratch: bool
    tensors: tuple[str, ...]
    offset: int
    bytes: int
    first: int
    last: int


def live_bytes(buffers: Sequence[Buffer], steps: int) -> list[int]:
    """Return the sums of the aligned sizes that are alive at steps 0 to `steps` - 1."""
    changes = [0] * (steps + 1)
    for buffer in buffers:
        size = aligned(buffer.size)
        changes[min(buffer.first, steps)] += size
        changes[min(buffer.last + 1, steps)] -= size
        if buffer.shared:
            beside = size - _least_beside(buffer, buffers)
            changes[min(buffer.first, steps)] -= beside
            changes[min(buffer.first + 1, steps)] += beside
    return list(accumulate(changes[:-1]))


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """Return the largest sum of aligned sizes alive at one step."""
    steps = max((b.first + 1 for b in buffers), default=0)
    return max(live_bytes(buffers, steps), default=0)


def _least_beside(buffer: Buffer, buffers: Sequence[Buffer]) -> int:
    """Return the bytes that a buffer takes at least beside those that it may overlap."""
    size = aligned(buffer.size)
    others = {other.name: aligned(other.size) for other in buffers}
    read = [others[overlap.name] for overlap in buffer.shared]
    least = [
        min(overlap.before, overlap.after + size - bytes_)
        for overlap, bytes_ in zip(buffer.shared, read, strict=True)
    ]
    return max(size - sum(read), min(size, *least), 0)
