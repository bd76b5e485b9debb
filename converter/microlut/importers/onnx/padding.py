"""Translate Pad, whatever it pads with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from microlut.importers.movements import picked, zero_padding
from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.moves import part_of
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.movement import Axis
from microlut.ops.pad import Pad
from microlut.ops.windows import Padding

_Amounts = list[tuple[int, int]]
_PICTURES = (3, 4)  # dimensions of sequences and pictures, with batch and channels


def _pad(use: Use) -> Iterable[Value | None]:
    live, mode = use.live(), use.option("mode", "constant")
    rank = len(live.shape)
    amounts = _amounts(use, rank)
    cut = {
        i: Axis(max(-a, 0), 1, live.shape[i] + min(a, 0) + min(b, 0))
        for i, (a, b) in enumerate(amounts)
        if min(a, b) < 0
    }
    if cut:
        live = part_of(use, live, cut)
    amounts = [(max(a, 0), max(b, 0)) for a, b in amounts]
    if live.batch is not None and amounts[live.batch] != (0, 0):
        live = use.whole(live)
    inner = [pair for i, pair in enumerate(amounts) if i != live.batch] or [(0, 0)]
    shape = tuple(n + a + b for n, (a, b) in zip(live.shape, amounts, strict=True))
    if mode == "constant":
        return (_constant(use, live, inner, shape),)
    tensor, sizes = live.tensor, list(live.inner)
    for axis, (before, after) in enumerate(inner):
        if before or after:
            size = sizes[axis]
            places = [_beyond(use, i, size, mode) for i in range(-before, size + after)]
            tensor = use.add(picked(sizes, axis, places), tensor)
            sizes[axis] += before + after
    return (use.given(tensor, shape, live.batch),)


def _amounts(use: Use, rank: int) -> _Amounts:
    """Return what is added before and after each dimension."""
    pads = use.option("pads", None) or use.integers(1, "pads") or []
    given = use.integers(3, "axes")
    axes = list(range(rank)) if given is None else [use.axis(axis, rank) for axis in given]
    if len(pads) != 2 * len(axes):
        raise use.operator.invalid(f"has {len(pads)} pads for {len(axes)} dimensions")
    found = {axis: (int(pads[i]), int(pads[i + len(axes)])) for i, axis in enumerate(axes)}
    return [found.get(i, (0, 0)) for i in range(rank)]


def _constant(use: Use, live: Live, inner: _Amounts, shape: tuple[int, ...]) -> Live:
    """Return a tensor padded with a number; one other than zero is zero of what is less by it."""
    found = use.maybe(2, "the value")
    value = float(use.option("value", 0.0) if found is None else np.asarray(found).ravel()[0])
    if not np.isfinite(value):
        raise use.operator.unsupported(f"pads with {value}", "supported are finite numbers")
    padded = use.values[0]
    if isinstance(padded, Live) and padded.stored is not None:  # it is an integer, as they are
        value = (value - padded.stored.zero_point) * padded.stored.scale
    if value:
        live = affine(use, live, 1.0, -value)
    if live.batch == 0 and len(shape) in _PICTURES and inner[0] == (0, 0):
        picture, live = use.picture(live)
        (top, bottom), (left, right) = [(0, 0), *inner[1:]][-2:]
        wide = use.chain(picture, Pad(Padding(top, bottom, left, right)))
        made = use.unpictured(wide, len(shape))
    else:
        tensor = use.chain(live.tensor, *zero_padding(live.inner, inner))
        made = use.given(tensor, shape, live.batch)
    return affine(use, made, 1.0, value) if value else made


def _beyond(use: Use, place: int, size: int, mode: str) -> int:
    """Return the place whose value a place beyond an axis has."""
    if 0 <= place < size:
        return place
    if mode == "edge":
        return 0 if place < 0 else size - 1
    if mode == "wrap":
        return place % size
    if mode != "reflect":
        raise use.operator.invalid(f"mode is {mode!r}")
    if size == 1:
        return 0
    period = 2 * (size - 1)
    return size - 1 - abs(place % period - (size - 1))


PADDING: Mapping[str, Handler] = {"Pad": _pad}
