"""Draw what reads several tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from draws import Rng, Seen, axis, maybe, one_of, whole
from recipe import Options

Merged = tuple[str, list[str], Options]  # a layer or function, names of tensors, options
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
_MERGING = ("ops.add", "ops.subtract", "ops.multiply", "ops.maximum", "ops.minimum")
_OPERATORS = ("operator.add", "operator.sub", "operator.mul")


def merged(rng: Rng, x: Seen, seen: Sequence[Seen]) -> Merged | None:
    """Return what reads a tensor and others, or None if it does not fit."""
    fitting = [y for y in seen if y.shape == x.shape] * 2
    fitting += [y for y in seen if _fit(x.shape, y.shape)]
    roll = rng.random()
    if roll < 0.3:
        return _joined(rng, x, seen)
    if roll < 0.36:
        return _dot(rng, x, seen)
    count = 2 if maybe(rng, 0.8) else 3
    others = [one_of(rng, *fitting) for _ in range(count - 1)]
    reads = [y.name for y in (x, *others)]
    rng.shuffle(reads)
    if roll < 0.65:
        what = str(one_of(rng, *MERGES))
        return what, reads[:2] if what == "Subtract" else reads, {}
    return str(one_of(rng, *_MERGING, *_OPERATORS)), reads[:2], {}


def _joined(rng: Rng, x: Seen, seen: Sequence[Seen]) -> Merged | None:
    along = whole(rng, 1, len(x.shape))
    rest = (*x.shape[: along - 1], *x.shape[along:])
    fitting = {
        y.name: y
        for y in seen
        if len(y.shape) == len(x.shape) and (*y.shape[: along - 1], *y.shape[along:]) == rest
    }
    reads = [x.name, *(str(one_of(rng, *fitting)) for _ in range(whole(rng, 1, 3)))]
    rng.shuffle(reads)
    if maybe(rng, 0.25) and len(x.shape) < 4:
        reads = [name for name in reads if fitting[name].shape == x.shape]
        if len(reads) > 1:
            return "ops.stack", reads, {"axis": axis(rng, (*x.shape, 1)), "listed": True}
    along = along if maybe(rng) else along - len(x.shape) - 1
    if maybe(rng, 0.3):
        return "ops.concatenate", reads, {"axis": along, "listed": True}
    return "Concatenate", reads, {"axis": along}


def _dot(rng: Rng, x: Seen, seen: Sequence[Seen]) -> Merged | None:
    """Multiply the vectors along a dimension of one tensor by the only one of another."""
    fitting = []
    for y in seen:
        for i, n in enumerate(x.shape):
            for j, m in enumerate(y.shape):
                if n == m and n in (prod(x.shape), prod(y.shape)):
                    fitting.append((y, i + 1, j + 1))
    if not fitting:
        return None
    y, one, other = one_of(rng, *fitting)
    axes = one if one == other and maybe(rng) else (one, other)
    normalize = {"normalize": True} if maybe(rng, 0.3) else {}
    return "Dot", [x.name, y.name], {"axes": axes, **normalize}


def _fit(one: Sequence[int], other: Sequence[int]) -> bool:
    if len(one) != len(other):
        return False
    return all(a == b or 1 in (a, b) for a, b in zip(one, other, strict=True))
