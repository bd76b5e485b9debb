"""The steps that the bands of a segment run in, layer by layer from the last one back.

The steps are those of firmware/src/kernels/segment.c: every one goes from the last layer back, to
find how many rows of each tensor are needed, and then from the first layer on, which makes those
that are missing. What a layer does follows from the layers that read its output, so that segments
with the same end have it in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from microlut.ops.tensor import Tensor
from microlut.plan.segments.part import Band, Part


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """How a layer of a segment goes on, step by step. Rows count in the order they are made in.

    Attributes:
        part: The layer.
        ends: Rows that it has made before the first step, and after each one.
        bands: How often it runs over each band.
        room: Rows that the buffer of its output has room for.
        moves: How often rows move to the front of this buffer.
        moved: Bytes that do.
    """

    part: Part
    ends: Sequence[int]
    bands: Mapping[Band, int]
    room: int
    moves: int
    moved: int


@dataclass(frozen=True, eq=False)
class Course:
    """What follows from the steps of a segment.

    Attributes:
        paces: Of all layers, in execution order.
        lags: By the number of an input, the bytes that the output must begin before it, or upwards
            end behind it, so that no row is written over one that will still be read.
    """

    paces: tuple[Pace, ...]
    lags: tuple[int, ...]

    @cached_property
    def bands(self) -> Mapping[tuple[int, Band], int]:
        """How often each part runs over each band, parts by their number."""
        paces = enumerate(self.paces)
        return {(i, band): times for i, each in paces for band, times in each.bands.items()}

    @property
    def room(self) -> tuple[int, ...]:
        """Rows that the buffer of each part's output has room for."""
        return tuple(each.room for each in self.paces)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.paces[-1].ends) - 1

    @property
    def runs(self) -> int:
        """How often parts run."""
        return sum(sum(each.bands.values()) for each in self.paces)

    @property
    def moves(self) -> int:
        """How often rows move to the front of their buffer."""
        return sum(each.moves for each in self.paces)

    @property
    def moved(self) -> int:
        """Bytes that do."""
        return sum(each.moved for each in self.paces)


def row_bytes(tensor: Tensor) -> int:
    """Return the bytes of one row of a picture."""
    return tensor.bytes // tensor.shape[0]


def last_pace(part: Part, rows: int, *, upwards: bool) -> Pace:
    """Return the pace of the last layer, of whose output every step makes some rows."""
    height = part.call.shape[0]
    ends = [*range(0, height, rows), height]
    return Pace(part, ends, _bands(part, ends, upwards=upwards), height, 0, 0)


def pace(part: Part, readers: Sequence[Pace], *, upwards: bool) -> Pace:
    """Return the pace of a layer, whose output only some layers with known paces read."""
    height = part.call.shape[0]
    needs = _latest(_needed(reader, height, upwards=upwards) for reader in readers)
    unread = _first_unread(readers, upwards=upwards)
    made = [
        (need, min(end, oldest), end)
        for end, need, oldest in zip(needs, needs[1:], unread, strict=False)
        if need > end
    ]
    room = max((need - oldest for need, oldest, _ in made), default=0)
    first = moves = moved = 0
    for need, oldest, end in made if room < height else ():
        if need - first > room:
            first = oldest
            moves += 1
            moved += end - first
    bands = _bands(part, needs, upwards=upwards)
    return Pace(part, needs, bands, room, moves, moved * row_bytes(part.call.output))


def lag(tensor: Tensor, last: Pace, readers: Sequence[Pace], *, upwards: bool) -> int:
    """Return how many bytes the output must begin before an input; see `Course`.

    Args:
        tensor: The input.
        last: The pace of the layer that makes the output.
        readers: Those of the layers that read the input.
        upwards: Whether the last rows are made first.
    """
    others = [reader for reader in readers if reader is not last]
    oldest = [tensor.shape[0]] * (len(last.ends) - 1)
    if others:  # have made their rows of a step before the last one begins
        oldest = [*map(min, oldest, _first_unread(others, upwards=upwards)[1:])]
    if len(others) < len(readers):
        oldest = [*map(min, oldest, _first_unread([last], upwards=upwards))]
    written, read = row_bytes(last.part.call.output), row_bytes(tensor)
    found = (end * written - row * read for end, row in zip(last.ends[1:], oldest, strict=True))
    return max(0, *found)


def course_of(paces: Sequence[Pace], inputs: Iterable[Tensor], *, upwards: bool) -> Course:
    """Return what follows from the paces of all layers, in execution order."""
    last = paces[-1]
    lags = (lag(tensor, last, readers_of(tensor.name, paces), upwards=upwards) for tensor in inputs)
    return Course(tuple(paces), tuple(lags))


def paces_of(parts: Sequence[Part], rows: int, *, upwards: bool) -> list[Pace]:
    """Return the paces of the layers of a segment, in execution order."""
    paces = [last_pace(parts[-1], rows, upwards=upwards)]
    for part in reversed(parts[:-1]):
        readers = readers_of(part.call.output.name, paces)
        paces.insert(0, pace(part, readers, upwards=upwards))
    return paces


def readers_of(tensor: str, paces: Iterable[Pace]) -> list[Pace]:
    """Return the paces of the layers that read a tensor."""
    return [each for each in paces if tensor in each.part.node.inputs]


def _needed(reader: Pace, height: int, *, upwards: bool) -> list[int]:
    """Return how many rows of a tensor a layer has read before the first step and after each."""
    part = reader.part
    stride = part.window.strides[0]
    beyond = part.reach - stride - part.before(upwards)  # rows that the last one reads of the next
    return [max(0, min(end * stride + beyond, height)) if end else 0 for end in reader.ends]


def _first_unread(readers: Sequence[Pace], *, upwards: bool) -> list[int]:
    """Return the first row that a layer will still read, before the first step and after each."""
    found = []
    for reader in readers:
        stride, before = reader.part.window.strides[0], reader.part.before(upwards)
        found.append([max(0, end * stride - before) for end in reader.ends])
    return found[0] if len(found) == 1 else [*map(min, *found)]


def _latest(needs: Iterable[list[int]]) -> list[int]:
    first, *others = needs
    return [*map(max, first, *others)] if others else first


def _bands(part: Part, ends: Sequence[int], *, upwards: bool) -> dict[Band, int]:
    """Return how often a layer runs over each band."""
    height = part.call.shape[0]
    bands: dict[Band, int] = {}
    for end, need in pairwise(ends):
        if need > end:
            band = part.band(height - need if upwards else end, need - end)
            bands[band] = bands.get(band, 0) + 1
    return bands
