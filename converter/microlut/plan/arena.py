"""Place buffers with lifetimes in one arena: greedy first fit in several orders, the best kept.

If none reaches the lower bound, the buffer that ended highest is moved to the front of the best
order, again and again.

Finding the smallest arena is NP-hard (dynamic storage allocation); the lower bound, the largest
sum of sizes that are alive at one step, tells how far from optimal a placement can be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter

_PROMOTIONS = 16  # more gained nothing on networks of up to 75 layers
ALIGNMENT = 16  # bytes, MLUT_ALIGNMENT of the engine

_Rooms = dict[tuple[str | int, str | int], int]


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


_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda b: (-b.size, b.first),
    lambda b: (b.first - b.last, -b.size),
    lambda b: (b.first, -b.size),
    lambda b: (-b.last, -b.size),
    lambda b: (-b.size * (b.last - b.first + 1), b.first),
)


@dataclass(frozen=True, slots=True)
class Arena:
    """Byte offsets of all buffers, the arena's size, and the size no placement can go below."""

    offsets: dict[str | int, int]
    size: int
    lower_bound: int


def aligned(size: int) -> int:
    """Return `size` rounded up to the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def place(buffers: Sequence[Buffer], enough: float = 0) -> Arena:
    """Return the smallest of several greedy placements, or the first of at most `enough` bytes."""
    bound = lower_bound(buffers)
    enough = max(bound, enough)
    arenas = []
    for key in _ORDERS:
        order = sorted(buffers, key=key)
        arenas.append((Arena(*_first_fit(order), bound), order))
        if arenas[-1][0].size <= enough:
            return arenas[-1][0]
    arena, order = min(arenas, key=lambda pair: pair[0].size)
    best = arena
    for _ in range(_PROMOTIONS):
        order = _promoted(order, arena.offsets)
        arena = Arena(*_first_fit(order), bound)
        best = min(best, arena, key=lambda each: each.size)
        if best.size <= enough:
            break
    return best


def _promoted(order: Sequence[Buffer], offsets: Mapping[str | int, int]) -> list[Buffer]:
    """Return the order with the buffer first that ended highest."""
    highest = max(order, key=lambda buffer: offsets[buffer.name] + aligned(buffer.size))
    return [highest, *(buffer for buffer in order if buffer is not highest)]


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


def _first_fit(ordered: Sequence[Buffer]) -> tuple[dict[str | int, int], int]:
    """Give each buffer in turn the lowest gap between those placed that live at the same time."""
    rooms = _rooms(ordered)
    fits = [_fit(ordered, rooms, floors) for floors in ((_floors(ordered), {}) if rooms else ({},))]
    return min(fits, key=itemgetter(1))


def _fit(
    ordered: Sequence[Buffer], rooms: _Rooms, floors: Mapping[str | int, int]
) -> tuple[dict[str | int, int], int]:
    """Do so with none of the buffers below its floor."""
    placed: list[tuple[int, int, int, int, str | int]] = []  # start, size, first and last step
    offsets: dict[str | int, int] = {}
    for buffer in ordered:
        name, size, first, last = buffer.name, aligned(buffer.size), buffer.first, buffer.last
        offset = floors.get(name, 0)
        taken = [
            (start - rooms.get((name, other), size), start + rooms.get((other, name), bytes_))
            for start, bytes_, since, until, other in placed
            if since <= last and first <= until
        ]
        for before, end in sorted(taken):  # it may not begin between these two
            if offset <= before:
                break
            offset = max(offset, end)
        offsets[name] = offset
        placed.append((offset, size, first, last, name))
    return offsets, max((start + size for start, size, *_ in placed), default=0)


def _floors(buffers: Sequence[Buffer]) -> dict[str | int, int]:
    """Return where buffers may begin so that others can begin before them, at 0."""
    floors: dict[str | int, int] = {}
    for buffer in buffers:
        for overlap in buffer.shared:
            higher, distance = buffer.name, overlap.after
            if overlap.before < aligned(buffer.size):
                higher, distance = overlap.name, overlap.before
            floors[higher] = max(floors.get(higher, 0), distance)
    return floors


def _rooms(buffers: Sequence[Buffer]) -> _Rooms:
    """Return how many bytes the first of two buffers must begin before the second one.

    Only pairs that may overlap are in it; others begin behind each other.
    """
    rooms: _Rooms = {}
    for buffer in buffers:
        for overlap in buffer.shared:
            rooms[overlap.name, buffer.name] = overlap.after
    for buffer in buffers:
        rooms.update({(buffer.name, overlap.name): overlap.before for overlap in buffer.shared})
    return rooms
