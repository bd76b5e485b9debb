"""A segment as an operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from microlut.ops.arrays import IntArray, Shape
from microlut.ops.base import IntegerOp
from microlut.ops.builtin import Builtin
from microlut.ops.tensor import Tensor
from microlut.plan.buffers import aligned
from microlut.plan.segments.course import Course, course_of, paces_of, row_bytes
from microlut.plan.segments.part import Part

PROGRESS_BYTES = 6  # of mlut_segment_progress_t, per tensor


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
        paces = paces_of(self.parts, self.rows, upwards=self.upwards)
        return course_of(paces, self.inputs, upwards=self.upwards)

    @property
    def lines(self) -> tuple[int, ...]:
        """Bytes of the buffers between the parts, one per part except the last."""
        return tuple(
            room * row_bytes(part.call.output)
            for part, room in zip(self.parts[:-1], self.course.room, strict=False)
        )

    @cached_property
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
