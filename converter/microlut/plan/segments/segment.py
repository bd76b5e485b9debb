"""A segment as an operator, and the steps that its bands run in.

The steps are those of firmware/src/kernels/segment.c: every one goes from the last layer back, to
find how many rows of each tensor are needed, and then from the first layer on, which makes those
that are missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from microlut.ops.arrays import IntArray, Shape
from microlut.ops.base import IntegerOp
from microlut.ops.builtin import Builtin
from microlut.ops.tensor import Tensor
from microlut.plan.buffers import aligned
from microlut.plan.segments.part import Band, Part

PROGRESS_BYTES = 6  # of mlut_segment_progress_t, per tensor


@dataclass(frozen=True, slots=True)
class Course:
    """What follows from the steps of a segment.

    Attributes:
        bands: How often each part runs over each band, parts by their number.
        room: Rows that the buffer of each part's output has room for.
        lags: By the number of an input, the bytes that the output must begin before it, or upwards
            end behind it, so that no row is written over one that will still be read.
        steps: Their number.
        moves: How often rows move to the front of their buffer.
        moved: Bytes that do.
    """

    bands: Mapping[tuple[int, Band], int]
    room: tuple[int, ...]
    lags: tuple[int, ...]
    steps: int
    moves: int
    moved: int


@dataclass(frozen=True, eq=False, repr=False)
class Segment(IntegerOp):
    """Layers in execution order, only the last of which makes a tensor that others read.

    Attributes:
        parts: The layers.
        rows: Rows of the last output that a step makes.
        upwards: Whether the last rows are made first.
    """

    parts: tuple[Part, ...]
    rows: int
    upwards: bool = False
    kind: str = "segment"

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that other layers make."""
        made = {part.call.output.name for part in self.parts}
        read = chain.from_iterable(part.call.inputs for part in self.parts)
        return tuple({t.name: t for t in read if t.name not in made}.values())

    @property
    def output(self) -> Tensor:
        """The tensor that other layers read."""
        return self.parts[-1].call.output

    @cached_property
    def course(self) -> Course:
        """What follows from the steps."""
        return _Run(self).course()

    @property
    def lines(self) -> tuple[int, ...]:
        """Bytes of the buffers between the parts, one per part except the last."""
        return tuple(
            room * row_bytes(part.call.output)
            for part, room in zip(self.parts[:-1], self.course.room, strict=False)
        )

    @property
    def fixed_bytes(self) -> int:
        """Bytes of all buffers between the parts, and of the engine's account of their rows."""
        progress = PROGRESS_BYTES * (len(self.inputs) + len(self.parts))
        return sum(map(aligned, self.lines)) + aligned(progress)

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (self.output.shape,)

    def evaluate(
        self, arrays: Sequence[IntArray], inputs: Sequence[Tensor], outputs: Sequence[Tensor]
    ) -> tuple[IntArray, ...]:
        """Return the output [batch, ...] for inputs [batch, ...]."""
        known = dict(zip((tensor.name for tensor in inputs), arrays, strict=True))
        for call in (part.call for part in self.parts):
            read = [known[tensor.name] for tensor in call.inputs]
            (known[call.output.name],) = call.op.evaluate(read, call.inputs, call.outputs)
        return (known[self.output.name],)

    def tflite(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> tuple[Builtin, ...]:
        """Return the operators of all parts."""
        calls = (part.call for part in self.parts)
        return tuple(chain.from_iterable(c.op.tflite(c.inputs, c.outputs) for c in calls))

    def check(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Check all parts."""
        for call in (part.call for part in self.parts):
            call.op.check(call.inputs, call.outputs)


def row_bytes(tensor: Tensor) -> int:
    """Return the bytes of one row of a picture."""
    return tensor.bytes // tensor.shape[0]


class _Run:
    """The steps of one run, with how many rows of each tensor there are.

    Tensors have the engine's numbers: inputs, then the outputs of the parts. Rows are counted in
    the order in which they are made.
    """

    def __init__(self, segment: Segment) -> None:
        self.parts, self.rows, self.upwards = segment.parts, segment.rows, segment.upwards
        self.windows = [
            (part.window.strides[0], part.before(segment.upwards), part.reach, part.call.source[0])
            for part in segment.parts
        ]
        tensors = (*segment.inputs, *(part.call.output for part in segment.parts))
        number = {tensor.name: i for i, tensor in enumerate(tensors)}
        self.inputs, self.last = len(segment.inputs), len(tensors) - 1
        self.reads = [[number[name] for name in part.node.inputs] for part in segment.parts]
        self.readers: list[list[int]] = [[] for _ in tensors]
        for i, read in enumerate(self.reads):
            for tensor in read:
                self.readers[tensor].append(i)
        self.height = [tensor.shape[0] for tensor in tensors]
        self.row_bytes = [row_bytes(tensor) for tensor in tensors]
        self.first = [0] * len(tensors)
        self.end = self.height[: self.inputs] + [0] * len(segment.parts)

    def course(self) -> Course:
        """Go through all steps, twice: buffers follow from the first time, moves from the next."""
        room, lags = [0] * len(self.end), [0] * self.inputs
        bands: Counter[tuple[int, Band]] = Counter()
        for i, need in self._bands():
            tensor = self.inputs + i
            first = self.height[tensor] - need if self.upwards else self.end[tensor]
            bands[i, self.parts[i].band(first, need - self.end[tensor])] += 1
            room[tensor] = max(room[tensor], need - self._oldest(tensor))
            for source in range(self.inputs) if tensor == self.last else ():
                unread = self._oldest(source) * self.row_bytes[source]
                lags[source] = max(lags[source], need * self.row_bytes[tensor] - unread)
        room[self.last] = self.height[self.last]
        self.end[self.inputs :] = [0] * len(self.parts)
        moved = self._moves(room)
        return Course(
            bands=bands,
            room=tuple(room[self.inputs :]),
            lags=tuple(lags),
            steps=-(-self.height[self.last] // self.rows),
            moves=len(moved),
            moved=sum(moved),
        )

    def _moves(self, room: Sequence[int]) -> list[int]:
        """Return the bytes of each move in buffers for these numbers of rows."""
        moved = []
        for i, need in self._bands():
            tensor = self.inputs + i
            if need - self.first[tensor] > room[tensor]:
                self.first[tensor] = self._oldest(tensor)
                moved.append((self.end[tensor] - self.first[tensor]) * self.row_bytes[tensor])
        return moved

    def _bands(self) -> Iterator[tuple[int, int]]:
        """Yield each part that runs, with the number of rows that there are afterwards."""
        while self.end[self.last] < self.height[self.last]:
            needs = self._demand()
            for i in range(len(self.parts)):
                need = needs[self.inputs + i]
                if need > self.end[self.inputs + i]:
                    yield i, need
                    self.end[self.inputs + i] = need

    def _demand(self) -> list[int]:
        """Return the rows of each tensor that a step needs."""
        needs = [0] * len(self.end)
        needs[self.last] = min(self.end[self.last] + self.rows, self.height[self.last])
        for i in range(len(self.parts) - 1, -1, -1):
            if needs[self.inputs + i]:
                stride, before, reach, height = self.windows[i]
                last = (needs[self.inputs + i] - 1) * stride - before
                bottom = min(last + reach, height)
                for tensor in self.reads[i]:
                    needs[tensor] = max(needs[tensor], bottom)
        return needs

    def _oldest(self, tensor: int) -> int:
        """Return the first row of a tensor that a part will still read."""
        oldest = self.end[tensor]
        for i in self.readers[tensor]:
            stride, before, _, _ = self.windows[i]
            oldest = min(oldest, max(0, self.end[self.inputs + i] * stride - before))
        return oldest
