"""Divide long steps into pieces, for programs that run an inference in parts.

A piece is a kernel call of its own: some rows of a picture, or columns where it has one row; some
output channels; some units or vectors of a dense layer; some values of an elementwise one; some
bands of a segment. It differs from the whole call in a few fields of the engine's structure, and in
where it reads and writes. Pieces that run one after the other give the bytes of the whole call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from microlut.integer.coding import coded
from microlut.integer.packing import row_bytes
from microlut.ops.tensor import Tensor
from microlut.ops.windows import Padding, Window
from microlut.plan.cost import instructions
from microlut.plan.kernels import Call, Tile, kernel_for
from microlut.plan.plan import Plan, Step

_AXES = (("height", "pad_top"), ("width", "pad_left"))


@dataclass(frozen=True, slots=True)
class Piece:
    """What runs at a time: a step, or a part of one.

    Attributes:
        instructions: About how many the goal's core executes for it.
        fields: What fields of the structure become, as an operator and an operand of C.
        input_bytes: Where it reads, after where the step does.
        output_bytes: Where it writes, after where the step does.
        code_group: The group of rows that its entropy-coded indices begin with; None without such.
        channels: The first output channel, and the one behind the last; None: all.
        rows: Of a segment: the rows of its output that are there before and afterwards.
        what: Which part of the step it is, for comments; empty: all.
    """

    instructions: int
    fields: Mapping[str, str] = field(default_factory=dict)
    input_bytes: int = 0
    output_bytes: int = 0
    code_group: int | None = None
    channels: tuple[int, int] | None = None
    rows: tuple[int, int] | None = None
    what: str = ""


def pieces_of(plan: Plan) -> tuple[tuple[Step, Piece], ...]:
    """Return what `net_step` runs at a time, in this order: a step, or a part of it.

    Steps are divided if they take more instructions than `Goal.step_instructions`, as far as they
    can be divided. A piece without fields and rows is the whole step.
    """
    made = []
    for step in plan.steps:
        if step.is_called:
            pieces = list(_divided(plan, step))
            whole = Piece(_taken(plan, step))
            made += [(step, piece) for piece in (pieces if len(pieces) > 1 else [whole])]
    return tuple(made)


def longest(pieces: Iterable[tuple[Step, Piece]]) -> int:
    """Return about how many instructions the goal's core executes for the longest piece."""
    return max((piece.instructions for _, piece in pieces), default=0)


def _taken(plan: Plan, step: Step) -> int:
    """Return about how many instructions one call takes: that of a segment, for all its layers."""
    if step.segment is None:
        return step.instructions
    parts = {part.node.name for part in step.segment.parts}
    return sum(other.instructions for other in plan.steps if other.node.name in parts)


def _divided(plan: Plan, step: Step) -> Iterator[Piece]:
    most, whole = plan.goal.step_instructions, _taken(plan, step)
    if most is None or whole <= most:
        return
    if step.segment is not None:
        yield from _bands(step, whole, most)
        return
    match kernel_for(step.call).divided_by:
        case "units":
            yield from _dense(step, most)
        case "values" if _in_order(step):
            yield from _values(step, most)
        case "outputs":
            yield from _lines(step, most, plan.goal.core, _transposed)
        case "windows":
            yield from _picture(step, most, plan.goal.core)


def _picture(step: Step, most: int, core: str) -> Sequence[Piece]:
    """Return rows or channels, by which all pieces keep within the limit and take least in sum."""
    ways = [list(_channels(step, most))]
    if _reads_all_rows(step) and _in_order(step):
        ways.append(list(_lines(step, most, core, _windowed)))

    def cost(pieces: Sequence[Piece]) -> tuple[int, int]:
        each = [piece.instructions for piece in pieces]
        return max(most, *each), sum(each)

    return min((pieces for pieces in ways if pieces), key=cost, default=())


def _channels(step: Step, most: int) -> Iterator[Piece]:
    channels, kernel = step.call.shape[-1], kernel_for(step.call)
    unit = kernel.channel_unit(step.call, _tile(step))
    if unit:
        for first, count in _shares(channels, _share(step, channels, most, unit)):
            end = first + count
            cost = round(step.instructions * count / channels)
            yield Piece(cost, channels=(first, end), what=_what("channels", first, end))


def _bands(step: Step, whole: int, most: int) -> Iterator[Piece]:
    segment = step.segment
    assert segment is not None
    height = segment.lines[-1].height
    bands = -(-height // segment.rows)
    together = max(1, most * bands // whole)
    for first in range(0, bands, together):
        count = min(together, bands - first)
        rows = (first * segment.rows, min((first + count) * segment.rows, height))
        yield Piece(round(whole * count / bands), rows=rows, what=_what("rows", *rows))


def _values(step: Step, most: int) -> Iterator[Piece]:
    size = step.call.output.size
    read, written = (_value_bytes(tensor) for tensor in (step.call.inputs[0], step.call.output))
    for first, count in _shares(size, _share(step, size, most)):
        cost, fields = round(step.instructions * count / size), {"count": f"= {count}"}
        what = _what("values", first, first + count)
        yield Piece(cost, fields, first * read, first * written, what=what)


def _dense(step: Step, most: int) -> Iterator[Piece]:
    """Yield some vectors; if there is only one, some units: of the latter, groups of a code."""
    call = step.call
    units, inputs = call.op.weights.shape
    vectors = call.output.size // units
    read, written = (_value_bytes(tensor) for tensor in (call.inputs[0], call.output))
    if vectors > 1:
        for first, count in _shares(vectors, _share(step, vectors, most)):
            fields = {"vectors": f"= {count}"}
            share = round(step.instructions * count / vectors)
            what = _what("vectors", first, first + count)
            at = first * units * written
            yield Piece(share, fields, first * inputs * read, at, what=what)
        return
    weights = call.op.weights
    code = coded(weights) if weights.coded else None
    group = 4 if code is None else 1 << code.group_shift  # four rows are multiplied at a time
    stored = row_bytes(inputs, weights.bits) * group if code is None else code.row_bytes
    assert step.stage is not None
    words = step.stage.channels.shape[1]
    for first, count in _shares(units, _share(step, units, most, group)):
        fields = {
            "units": f"= {count}",
            "weights.indices": f"+= {first // group * stored}",
            "output.channels": f"+= {first * words}",
        }
        share = round(step.instructions * count / units)
        begin = None if code is None else first // group
        what = _what("units", first, first + count)
        yield Piece(share, fields, 0, first * written, begin, what=what)


Divider = Callable[[Step, int, int, int], tuple[Call[Any], Mapping[str, str], int]]


def _lines(step: Step, most: int, core: str, divide: Divider) -> Iterator[Piece]:
    """Yield rows, or columns of a picture of one row: as many as keep within the limit."""
    axis = 1 if step.call.shape[0] == step.call.source[0] == 1 else 0
    size = step.call.shape[axis]
    line_bytes = step.call.output.bytes // size
    tile = _tile(step)

    def piece(first: int, count: int) -> Piece:
        call, fields, input_bytes = divide(step, axis, first, count)
        what = _what(("rows", "columns")[axis], first, first + count)
        cost = round(instructions(call, tile, core))
        return Piece(cost, fields, input_bytes, first * line_bytes, what=what)

    pieces: list[Piece] = []
    for count in range(_share(step, size, most), 0, -1):  # fewer, for each decodes weights
        pieces = [piece(*share) for share in _shares(size, count)]
        if max(made.instructions for made in pieces) <= most:
            break
    yield from pieces


def _tile(step: Step) -> Tile:
    return Tile(step.tile, step.scratch_bytes, step.rows, step.winograd)


def _windowed(
    step: Step, axis: int, first: int, count: int
) -> tuple[Call[Any], Mapping[str, str], int]:
    call = step.call
    window: Window = call.op.window
    inputs, before = call.source[axis], (window.padding.top, window.padding.left)[axis]
    start = first * window.strides[axis] - before
    end = start + (count - 1) * window.strides[axis] + window.spans[axis]
    read = (max(0, start), min(end, inputs))
    sides = (max(0, -start), max(0, end - inputs))
    rows, pad = _AXES[axis]
    fields = {
        f"in.{rows}": f"= {read[1] - read[0]}",
        f"out.{rows}": f"= {count}",
        f"window.{pad}": f"= {sides[0]}",
    }
    made = _varied(call, axis, (read[1] - read[0], count), sides)
    return made, fields, read[0] * (call.inputs[0].bytes // inputs)


def _transposed(
    step: Step, axis: int, first: int, count: int
) -> tuple[Call[Any], Mapping[str, str], int]:
    """Return some rows of a transposed convolution, which lacks those before as padding."""
    call = step.call
    padding = call.op.window.padding
    before, behind = ((padding.top, padding.bottom), (padding.left, padding.right))[axis]
    sides = (before + first, behind + call.shape[axis] - first - count)
    rows, pad = _AXES[axis]
    fields = {f"out.{rows}": f"= {count}", f"window.{pad}": f"= {sides[0]}"}
    return _varied(call, axis, (call.source[axis], count), sides), fields, 0


def _varied(
    call: Call[Any], axis: int, sizes: tuple[int, int], sides: tuple[int, int]
) -> Call[Any]:
    """Return a call for a part of its pictures along a dimension."""
    window: Window = call.op.window
    p = window.padding
    padding = Padding(*sides, p.left, p.right) if axis == 0 else Padding(p.top, p.bottom, *sides)
    return call.varied(
        op=replace(call.op, window=replace(window, padding=padding)),
        inputs=tuple(_part(tensor, axis, sizes[0]) for tensor in call.inputs),
        outputs=(_part(call.output, axis, sizes[1]),),
    )


def _part(tensor: Tensor, axis: int, size: int) -> Tensor:
    shape = list(tensor.shape)
    shape[axis] = size
    return replace(tensor, shape=tuple(shape))


def _share(step: Step, size: int, most: int, unit: int = 1) -> int:
    """Return how many of `size` equal parts of a step keep within the limit, by a unit."""
    return max(unit, size * most // step.instructions // unit * unit)


def _shares(size: int, each: int) -> Iterator[tuple[int, int]]:
    """Yield shares of so many as the first one and their number."""
    for first in range(0, size, each):
        yield first, min(each, size - first)


def _what(kind: str, first: int, end: int) -> str:
    return f"; {kind} {first} to {end - 1}"


def _value_bytes(tensor: Tensor) -> int:
    return tensor.bytes // tensor.size


def _reads_all_rows(step: Step) -> bool:
    """Return whether every row and column of the output reads some of the input."""
    call = step.call
    window: Window = call.op.window
    before = (window.padding.top, window.padding.left)
    return all(
        before[axis] < window.spans[axis]
        and (call.shape[axis] - 1) * window.strides[axis] - before[axis] < call.source[axis]
        for axis in (0, 1)
    )


def _in_order(step: Step) -> bool:
    """Return whether pieces do not write what later ones still read.

    Where the output overwrites an input, it has to be value by value, or pixel by pixel.
    """
    call = step.call
    start, end = step.output_offset, step.output_offset + call.output.bytes
    for tensor, offset in zip(call.inputs, step.input_offsets, strict=True):
        if end <= offset or offset + tensor.bytes <= start:
            continue
        window: Window | None = getattr(call.op, "window", None)
        single = window is None or (window.size == window.strides == (1, 1) and not window.padding)
        if not single or offset != start or call.output.bytes > tensor.bytes:
            return False
    return True
