"""Products of two tensors that both depend on the inputs: all products at once, and their sums."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from microlut.importers.onnx.binary import two
from microlut.importers.onnx.reducing import reduced
from microlut.importers.onnx.use import Use
from microlut.importers.onnx.values import Live
from microlut.ops.arrays import Shape
from microlut.ops.reduce import ReduceSum

MOST_PRODUCTS = 1 << 16  # which are in RAM at once
_MATRIX = 2  # dimensions


def multiplied(use: Use, left: Live, right: Live) -> Live:
    """Return the product of two matrices, or of several, or of vectors."""
    vectors = [len(each.shape) == 1 for each in (left, right)]
    if vectors[0]:
        left = _viewed(use, left, (1, *left.shape), [1])
    if vectors[1]:
        right = _viewed(use, right, (*right.shape, 1), [0])
    (*ahead, rows, length), (*other, second, columns) = left.shape, right.shape
    if length != second:
        raise use.operator.invalid(f"multiplies {list(left.shape)} with {list(right.shape)}")
    if left.batch == len(left.shape) - 1:
        left = use.whole(left)
    if right.batch == len(right.shape) - _MATRIX:
        right = use.whole(right)
    turned = use.turned(right)
    places = list(range(len(ahead)))
    first = _viewed(use, left, (*ahead, rows, 1, length), [*places, len(ahead), len(ahead) + 2])
    places = list(range(len(other)))
    shape = (*other, 1, columns, length)
    last = _viewed(use, turned, shape, [*places, len(other) + 1, len(other) + 2])
    found = max(prod(ahead), prod(other)) * rows * columns * length
    if found > MOST_PRODUCTS:
        raise use.operator.unsupported(
            f"multiplies two tensors that depend on the inputs, of {found} products",
            f"supported are {MOST_PRODUCTS} at once: there is no attention over long sequences; "
            "use convolutions or a recurrent layer, and train again",
        )
    made = two(use, "Mul", first, last)
    made = reduced(use, made, ReduceSum, [len(made.shape) - 1])
    rank = len(made.shape) - 1
    left_out = {rank - 2 + i for i, vector in enumerate(vectors) if vector}
    kept = [i for i in range(rank) if i not in left_out]
    places = [kept.index(i) if i in kept else -1 for i in range(rank)]
    return _viewed(use, made, tuple(made.shape[i] for i in kept), [*places, -1])


def _viewed(use: Use, live: Live, shape: Shape, places: Sequence[int]) -> Live:
    """Return a tensor with dimensions of size 1 more or less; `places` says where old ones are."""
    batch = None if live.batch is None else places[live.batch]
    if batch is not None and batch < 0:
        live, batch = use.whole(live), None
    return use.given(live.tensor, shape, batch)
