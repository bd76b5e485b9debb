"""Operators that only move values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from microlut.importers.tflite.tensors import quantization_of
from microlut.importers.tflite.use import PREVIOUS, Handler, Step, Use, limited, without_batch
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.concatenate import Concatenate
from microlut.ops.gather import Gather
from microlut.ops.lookup import Lookup, stored_table
from microlut.ops.movement import Axis, whole
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.tile import Tile
from microlut.ops.transpose import Transpose

_MOST_OUTPUTS = 1024


def _reshape(use: Use) -> tuple[Step, ...]:
    """Read RESHAPE: a constant, the option or the output says the shape."""
    source = use.tensor().shape
    if len(use.inputs) > 1 and use.inputs[1] is not None and use.inputs[1].constant is not None:
        target = list(use.integers(1))
    else:
        target = list(use.option("NewShape", ())) or list(use.outputs[0].shape)
    size, known = prod(source), prod(n for n in target if n != -1)
    if target.count(-1) == 1 and known > 0 and size % known == 0:
        target = [size // known if n == -1 else n for n in target]
    if min(target, default=1) < 1 or prod(target) != size:
        raise use.operator.invalid(f"reshapes {list(source)} to {target}")
    return reshaped(use, tuple(target))


def reshaped(use: Use, shape: Shape) -> tuple[Step, ...]:
    """Return the step that gives an input another shape, with the batch."""
    del use
    return (Step(Reshape(without_batch(shape)), full=shape),)


def _squeeze(use: Use) -> tuple[Step, ...]:
    shape = use.tensor().shape
    axes = {axis % max(len(shape), 1) for axis in use.option("SqueezeDims", ())}
    axes = axes or {i for i, n in enumerate(shape) if n == 1}
    return reshaped(use, tuple(n for i, n in enumerate(shape) if i not in axes))


def _expand_dims(use: Use) -> tuple[Step, ...]:
    shape, (axis, *_) = list(use.tensor().shape), use.integers(1)
    if not -len(shape) - 1 <= axis <= len(shape):
        raise use.operator.invalid(f"adds dimension {axis} to {shape}")
    shape.insert(axis % (len(shape) + 1), 1)
    return reshaped(use, tuple(shape))


def moved(use: Use, op: FloatOp, shape: Shape, index: int = 0, output: int = 0) -> tuple[Step, ...]:
    """Return a movement of a whole tensor with its batch, as steps; `shape` is the output's."""
    source = use.tensor(index).shape
    full = Step(Reshape(source), (index,), None, index, suffix="_whole")
    return full, Step(op, (PREVIOUS,), output, full=shape)


@limited("constant order")
def _transpose(use: Use) -> tuple[Step, ...]:
    shape, order = use.tensor().shape, use.integers(1)
    order = tuple(axis % max(len(shape), 1) for axis in order)
    if sorted(order) != list(range(len(shape))):
        raise use.operator.invalid(f"puts dimensions of {list(shape)} into the order {order}")
    after = tuple(shape[i] for i in order)
    if use.offset() and order[0] == 0:
        return (Step(Transpose(tuple(i - 1 for i in order[1:])), full=after),)
    return moved(use, Transpose(order), after)


def taken(use: Use, axes: Sequence[Axis], index: int = 0, output: int = 0) -> tuple[Step, ...]:
    """Return the step that takes places of a tensor, given along all of its dimensions."""
    offset, source = use.offset(index), use.tensor(index).shape
    if any(not axis.fits(n) for axis, n in zip(axes, source, strict=True)):
        raise use.operator.invalid(f"takes places that {list(source)} does not have")
    full = tuple(axis.size for axis in axes)
    op = Slice(tuple(axes[offset:])) if source else Reshape((1,))
    return (Step(op, (index,), output, full=full),)


@limited("constant places")
def _slice(use: Use) -> tuple[Step, ...]:
    shape, begin, sizes = use.tensor().shape, use.integers(1), use.integers(2)
    if not len(begin) == len(sizes) == len(shape):
        raise use.operator.invalid(f"takes {sizes} from {begin} of {list(shape)}")
    return taken(
        use,
        [
            Axis(first, 1, n - first if size == -1 else size)
            for first, size, n in zip(begin, sizes, shape, strict=True)
        ],
    )


@limited("constant places; no `ellipsis_mask` and no `new_axis_mask`")
def _strided_slice(use: Use) -> tuple[Step, ...]:
    shape = use.tensor().shape
    begin, end, strides = (use.integers(i) for i in (1, 2, 3))
    axes, kept = strided_axes(use, shape, begin, end, strides)
    full = tuple(axis.size for i, axis in enumerate(axes) if i in kept)
    return tuple(replace(step, full=full) for step in taken(use, axes))


def strided_axes(
    use: Use,
    shape: Shape,
    begin: Sequence[int],
    end: Sequence[int],
    strides: Sequence[int],
) -> tuple[list[Axis], frozenset[int]]:
    """Return the places of a STRIDED_SLICE along all dimensions, and the dimensions that stay."""
    if use.option("EllipsisMask") or use.option("NewAxisMask"):
        raise use.operator.unsupported(
            "has an ellipsis or a new axis", "supported are plain slices: convert the model again"
        )
    if not len(begin) == len(end) == len(strides) <= len(shape) or 0 in strides:
        raise use.operator.invalid(f"takes places of {list(shape)} that are not there")
    axes, kept = [], set(range(len(shape)))
    for i, n in enumerate(shape):
        if i >= len(begin):
            axes.append(whole(n))
            continue
        step = strides[i]
        first = None if use.option("BeginMask") >> i & 1 else begin[i]
        last = None if use.option("EndMask") >> i & 1 else end[i]
        if use.option("ShrinkAxisMask") >> i & 1:
            start = begin[i] + n if begin[i] < 0 else begin[i]
            axes.append(Axis(start, 1, 1))
            kept.discard(i)
            continue
        if use.option("Offset") and last is not None:
            last = begin[i] + last
        places = range(n)[slice(first, last, step)]
        axes.append(Axis(places.start, step, len(places)))
    return axes, frozenset(kept)


def _parts(use: Use, index: int, axis: int, sizes: Sequence[int]) -> tuple[Step, ...]:
    """Return the steps that take parts of a tensor, one output after the other."""
    shape, place = use.tensor(index).shape, axis % max(len(use.tensor(index).shape), 1)
    if len(sizes) != len(use.outputs) or len(sizes) > _MOST_OUTPUTS or sum(sizes) != shape[place]:
        raise use.operator.invalid(f"splits {list(shape)} into {list(sizes)[:8]}")
    steps: list[Step] = []
    first = 0
    for output, size in enumerate(sizes):
        axes = [whole(n) for n in shape]
        axes[place] = Axis(first, 1, size)
        steps += taken(use, axes, index, output)
        first += size
    return tuple(steps)


@limited("constant axis")
def _split(use: Use) -> tuple[Step, ...]:
    (axis, *_), count = use.integers(0), len(use.outputs)
    shape = use.tensor(1).shape
    if not -len(shape) <= axis < len(shape) or shape[axis] % count:
        raise use.operator.invalid(f"splits {list(shape)} into {count} along axis {axis}")
    return _parts(use, 1, axis, [shape[axis] // count] * count)


@limited("constant sizes and axis")
def _split_v(use: Use) -> tuple[Step, ...]:
    sizes, (axis, *_) = list(use.integers(1)), use.integers(2)
    shape = use.tensor().shape
    if not -len(shape) <= axis < len(shape):
        raise use.operator.invalid(f"splits {list(shape)} along axis {axis}")
    rest = shape[axis] - sum(n for n in sizes if n != -1)
    return _parts(use, 0, axis, [rest if n == -1 else n for n in sizes])


def _unpack(use: Use) -> tuple[Step, ...]:
    shape, axis = use.tensor().shape, int(use.option("Axis"))
    if not -len(shape) <= axis < len(shape):
        raise use.operator.invalid(f"takes {list(shape)} apart along axis {axis}")
    steps = _parts(use, 0, axis, [1] * shape[axis])
    place = axis % len(shape)
    full = (*shape[:place], *shape[place + 1 :])
    return tuple(replace(step, full=full) for step in steps)


def _pack(use: Use) -> tuple[Step, ...]:
    shapes = {use.tensor(i).shape for i in range(len(use.inputs))}
    (shape, *others), count = shapes, len(use.inputs)
    axis = int(use.option("Axis"))
    if others or not -len(shape) - 1 <= axis <= len(shape):
        raise use.operator.invalid(f"puts together tensors of {len(shapes)} shapes along {axis}")
    place = axis % (len(shape) + 1)
    wider = [*shape[:place], 1, *shape[place:]]
    steps = [Step(Reshape(tuple(wider)), (i,), None, i, suffix=f"_wider{i}") for i in range(count)]
    made = tuple(range(-count, 0))
    return (*steps, Step(Concatenate(place), made, full=(*shape[:place], count, *shape[place:])))


@limited("constant counts")
def _tile(use: Use) -> tuple[Step, ...]:
    shape, counts = use.tensor().shape, use.integers(1)
    if len(counts) != len(shape) or min(counts, default=1) < 1:
        raise use.operator.invalid(f"repeats {list(shape)} by {list(counts)}")
    after = tuple(n * count for n, count in zip(shape, counts, strict=True))
    if use.offset() and counts[0] == 1:
        return (Step(Tile(tuple(counts[1:])), full=after),)
    return moved(use, Tile(tuple(counts)), after)


@limited("constant shape")
def _broadcast_to(use: Use) -> tuple[Step, ...]:
    """Read BROADCAST_TO as copies along dimensions of 1."""
    shape, target = use.tensor().shape, use.integers(1)
    wider = (1,) * (len(target) - len(shape)) + shape
    if len(wider) != len(target) or any(
        n not in (1, m) for n, m in zip(wider, target, strict=True)
    ):
        raise use.operator.invalid(f"makes {list(target)} of {list(shape)}")
    counts = tuple(m // n for n, m in zip(wider, target, strict=True))
    first = Step(Reshape(wider), (0,), None, 0, suffix="_whole")
    return first, Step(Tile(counts), (PREVIOUS,), full=tuple(target))


@limited("constant places of one dimension; results of a function of int8, as microlut exports it")
def _gather(use: Use) -> tuple[Step, ...]:
    values = use.given(0)
    if values.constant is not None and use.tensor(1).source.dtype == "int8":  # see exported.py
        table, source = stored_table(values.constant), quantization_of(use.tensor(1).source)
        assert source is not None
        return (Step(Lookup(values.real(), source[1]), (1,), exact=lambda *_: table),)
    places, axis, shape = use.integers(1), int(use.option("Axis")), use.tensor().shape
    if use.option("BatchDims") or use.constant(1).ndim > 1:
        raise use.operator.unsupported(
            f"takes places of shape {list(use.constant(1).shape)}", "supported is a list of them"
        )
    if not -len(shape) <= axis < len(shape):
        raise use.operator.invalid(f"takes places of {list(shape)} along axis {axis}")
    place = axis % len(shape)
    after = () if use.constant(1).ndim == 0 else (len(places),)
    made = (*shape[:place], *after, *shape[place + 1 :])
    if use.offset() and place:
        return (Step(Gather(place - 1, places), full=made),)
    return moved(use, Gather(place, places), made)


@limited("constant dimensions")
def _reverse(use: Use) -> tuple[Step, ...]:
    shape, axes = use.tensor().shape, use.integers(1)
    chosen = {axis % max(len(shape), 1) for axis in axes}
    return taken(
        use, [Axis(n - 1, -1, n) if i in chosen else whole(n) for i, n in enumerate(shape)]
    )


MOVES: Mapping[str, Handler] = {
    "BROADCAST_TO": _broadcast_to,
    "EXPAND_DIMS": _expand_dims,
    "GATHER": _gather,
    "PACK": _pack,
    "RESHAPE": _reshape,
    "REVERSE_V2": _reverse,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split_v,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TILE": _tile,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}
