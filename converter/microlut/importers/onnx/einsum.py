"""Translate Einsum, as the product with a matrix where one of its operands is a constant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

import numpy as np

from microlut.importers.onnx.binary import two
from microlut.importers.onnx.linear import product
from microlut.importers.onnx.products import MOST_PRODUCTS
from microlut.importers.onnx.reducing import reduced
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Value
from microlut.ops.reduce import ReduceSum

_MOST_OPERANDS = 2
_DOTS = "..."
_UNNAMED = "0123456789"  # what stands for the dimensions of dots


def _einsum(use: Use) -> Iterable[Value | None]:
    values = [v.real if isinstance(v, Live) else v for v in use.values if v is not None]
    terms, output = _terms(use, values)
    operands = [
        _summed(use, value, term, {*output, *"".join(terms[:i] + terms[i + 1 :])})
        for i, (value, term) in enumerate(zip(values, terms, strict=True))
    ]
    if len(operands) == 1:
        (live, term) = operands[0]
        assert isinstance(live, Live)
        return (use.reordered(live, [term.index(name) for name in output]),)
    (left, first), (right, second) = operands
    if isinstance(right, Live) and not isinstance(left, Live):
        left, first, right, second = right, second, left, first
    assert isinstance(left, Live)
    shared = set(first) & set(second)
    if not isinstance(right, Live) and shared and not shared & set(output):
        return (_with_matrix(use, left, first, right, second, output),)
    return (_multiplied(use, left, first, right, second, output),)


def _terms(use: Use, values: Sequence[Value]) -> tuple[list[str], str]:
    """Return the letters of each operand's dimensions and of the output's."""
    equation = str(use.option("equation", "")).replace(" ", "")
    left, arrow, output = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(values):
        raise use.operator.invalid(f"equation {equation!r} is not one of {len(values)} tensors")
    if len(terms) > _MOST_OPERANDS:
        raise use.operator.unsupported(
            f"equation {equation!r}", "supported are one and two tensors: multiply two by two"
        )
    ranks = [len(v.shape) - len(t.replace(_DOTS, "")) for v, t in zip(values, terms, strict=True)]
    most = max((n for n, t in zip(ranks, terms, strict=True) if _DOTS in t), default=0)
    if min(ranks) < 0 or most > len(_UNNAMED):
        raise use.operator.invalid(f"equation {equation!r} does not fit its tensors")
    unnamed = _UNNAMED[:most]
    terms = [
        t.replace(_DOTS, unnamed[most - n :] if n else "")
        for t, n in zip(terms, ranks, strict=True)
    ]
    if not arrow:
        letters = "".join(terms)
        output = unnamed + "".join(
            sorted(c for c in set(letters) - {*unnamed} if letters.count(c) == 1)
        )
    output = output.replace(_DOTS, unnamed)
    if any(len(t) != len(v.shape) for t, v in zip(terms, values, strict=True)) or not (
        set(output) <= set("".join(terms)) and len(set(output)) == len(output)
    ):
        raise use.operator.invalid(f"equation {equation!r} does not fit its tensors")
    if any(len(set(t)) != len(t) for t in terms):
        raise use.operator.unsupported(
            f"equation {equation!r}", "supported is each letter once per tensor: take no diagonals"
        )
    sizes: dict[str, int] = {}
    for term, value in zip(terms, values, strict=True):
        for name, n in zip(term, value.shape, strict=True):
            if 1 not in (n, sizes.setdefault(name, n)) and sizes[name] != n:
                raise use.operator.invalid(f"equation {equation!r} does not fit its tensors")
            sizes[name] = max(sizes[name], n)
    return terms, output


def _summed(use: Use, value: Value, term: str, read: set[str]) -> tuple[Value, str]:
    """Return an operand without the dimensions that nothing else has, which are summed up."""
    alone = [i for i, name in enumerate(term) if name not in read]
    left = "".join(name for name in term if name in read)
    if not alone:
        return value, term
    if not isinstance(value, Live):
        return np.asarray(value).sum(tuple(alone)), left
    if value.batch in alone:
        value = use.whole(value)
    made = reduced(use, value, ReduceSum, alone)
    kept = [i for i in range(len(term)) if i not in alone]
    batch = None if value.batch is None else kept.index(value.batch)
    return use.given(made.tensor, tuple(value.shape[i] for i in kept), batch), left


def _with_matrix(use: Use, live: Live, term: str, constant: Value, other: str, output: str) -> Live:
    """Return the product with a matrix, whose columns are all dimensions that are summed up."""
    summed = [name for name in term if name in other]
    free, own = ([n for n in t if n not in summed] for t in (term, other))
    if live.batch is not None and term[live.batch] in summed:
        live = use.whole(live)
    live = use.reordered(live, [term.index(name) for name in (*free, *summed)])
    shape = live.shape[: len(free)]
    length = prod(live.shape[len(free) :])
    matrix = np.asarray(constant).transpose([other.index(name) for name in (*own, *summed)])
    sizes = matrix.shape[: len(own)]
    flat = use.given(live.tensor, (*shape, length), live.batch)
    made = product(use, flat, matrix.reshape(-1, length), None)
    wide = use.given(made.tensor, (*shape, *sizes), live.batch)
    names = [*free, *own]
    return use.reordered(wide, [names.index(name) for name in output])


def _multiplied(use: Use, left: Live, term: str, right: Value, other: str, output: str) -> Live:
    """Return all products, of which those along some dimensions are summed up."""
    summed = [name for name in term if name not in output]
    names = [*output, *summed]
    operands = [_wide(use, v, t, names) for v, t in ((left, term), (right, other))]
    found = prod(np.broadcast_shapes(*(each.shape for each in operands)))
    if found > MOST_PRODUCTS:
        raise use.operator.unsupported(
            f"multiplies two tensors, of {found} products",
            f"supported are {MOST_PRODUCTS} at once: use convolutions, and train again",
        )
    made = two(use, "Mul", *operands)
    if not summed:
        return made
    places = list(range(len(output), len(names)))
    if made.batch in places:
        made = use.whole(made)
    total = reduced(use, made, ReduceSum, places)
    return use.given(total.tensor, made.shape[: len(output)], made.batch)


def _wide(use: Use, value: Value, term: str, names: Sequence[str]) -> Value:
    """Return an operand with a dimension per name, of size 1 where it has none."""
    kept = [name for name in names if name in term]
    order = [term.index(name) for name in kept]
    sizes = [value.shape[term.index(name)] if name in term else 1 for name in names]
    if not isinstance(value, Live):
        return np.asarray(value).transpose(order).reshape(sizes)
    moved = use.reordered(value, order)
    batch = None if moved.batch is None else names.index(kept[moved.batch])
    return use.given(moved.tensor, tuple(sizes), batch)


EINSUM: Mapping[str, Handler] = {"Einsum": _einsum}
