"""Translate truth values, which are 0 and 1 in the float graph, and what is chosen by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.binary import two
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Live, Stored, Value
from microlut.ops.activation import ActivationKind
from microlut.ops.relu import Relu
from microlut.ops.unary import Abs, Sign

BOOL = Stored(1.0, 0, "bool")


def _values(use: Use) -> list[Value]:
    """Return what is read as numbers; infinite constants are none."""
    found: list[Value] = []
    for i, value in enumerate(use.values):
        if value is None:
            raise use.operator.invalid(f"input {i} is missing")
        found.append(value.real if isinstance(value, Live) else np.asarray(value, np.float64))
    return found


def _truth(made: Live) -> Iterable[Value | None]:
    return (replace(made, stored=BOOL),)


def _and(use: Use) -> Iterable[Value | None]:
    return _truth(two(use, "Mul", *_values(use)))


def _or(use: Use) -> Iterable[Value | None]:
    return _truth(two(use, "Max", *_values(use)))


def _xor(use: Use) -> Iterable[Value | None]:
    return _truth(use.applied(two(use, "Sub", *_values(use)), Abs()))


def _not(use: Use) -> Iterable[Value | None]:
    return _truth(affine(use, use.live(), -1.0, 1.0))


def _above(use: Use, left: Value, right: Value) -> Live:
    """Return 1 where one value is greater than another, else 0."""
    return use.applied(two(use, "Sub", left, right), Sign(), Relu(ActivationKind.RELU))


def _greater(use: Use) -> Iterable[Value | None]:
    return _truth(_above(use, *_values(use)))


def _less(use: Use) -> Iterable[Value | None]:
    return _truth(_above(use, *_values(use)[::-1]))


def _not_less(use: Use) -> Iterable[Value | None]:
    return _truth(affine(use, _above(use, *_values(use)[::-1]), -1.0, 1.0))


def _not_greater(use: Use) -> Iterable[Value | None]:
    return _truth(affine(use, _above(use, *_values(use)), -1.0, 1.0))


def _equal(use: Use) -> Iterable[Value | None]:
    unlike = use.applied(two(use, "Sub", *_values(use)), Sign(), Abs())
    return _truth(affine(use, unlike, -1.0, 1.0))


def _where(use: Use) -> Iterable[Value | None]:
    chosen, first, second = _values(use)
    if not isinstance(chosen, Live):
        mask = np.asarray(chosen != 0)
        return (_of(use, "Add", _kept(use, first, mask), _kept(use, second, ~mask)),)
    step = _of(use, "Sub", first, second)
    return (_of(use, "Add", _of(use, "Mul", chosen, step), second),)


def _kept(use: Use, value: Value, mask: np.ndarray) -> Value:
    """Return values where a constant mask is set, and zeros elsewhere."""
    if isinstance(value, Live):
        return two(use, "Mul", value, mask.astype(np.float64))
    return np.where(mask, value, 0.0)


def _of(use: Use, kind: str, left: Value, right: Value) -> Value:
    if isinstance(left, Live) or isinstance(right, Live):
        return two(use, kind, left, right)
    functions: Mapping[str, Callable[..., Value]] = {
        "Add": np.add,
        "Mul": np.multiply,
        "Sub": np.subtract,
    }
    return functions[kind](left, right)


LOGIC: Mapping[str, Handler] = {
    "And": _and,
    "Equal": _equal,
    "Greater": _greater,
    "GreaterOrEqual": _not_less,
    "Less": _less,
    "LessOrEqual": _not_greater,
    "Not": _not,
    "Or": _or,
    "Where": _where,
    "Xor": _xor,
}
