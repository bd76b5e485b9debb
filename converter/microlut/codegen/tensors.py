"""Tensors of a plan for the templates: inputs, outputs, states, and the map of the arena."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from microlut.codegen.names import unique_identifiers
from microlut.ops.tensor import Features, Quantization, Tensor
from microlut.plan import Plan
from microlut.plan.buffers import ArenaPart
from microlut.plan.plan import Lines


@dataclass(frozen=True, slots=True)
class TensorView:
    """An input, an output or a state tensor.

    Attributes:
        n: The C name.
        at: The C name of its place in the arena.
        suffix: Suffix of its functions and macros: "_n", or empty if it is the only one.
        name: Its name in the model.
        value_bytes: Bytes per value: 1 for int8, 2 for int16.
    """

    n: str
    at: str
    suffix: str
    name: str
    shape: tuple[int, ...]
    quantization: Quantization
    value_bytes: int = 1

    @property
    def features(self) -> Features | None:
        """Scales per feature, which only an input has."""
        return self.quantization.features

    @property
    def values(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes in the arena."""
        return self.values * self.value_bytes

    @property
    def bits(self) -> int:
        """Bits per value."""
        return 8 * self.value_bytes


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the map of the arena.

    Attributes:
        n: C name of the offset, without the model's prefix.
        offset: In its part of the arena.
        what: The shape of a tensor, or "scratch".
        first: The first step that needs it.
        last: The last step that needs it.
    """

    n: str
    offset: int
    bytes: int
    what: str
    first: int
    last: int
    part: ArenaPart


def base_of(part: ArenaPart, plan: Plan) -> str:
    """Return the C name of the first byte of a part of the arena."""
    return "base" if part == plan.parts[0] else f"base_{part.memory}"


def interface(plan: Plan, names: Mapping[str, str]) -> dict[str, Sequence[TensorView]]:
    """Return the views of a plan's inputs, outputs and states; `names` are C names by place."""
    graph = plan.graph
    inputs = {tensor.name: tensor.name for tensor in graph.inputs}
    states = {state.tensor.name: state.tensor.name for state in graph.states}
    outputs = {name: plan.ends[tensor] for name, tensor in graph.ends.items()}
    return {
        "inputs": _views(graph.tensors(), inputs, names),
        "outputs": _views(graph.output_tensors(), outputs, names),
        "states": _views(graph.tensors(), states, names),
    }


def _views(
    tensors: Mapping[str, Tensor], places: Mapping[str, str], names: Mapping[str, str]
) -> Sequence[TensorView]:
    """Return the views of the tensors that have these places, by the names of both."""
    known, suffixes = unique_identifiers(places), suffixes_of(places)
    return [
        TensorView(
            n=known[name],
            at=names[place],
            suffix=suffixes[name],
            name=name,
            shape=tensors[name].shape,
            quantization=tensors[name].quantized,
            value_bytes=tensors[name].bytes // tensors[name].size,
        )
        for name, place in places.items()
    ]


def suffixes_of(names: Iterable[str]) -> dict[str, str]:
    """Return what the names of the functions and macros of each input, or output, end in."""
    known = unique_identifiers(names)
    return {name: "" if len(known) == 1 else f"_{n}" for name, n in known.items()}


def place_names(plan: Plan) -> Mapping[str, str]:
    """Return the C names of all steps and of all places in the arena."""
    graph = plan.graph
    known = [*(node.name for node in graph.nodes), *(tensor.name for tensor in graph.inputs)]
    return unique_identifiers(dict.fromkeys([*known, *plan.offsets]))


def arena_map(plan: Plan, names: Mapping[str, str]) -> Iterator[Place]:
    """Yield the places of all tensors and scratches, in the order of their first step."""
    graph, spans, rows = plan.graph, list(_spans(plan)), _rows(plan)
    end = len(plan.steps) - 1
    last = {name: spans[i][1] for i, step in enumerate(plan.steps) for name in step.node.inputs}
    last.update(dict.fromkeys([*graph.kept(), *(s.tensor.name for s in graph.states)], end))

    def at(n: str, offset: int, size: int, what: str, first: int, until: int) -> Place:
        part = plan.part_at(offset)
        return Place(n, offset - part.start, size, what, first, until, part)

    def place(tensor: Tensor, first: int, least: int) -> Place:
        what, offset = "x".join(map(str, tensor.shape)), plan.offsets[tensor.name]
        size = tensor.bytes
        if tensor.name in rows:
            lines = rows[tensor.name]
            what, size = f"{lines.room} rows of {what}", lines.room * lines.row_bytes
        until = max(least, last.get(tensor.name, first))
        return at(f"at_{names[tensor.name]}", offset, size, what, first, until)

    yield from (place(tensor, 0, 0) for tensor in graph.given())
    for step, span in zip(plan.steps, spans, strict=True):
        segment, n = step.segment, names[step.node.name]
        if segment is None and step.scratch_bytes:
            yield at(f"scratch_{n}", step.scratch_offset, step.scratch_bytes, "scratch", *span)
        elif segment is not None and step.is_called:
            size = segment.scratch_offset - segment.progress_offset
            yield at(f"progress_{n}", segment.progress_offset, size, "progress", *span)
            if segment.scratch_bytes:
                size = segment.scratch_bytes
                yield at(f"scratch_{n}", segment.scratch_offset, size, "scratch", *span)
        yield from (place(tensor, *span) for tensor in step.node.outputs)
    for copy in plan.copies:
        if copy.to not in last:
            n, offset = f"at_{names[copy.to]}", plan.offsets[copy.to]
            yield at(n, offset, copy.bytes, copy.to, end, end)


def _spans(plan: Plan) -> Iterator[tuple[int, int]]:
    """Yield the first and the last step that run while each step does: those of its segment."""
    segments = [step.segment for step in plan.steps]
    for i, segment in enumerate(segments):
        if segment is None:
            yield i, i
        else:
            first = segments.index(segment)
            yield first, first + len(segment.parts) - 1


def _rows(plan: Plan) -> dict[str, Lines]:
    """Return the buffers that do not hold all rows of a tensor."""
    return {
        lines.name: lines
        for segment in plan.segments
        for lines in segment.lines[segment.inputs : -1]
    }
