"""Translate subscripts of tensors, such as x[:, 1:5, None, -1]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from microlut.importers.keras.arguments import chain, taking, whole_numbers
from microlut.importers.keras.config import Json
from microlut.importers.keras.layer_use import Handler, LayerUse, Step
from microlut.ops.movement import Axis, whole
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice

_ALL = slice(None)
_WHOLE_BATCH = (_ALL, slice(0, None), slice(None, None, 1), slice(0, None, 1))
_ELLIPSIS = "..."


@dataclass(slots=True)
class _Index:
    """What a subscript such as x[:, 1:5, None, -1] takes.

    Attributes:
        axes: Places along each dimension of the tensor, without the batch.
        shape: What is left of the shape, with new dimensions of 1.
    """

    axes: list[Axis] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)


def _subscript(use: LayerUse, items: Sequence[Any]) -> tuple[Step, ...]:
    """Return the steps of a subscript of slices, integers, None and `_ELLIPSIS`."""
    sizes = list(use.shape)
    spec = list(_without_ellipsis(items, len(sizes) + 1))
    batch = spec[0] if spec else _ALL
    if batch not in _WHOLE_BATCH:
        raise use.layer.unsupported(
            f"takes {_shown(batch)} of the batch",
            "supported are subscripts that begin with ':', since firmware computes one input at a "
            "time",
        )
    found = _Index()
    for item in spec[1:]:
        if item is None:
            found.shape.append(1)
            continue
        if not sizes:
            raise use.layer.invalid(f"has too many subscripts for {list(use.shape)}")
        size = sizes.pop(0)
        axis = _axis(use, item, size)
        found.axes.append(axis)
        if isinstance(item, slice):
            found.shape.append(axis.size)
    axes, shape = (*found.axes, *map(whole, sizes)), (*found.shape, *sizes)
    if not shape:
        raise use.layer.unsupported(
            "takes a single number", "keep one dimension: write x[:, 2:3] instead of x[:, 2]"
        )
    return chain(use, Slice(axes), Reshape(shape))


def _without_ellipsis(items: Sequence[Any], rank: int) -> Iterator[Any]:
    """Yield a subscript with ':' for an ellipsis."""
    taken = sum(item is not None and item != _ELLIPSIS for item in items)
    for item in items:
        if item == _ELLIPSIS:
            yield from [_ALL] * (rank - taken)
        else:
            yield item


def _axis(use: LayerUse, item: Any, size: int) -> Axis:  # noqa: ANN401
    """Return the places that a slice or an integer takes of a dimension."""
    if isinstance(item, slice):
        try:
            places = range(size)[item]
        except (TypeError, ValueError):
            raise use.layer.invalid(f"has the subscript {_shown(item)}") from None
        if not places:
            raise use.layer.invalid(f"takes {_shown(item)} of {size} values, which is nothing")
        return Axis(places[0], places.step if len(places) > 1 else 1, len(places))
    if type(item) is not int:
        raise use.layer.unsupported(
            f"has the subscript {_shown(item)}", "supported are integers and slices of integers"
        )
    if not -size <= item < size:
        raise use.layer.invalid(f"takes number {item} of {size} values")
    return Axis(item % size, 1, 1)


def _shown(item: object) -> str:
    if not isinstance(item, slice):
        return str(item)[:40]
    parts = ["" if part is None else str(part)[:20] for part in (item.start, item.stop)]
    return ":".join(parts if item.step is None else [*parts, str(item.step)[:20]])


@taking("key|slice_spec")
def _get_item(use: LayerUse, given: Json) -> tuple[Step, ...]:
    key = given.get("key")
    return _subscript(use, [_item(item) for item in (key if isinstance(key, list) else [key])])


def _item(value: Any) -> Any:  # noqa: ANN401 - JSON is untyped
    """Return one part of a subscript as Keras writes it."""
    if not isinstance(value, dict):
        return value
    kind = value.get("class_name")
    if kind == "__ellipsis__":
        return _ELLIPSIS
    config = value.get("config") if kind == "__slice__" else value
    if isinstance(config, dict) and {"start", "stop", "step"} >= config.keys():
        return slice(config.get("start"), config.get("stop"), config.get("step"))
    return value


_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


@taking("begin", "end", "strides", *_MASKS, "var")
def _strided_slice(use: LayerUse, given: Json) -> tuple[Step, ...]:
    begin, end = (whole_numbers(use, given.get(key), key) for key in ("begin", "end"))
    strides = given.get("strides")
    steps = [1] * len(begin) if strides is None else whole_numbers(use, strides, "strides")
    if not len(begin) == len(end) == len(steps):
        raise use.layer.invalid("has begin, end and strides of different lengths")
    first, last, gap, new, single = (given.get(key) or 0 for key in _MASKS)
    items: list[Any] = []
    for i, (start, stop, step) in enumerate(zip(begin, end, steps, strict=True)):
        bit = 1 << i
        if gap & bit:
            items.append(_ELLIPSIS)
        elif new & bit:
            items.append(None)
        elif single & bit:
            items.append(start)
        else:
            items.append(slice(None if first & bit else start, None if last & bit else stop, step))
    return _subscript(use, items)


@taking("begin", "size")
def _slice(use: LayerUse, given: Json) -> tuple[Step, ...]:
    begin, size = (whole_numbers(use, given.get(key), key) for key in ("begin", "size"))
    items = [
        slice(start, None if count == -1 else start + count)
        for start, count in zip(begin, size, strict=False)
    ]
    return _subscript(use, items)


SUBSCRIPTS: Mapping[str, Handler] = {
    "GetItem": _get_item,
    "__operators__.getitem": _get_item,
    "slice": _slice,
    "strided_slice": _strided_slice,
}
