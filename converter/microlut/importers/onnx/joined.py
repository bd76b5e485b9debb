"""Translate Concat, also of tensors and constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.movements import zero_padding
from microlut.importers.onnx.binary import two
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.concatenate import Concatenate

_Array = NDArray[Any]


def _concat(use: Use) -> Iterable[Value | None]:
    values = [v.real if isinstance(v, Live) else v for v in use.values if v is not None]
    ranks = {len(value.shape) for value in values}
    if len(ranks) != 1:
        raise use.operator.invalid("joins tensors of unlike ranks")
    axis = use.axis(int(use.option("axis", 1)), ranks.pop())
    lives = [value for value in values if isinstance(value, Live)]
    return (joined(use, lives, axis) if len(lives) == len(values) else _mixed(use, values, axis),)


def joined(use: Use, lives: Sequence[Live], axis: int) -> Live:
    """Return tensors in a row along a dimension."""
    batches = {live.batch for live in lives}
    if len(batches) > 1 or axis in batches:
        lives = [use.whole(live) for live in lives]
    first = lives[0]
    made = use.add(Concatenate(first.axis(axis)), *(live.tensor for live in lives))
    size = sum(live.shape[axis] for live in lives)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return use.given(made, shape, first.batch)


def _mixed(use: Use, values: Sequence[Value], axis: int) -> Live:
    """Return tensors and constants in a row: tensors between zeros, to which these are added."""
    batch = next(value.batch for value in values if isinstance(value, Live))
    parts = [v if isinstance(v, Live) else _of_one_input(use, v, batch) for v in values]
    padded: list[Live] = []
    before = 0  # of constants that no tensor has yet
    left = sum(isinstance(part, Live) for part in parts)
    for i, part in enumerate(parts):
        if not isinstance(part, Live):
            before += part.shape[axis]
            continue
        left -= 1
        after = 0 if left else sum(other.shape[axis] for other in parts[i + 1 :])
        padded.append(_between_zeros(use, part, axis, (before, after)))
        before = 0
    made = padded[0] if len(padded) == 1 else joined(use, padded, axis)
    added = _constants(use, parts, made.shape, axis)
    return two(use, "Add", made, added) if added.any() else made


def _of_one_input(use: Use, constant: _Array, batch: int | None) -> _Array:
    """Return a constant for one input, which may be repeated for all inputs of a batch."""
    found = np.asarray(constant, np.float64)
    many = use.building.several
    if many is None or batch is None or found.shape[batch] != many:
        return found
    first = found.take([0], axis=batch)
    if (found != first).any():
        use.check_one()
    return first


def _between_zeros(use: Use, live: Live, axis: int, amounts: tuple[int, int]) -> Live:
    if amounts == (0, 0):
        return live
    if live.batch == axis:
        live = use.whole(live)
    inner = [amounts if i == live.axis(axis) else (0, 0) for i in range(len(live.inner))]
    tensor = use.chain(live.tensor, *zero_padding(live.inner, inner), suffix="_pad")
    shape = tuple(n + sum(amounts) * (i == axis) for i, n in enumerate(live.shape))
    return use.given(tensor, shape, live.batch)


def _constants(use: Use, parts: Sequence[Value], shape: Sequence[int], axis: int) -> _Array:
    """Return the constants, with zeros where tensors are."""
    made: list[_Array] = []
    for part in parts:
        size = tuple(part.shape[axis] if i == axis else n for i, n in enumerate(shape))
        if isinstance(part, Live):
            made.append(np.zeros(size))
        elif part.shape == size:
            made.append(part)
        else:
            raise use.operator.invalid(f"joins shapes {list(part.shape)} and {list(size)}")
    return np.concatenate(made, axis)


JOINED: Mapping[str, Handler] = {"Concat": _concat}
