"""Translate means, sums and extremes along dimensions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from microlut.importers.onnx.pools import global_pool
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.base import FloatOp
from microlut.ops.identity import Identity
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.reduce import ReduceMax, ReduceMean, ReduceMin, ReduceSum
from microlut.ops.unary import Abs, Exp, Log, Sqrt, Square

_Kind = type[ReduceMax | ReduceMean | ReduceMin | ReduceSum]
_PICTURES: Mapping[_Kind, type[AveragePool2D] | type[MaxPool2D]] = {
    ReduceMean: AveragePool2D,
    ReduceMax: MaxPool2D,
}
# What is summed up, how, and what becomes of the result.
_PARTS: Mapping[str, tuple[tuple[FloatOp, ...], _Kind, tuple[FloatOp, ...]]] = {
    "ReduceL1": ((Abs(),), ReduceSum, ()),
    "ReduceL2": ((Square(),), ReduceSum, (Sqrt(),)),
    "ReduceLogSum": ((), ReduceSum, (Log(),)),
    "ReduceLogSumExp": ((Exp(),), ReduceSum, (Log(),)),
    "ReduceMax": ((), ReduceMax, ()),
    "ReduceMean": ((), ReduceMean, ()),
    "ReduceMin": ((), ReduceMin, ()),
    "ReduceSum": ((), ReduceSum, ()),
    "ReduceSumSquare": ((Square(),), ReduceSum, ()),
}


def _reduce(use: Use) -> Iterable[Value | None]:
    before, kind, after = _PARTS[use.operator.kind]
    live = use.live()
    rank = len(live.shape)
    axes = use.axes(1, rank)
    if not axes:
        if use.option("noop_with_empty_axes", 0):
            return (use.applied(live, Identity()),)
        axes = list(range(rank))
    if live.batch in axes:
        live = use.whole(live)
    live = use.applied(live, *before)
    made = use.applied(reduced(use, live, kind, axes), *after)
    if use.option("keepdims", 1):
        return (made,)
    kept = [i for i in range(rank) if i not in axes]
    batch = kept.index(live.batch) if live.batch in kept else None
    return (use.given(made.tensor, tuple(live.shape[i] for i in kept), batch),)


def reduced(use: Use, live: Live, kind: _Kind, axes: Sequence[int]) -> Live:
    """Return one value of all those along dimensions, which remain with size 1."""
    rank = len(live.shape)
    pool = _PICTURES.get(kind)
    if (
        pool is not None
        and live.batch == 0
        and list(axes) == list(range(2, rank))
        and rank in (3, 4)
    ):
        return global_pool(use, live, pool)
    shape = tuple(1 if i in axes else n for i, n in enumerate(live.shape))
    inner = tuple(live.axis(i) for i in axes if i != live.batch)
    if all(live.inner[i] == 1 for i in inner):
        return use.given(live.tensor, shape, live.batch)
    return use.given(use.add(kind(inner, True), live.tensor), shape, live.batch)


REDUCING: Mapping[str, Handler] = dict.fromkeys(_PARTS, _reduce)
