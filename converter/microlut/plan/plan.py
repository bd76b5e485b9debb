"""The plan: every step with its offsets, and every byte that the model needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from microlut.integer import CompactStage, QNode, QuantizedGraph
from microlut.ops.weighted import QWeighted
from microlut.plan.buffers import ArenaPart, PlacedBuffer
from microlut.plan.curve import Point
from microlut.plan.goal import Goal
from microlut.plan.kernels import Call, kernel_for
from microlut.plan.segments.part import Part
from microlut.support.shown import Record, Shown


@dataclass(frozen=True, slots=True)
class Lines:
    """The buffer of a tensor that a segment reads or makes.

    Attributes:
        name: The tensor.
        offset: Where in the arena the buffer is.
        row_bytes: Bytes per row.
        height: Rows of the tensor.
        room: Rows that the buffer holds.
    """

    name: str
    offset: int
    row_bytes: int
    height: int
    room: int


@dataclass(frozen=True, slots=True, repr=False)
class PlannedSegment(Shown):
    """Layers that one call runs band by band: see mlut_segment_t of the engine.

    Attributes:
        parts: The layers; the last one's name is that of the segment.
        rows: Rows of the last output per step.
        upwards: Whether the last rows are made first.
        lines: Buffers of the inputs, and of each part's output.
        progress_offset: Where the engine keeps account of rows.
        scratch_offset: Where the scratch of all parts is.
        scratch_bytes: Scratch of the part that needs most.
    """

    parts: tuple[Part, ...]
    rows: int
    upwards: bool
    lines: tuple[Lines, ...]
    progress_offset: int
    scratch_offset: int
    scratch_bytes: int

    @property
    def name(self) -> str:
        """The name of the last layer."""
        return self.parts[-1].node.name

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return len(self.lines) - len(self.parts)

    @property
    def buffer_bytes(self) -> int:
        """Bytes of the buffers between the layers."""
        return sum(lines.room * lines.row_bytes for lines in self.lines[self.inputs : -1])

    def number(self, tensor: str) -> int:
        """Return the number of a tensor."""
        return [lines.name for lines in self.lines].index(tensor)


@dataclass(frozen=True, slots=True, repr=False)
class Step(Shown):
    """One kernel call: byte offsets of its tensors in the arena, its tile and scratch.

    Attributes:
        call: What the kernel is called with.
        tile: Output channels decoded together.
        rows: Output rows that a depthwise convolution does together; blocks of four pixels that
            stay in scratch while all tiles of a convolution are decoded, if not 0.
        winograd: Whether a convolution runs by Winograd's method.
        instructions: About how many the goal's core executes for it.
        stage: The output stage of a layer with weights, as it stands in flash.
        sum: The addition that a convolution does itself, writing over the other term.
        merged: Whether another step does this addition.
        segment: The segment that it is a part of; offsets are then those of buffers of rows.
    """

    node: QNode
    call: Call[Any]
    input_offsets: tuple[int, ...]
    output_offsets: tuple[int, ...]
    scratch_offset: int
    scratch_bytes: int
    tile: int
    rows: int
    instructions: int
    stage: CompactStage | None
    sum: QNode | None
    merged: bool
    winograd: bool = False
    segment: PlannedSegment | None = None

    def records(self) -> list[Record]:
        """Return the call as one record."""
        (facts,) = Shown.records(self)
        return [{"name": self.node.name, "kind": self.node.op.kind, **facts}]

    @property
    def is_called(self) -> bool:
        """Whether a run makes this call: other steps, or nothing at all, do what some nodes do."""
        if self.segment is not None:
            return self.node.name == self.segment.name
        return not self.merged and kernel_for(self.call).is_called(self.call)

    @property
    def output_offset(self) -> int:
        """Offset of the first output, which most steps have alone."""
        return self.output_offsets[0]

    @property
    def parameter_bytes(self) -> int:
        """Flash bytes of the output stage, or of what is stored instead."""
        if self.stage is not None:
            return self.stage.channels.nbytes
        op = self.node.op
        return op.parameter_bytes if isinstance(op, QWeighted) else 0


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy after the last step, between two places that `Plan.offsets` names."""

    source: str
    to: str
    bytes: int


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Shown):
    """Everything the code generator needs; all sizes in bytes.

    Attributes:
        graph: The quantized graph.
        steps: One per node, in execution order.
        offsets: Where in the arena each tensor lies, and each copy of one that `copies` makes.
        ends: By the name of an output, the tensor or copy that the caller finds.
        copies: What is copied after the last step, in this order, so that states have their next
            values.
        parts: Of the arena, each in a memory of its own, which offsets count one after the other.
            Inputs, outputs and states are in the first one.
        buffers: What is in the arena, from which layer to which.
        arena_lower_bound: No placement of these buffers can be smaller.
        weight_bytes: Packed indices and codebooks.
        parameter_bytes: Scales and biases of the output stages.
        goal: What the plan was made for.
        curve: Other arenas, and about how many instructions their plans execute: the ones with the
            best trade between both; none unless it was asked for.
        weights_in: By layer, the memory beside the board's flash that its indices are in.
    """

    graph: QuantizedGraph
    steps: tuple[Step, ...]
    offsets: Mapping[str, int]
    ends: Mapping[str, str]
    copies: tuple[Copy, ...]
    parts: tuple[ArenaPart, ...]
    buffers: tuple[PlacedBuffer, ...]
    arena_lower_bound: int
    weight_bytes: int
    parameter_bytes: int
    goal: Goal
    curve: tuple[Point, ...]
    weights_in: Mapping[str, str] = field(default_factory=dict)

    @property
    def segments(self) -> tuple[PlannedSegment, ...]:
        """Layers that run band by band."""
        found = (step.segment for step in self.steps if step.is_called)
        return tuple(segment for segment in found if segment is not None)

    @property
    def arena_bytes(self) -> int:
        """Activations and scratch together, in all memories."""
        return sum(part.bytes for part in self.parts)

    def part_at(self, offset: int) -> ArenaPart:
        """Return the part of the arena that a place is in."""
        return next(part for part in reversed(self.parts) if part.start <= offset)

    @property
    def input_offsets(self) -> tuple[int, ...]:
        """Where the caller writes the inputs."""
        return tuple(self.offsets[tensor.name] for tensor in self.graph.inputs)

    @property
    def output_offsets(self) -> tuple[int, ...]:
        """Where the caller finds the outputs."""
        return tuple(self.offsets[self.ends[name]] for name in self.graph.outputs)

    @property
    def state_offsets(self) -> tuple[int, ...]:
        """Where the states lie, always."""
        return tuple(self.offsets[state.tensor.name] for state in self.graph.states)

    def records(self) -> list[Record]:
        """Return a record per kernel call."""
        return [record for step in self.steps for record in step.records()]
