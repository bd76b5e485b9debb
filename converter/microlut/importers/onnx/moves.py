"""Translate operators that give a tensor another shape or order, or cut and join tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod

import numpy as np

from microlut.importers.movements import picked
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value, batch_after
from microlut.ops.arrays import Shape
from microlut.ops.depth_to_space import DepthToSpace
from microlut.ops.movement import Axis, whole
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.space_to_depth import SpaceToDepth
from microlut.ops.tile import Tile
from microlut.ops.transpose import Transpose

_ROWS = "the firmware reads no indices: give the network the rows as its input"


def reshaped(use: Use, live: Live, wanted: Callable[[Shape], Shape]) -> Live:
    """Return the same values in the shape that is wanted for theirs."""
    shape, many = wanted(live.shape), use.building.several
    if many is not None and live.batch is not None:
        place = batch_after(live.shape, live.batch, shape)
        others = [
            [many if i == axis else n for i, n in enumerate(s)]
            for s, axis in ((live.shape, live.batch), (shape, place))
        ]
        if list(wanted(tuple(others[0]))) != others[1]:
            use.check_one()
    if prod(shape) != prod(live.shape) or not all(n > 0 for n in shape):
        raise use.operator.unsupported(
            f"reshapes {list(live.shape)} to {list(shape)}",
            "the batch is 1 in firmware: export the model with a batch of 1",
        )
    return use.given(live.tensor, shape, batch_after(live.shape, live.batch, shape))


def _reshape(use: Use) -> Iterable[Value | None]:
    live = use.live()
    given = use.option("shape", None) or use.integers(1, "its shape") or []
    keep = not use.option("allowzero", 0)

    def wanted(shape: Shape) -> Shape:
        sizes = [
            shape[i] if n == 0 and keep and i < len(shape) else int(n) for i, n in enumerate(given)
        ]
        known = prod(n for n in sizes if n != -1)
        if sizes.count(-1) == 1 and known > 0 and prod(shape) % known == 0:
            sizes = [prod(shape) // known if n == -1 else n for n in sizes]
        return tuple(sizes)

    return (reshaped(use, live, wanted),)


def _flatten(use: Use) -> Iterable[Value | None]:
    live = use.live()
    rank = len(live.shape)
    axis = int(use.option("axis", 1))
    axis = rank if axis == rank else use.axis(axis, rank)
    return (reshaped(use, live, lambda shape: (prod(shape[:axis]), prod(shape[axis:]))),)


def _squeeze(use: Use) -> Iterable[Value | None]:
    live = use.live()
    axes = use.axes(1, len(live.shape))
    if axes is None:
        axes = [i for i, n in enumerate(live.shape) if n == 1]
    if any(live.shape[i] != 1 for i in axes):
        raise use.operator.invalid(f"removes dimensions {axes} of {list(live.shape)}")
    left = [i for i in range(len(live.shape)) if i not in axes]
    batch = left.index(live.batch) if live.batch in left else None
    return (use.given(live.tensor, tuple(live.shape[i] for i in left), batch),)


def _unsqueeze(use: Use) -> Iterable[Value | None]:
    live = use.live()
    given = use.option("axes", None) or use.integers(1, "axes") or []
    rank = len(live.shape) + len(given)
    axes = {use.axis(int(axis), rank) for axis in given}
    old = iter(live.shape)
    shape = tuple(1 if i in axes else next(old) for i in range(rank))
    kept = [i for i in range(rank) if i not in axes]
    return (use.given(live.tensor, shape, None if live.batch is None else kept[live.batch]),)


def _transpose(use: Use) -> Iterable[Value | None]:
    live = use.live()
    rank = len(live.shape)
    order = [int(i) for i in use.option("perm", None) or range(rank)[::-1]]
    if sorted(order) != list(range(rank)):
        raise use.operator.invalid(f"perm {order} does not name {rank} dimensions")
    return (use.reordered(live, order),)


def part_of(use: Use, live: Live, places: Mapping[int, Axis]) -> Live:
    """Return the values at places along some dimensions."""
    several = None if use.building.several is None else live.batch
    places = {
        i: axis for i, axis in places.items() if i == several or not axis.is_all(live.shape[i])
    }
    if not places:
        return live
    if live.batch in places:
        live = use.whole(live)
    axes = [places.get(i, whole(n)) for i, n in enumerate(live.shape)]
    if min(axis.size for axis in axes) < 1:
        raise use.operator.unsupported(
            f"takes nothing of {list(live.shape)}", "firmware has no empty tensors"
        )
    inner = tuple(axis for i, axis in enumerate(axes) if i != live.batch) or (whole(1),)
    shape = tuple(axis.size for axis in axes)
    return use.given(use.add(Slice(inner), live.tensor), shape, live.batch)


def _slice(use: Use) -> Iterable[Value | None]:
    live = use.live()
    rank = len(live.shape)
    starts, ends, axes, steps = (
        use.option(name, None) or use.integers(i, name)
        for i, name in enumerate(("starts", "ends", "axes", "steps"), 1)
    )
    if starts is None or ends is None or len(starts) != len(ends):
        raise use.operator.invalid("its starts and ends do not fit")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    places = {}
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        place = use.axis(int(axis), rank)
        if step == 0:
            raise use.operator.invalid("has a step of 0")
        part = slice(int(start), _end(int(end), int(step)), int(step))
        many = use.building.several
        if place == live.batch and many is not None and range(many)[part] == range(many):
            continue  # the whole batch
        found = range(live.shape[place])[part]
        places[place] = Axis(found.start if len(found) else 0, int(step), len(found))
    return (part_of(use, live, places),)


def _end(end: int, step: int) -> int | None:
    """Return the end of a slice; ONNX writes the place before the first one as the least number."""
    return None if step < 0 and end < -(1 << 30) else end


def _split(use: Use) -> Iterable[Value | None]:
    live = use.live()
    axis = use.axis(int(use.option("axis", 0)), len(live.shape))
    size, count = live.shape[axis], len(use.operator.outputs)
    sizes = use.option("split", None) or use.integers(1, "split")
    if sizes is None:
        each = -(-size // count)
        sizes = [min(each, size - each * i) for i in range(count)]
    if len(sizes) != count or sum(sizes) != size or min(sizes) < 0:
        raise use.operator.invalid(f"splits {size} values into {list(sizes)}")
    begins = [sum(sizes[:i]) for i in range(count)]
    return [
        part_of(use, live, {axis: Axis(begin, 1, n)}) if wanted else None
        for begin, n, wanted in zip(begins, sizes, use.wanted, strict=True)
    ]


def _gather(use: Use) -> Iterable[Value | None]:
    if isinstance(use.values[1], Live):
        raise use.operator.unsupported("takes places that the inputs determine", _ROWS)
    live, indices = use.live(), np.asarray(use.constant(1, "indices"))
    axis = use.axis(int(use.option("axis", 0)), len(live.shape))
    if axis == live.batch:
        live = use.whole(live)
    size = live.shape[axis]
    flat = [int(n) for n in indices.ravel()]
    if not flat or not all(-size <= n < size for n in flat):
        raise use.operator.invalid(f"takes {str(flat)[:40]} of {size} values")
    places = [n % size for n in flat]
    tensor = live.tensor
    if places != list(range(size)):
        tensor = use.add(picked(live.inner, live.axis(axis), places), tensor)
    shape = (*live.shape[:axis], *indices.shape, *live.shape[axis + 1 :])
    batch = live.batch
    if batch is not None and batch > axis:
        batch += indices.ndim - 1
    return (use.given(tensor, shape, batch),)


def _expand(use: Use) -> Iterable[Value | None]:
    live, wanted = use.live(), use.integers(1, "its shape") or []
    shape = tuple(np.broadcast_shapes(live.shape, tuple(wanted)))
    extra = len(shape) - len(live.shape)
    batch = None if live.batch is None else live.batch + extra
    wide = use.given(live.tensor, (*[1] * extra, *live.shape), batch)
    counts = [n // m for n, m in zip(shape, wide.shape, strict=True)]
    return (repeated(use, wide, counts),)


def _tile(use: Use) -> Iterable[Value | None]:
    live, counts = use.live(), use.integers(1, "repeats") or []
    if len(counts) != len(live.shape) or min(counts, default=1) < 1:
        raise use.operator.unsupported(
            f"repeats {list(live.shape)} by {counts}", "supported is a number per dimension"
        )
    return (repeated(use, live, counts),)


def repeated(use: Use, live: Live, counts: Sequence[int]) -> Live:
    """Return all values as often as counts say, per dimension."""
    if live.batch is not None and counts[live.batch] != 1:
        live = use.whole(live)
    shape = tuple(n * count for n, count in zip(live.shape, counts, strict=True))
    inner = tuple(count for i, count in enumerate(counts) if i != live.batch) or (1,)
    tensor = live.tensor if set(inner) == {1} else use.add(Tile(inner), live.tensor)
    return use.given(tensor, shape, live.batch)


def _depth_to_space(use: Use) -> Iterable[Value | None]:
    block = int(use.option("blocksize", 0))
    picture, live = use.picture(use.live())
    height, width, channels = use.building.shapes[picture]
    if len(live.shape) != 4 or block < 1 or channels % (block * block):
        raise use.operator.invalid(f"makes blocks of {block} of {list(live.shape)}")
    if use.option("mode", "DCR") == "DCR":
        return (use.unpictured(use.add(DepthToSpace(block), picture), 4),)
    # The channels of a pixel are in another order there: passes give it to a convolution before.
    places = np.arange(channels).reshape(channels // block**2, block**2).T.ravel()
    order = picked((height, width, channels), 2, [int(n) for n in places])
    made = use.chain(picture, order, DepthToSpace(block), suffix="_block")
    return (use.unpictured(made, 4),)


def _space_to_depth(use: Use) -> Iterable[Value | None]:
    block = int(use.option("blocksize", 0))
    picture, live = use.picture(use.live())
    height, width, channels = use.building.shapes[picture]
    if len(live.shape) != 4 or block < 1 or height % block or width % block:
        raise use.operator.invalid(f"makes blocks of {block} of {list(live.shape)}")
    if use.option("mode", "DCR") == "DCR":
        return (use.unpictured(use.add(SpaceToDepth(block), picture), 4),)
    apart = (height // block, block, width // block, block, channels)
    size = (height // block, width // block, channels * block * block)
    order = Transpose((0, 2, 4, 1, 3))
    made = use.chain(picture, Reshape(apart), order, Reshape(size), suffix="_block")
    return (use.unpictured(made, 4),)


MOVES: Mapping[str, Handler] = {
    "DepthToSpace": _depth_to_space,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Reshape": _reshape,
    "Slice": _slice,
    "SpaceToDepth": _space_to_depth,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
