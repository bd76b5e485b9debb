"""Translate functions of two or more operands, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from microlut.importers.onnx.affine import affine
from microlut.importers.onnx.use import Handler, Use
from microlut.importers.onnx.values import Constant, Live, Value, inner
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.concatenate import Concatenate
from microlut.ops.gather import Gather
from microlut.ops.identity import Identity
from microlut.ops.maximum import Maximum
from microlut.ops.minimum import Minimum
from microlut.ops.mul import Mul
from microlut.ops.prelu import Prelu
from microlut.ops.rectifiers import LeakyRelu
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.subtract import Subtract
from microlut.ops.unary import Power, Reciprocal, Sqrt

_Binary = type[Add | Maximum | Minimum | Mul | Subtract]
_KINDS: Mapping[str, _Binary] = {
    "Add": Add,
    "Max": Maximum,
    "Min": Minimum,
    "Mul": Mul,
    "Sub": Subtract,
    "Sum": Add,
}
_LARGEST_POWER = 4  # that is computed by products
_MOST_EXPONENTS = 64
_FROM_THE_END = 7  # opset from which operands are aligned at their last dimensions


def two(use: Use, kind: str, left: Value, right: Value) -> Live:
    """Return a function of two operands, of which one at least is no constant."""
    if isinstance(left, Live) and isinstance(right, Live):
        return _of_tensors(use, kind, left, right)
    if isinstance(right, Live):
        assert isinstance(left, np.ndarray)
        return _with_constant(use, kind, right, left, first=True)
    assert isinstance(left, Live)
    return _with_constant(use, kind, left, right, first=False)


def _of_tensors(use: Use, kind: str, left: Live, right: Live) -> Live:
    if kind == "Div":
        return _of_tensors(use, "Mul", left, use.applied(right, Reciprocal()))
    rank = max(len(left.shape), len(right.shape))
    # Batches count from the end, as broadcasting does.
    places = {rank - len(x.shape) + x.batch for x in (left, right) if x.batch is not None}
    batch = next(iter(places)) if len(places) == 1 else None
    if len(places) > 1:
        use.check_one()
    shape = tuple(np.broadcast_shapes(left.shape, right.shape))
    if batch is not None and shape[batch] != 1:
        batch = None
    read = [_widened(use, x, rank, batch) for x in (left, right)]
    op = _KINDS[kind]()
    return use.given(use.add(op, *read), shape, batch)


def _widened(use: Use, live: Live, rank: int, batch: int | None) -> str:
    """Return a tensor of the float graph with as many dimensions as the result."""
    shape = inner((*[1] * (rank - len(live.shape)), *live.shape), batch)
    return use.chain(live.tensor, Reshape(shape), suffix="_view")


def _with_constant(use: Use, kind: str, live: Live, found: Constant, *, first: bool) -> Live:
    values = np.asarray(found, np.float64)
    shape: Shape = tuple(np.broadcast_shapes(live.shape, values.shape))
    if shape != live.shape:
        return _broadcast(use, kind, live, values, shape, first=first)
    if kind == "Div" and first:
        return affine(use, use.applied(live, Reciprocal()), values, 0.0)
    if kind in ("Max", "Min"):
        return _extremum(use, kind, live, values)
    with np.errstate(divide="ignore"):
        scale, offset = {
            "Add": (1.0, values),
            "Sum": (1.0, values),
            "Sub": (-1.0, values) if first else (1.0, -values),
            "Mul": (values, 0.0),
            "Div": (1.0 / values, 0.0),
        }[kind]
    return affine(use, live, scale, offset)


def _extremum(use: Use, kind: str, live: Live, values: Constant) -> Live:
    if kind == "Max" and values.size == 1 and not values.any():
        return use.applied(live, Relu(ActivationKind.RELU))
    wide = values.reshape((1,) * (len(live.shape) - values.ndim) + values.shape)
    constant = use.checked(wide.reshape(inner(wide.shape, live.batch)), "its constant")
    return use.applied(live, _KINDS[kind](constant=constant))


def _broadcast(
    use: Use, kind: str, live: Live, values: Constant, shape: Shape, *, first: bool
) -> Live:
    """Return a function of a tensor that is repeated, and a constant."""
    if kind == "Div":
        if first:
            live = use.applied(live, Reciprocal())
            return _broadcast(use, "Mul", live, values, shape, first=False)
        with np.errstate(divide="ignore"):
            values = 1.0 / values
        kind = "Mul"
    rank = len(shape)
    batch = None if live.batch is None else rank - len(live.shape) + live.batch
    if batch is not None and shape[batch] != 1:
        batch = None
    tensor = _widened(use, live, rank, batch)
    wide = (*[1] * (rank - values.ndim), *values.shape)
    constant = use.checked(values.reshape(inner(wide, batch)), "its constant")
    op = _KINDS[kind](constant=constant, constant_first=first)
    return use.given(use.add(op, tensor), shape, batch)


def _pair(kind: str) -> Handler:
    def handle(use: Use) -> Iterable[Value | None]:
        left, right = _operands(use)
        if use.operator.opset < _FROM_THE_END and use.option("broadcast", 0):
            right = _from_axis(use, left, right)
        return (two(use, kind, left, right),)

    return handle


def _from_axis(use: Use, left: Value, right: Value) -> Value:
    """Return the right operand, whose dimensions old opsets lay from an axis on."""
    rank, own = len(left.shape), len(right.shape)
    axis = use.axis(int(use.option("axis", rank - own)), rank) if own else 0
    shape = (*right.shape, *[1] * (rank - axis - own))
    if not isinstance(right, Live):
        return np.asarray(right).reshape(shape)
    return use.given(right.tensor, shape, right.batch)


def _operands(use: Use) -> list[Value]:
    """Return what is computed with, of which none is left out; tensors as real numbers."""
    found = [v.real if isinstance(v, Live) else v for v in use.values if v is not None]
    if len(found) < len(use.values) or not found:
        raise use.operator.invalid("one of its inputs is missing")
    return found


def _several(kind: str) -> Handler:
    def handle(use: Use) -> Iterable[Value | None]:
        total, *others = _operands(use)
        for other in others:
            if isinstance(total, Live) or isinstance(other, Live):
                total = two(use, kind, total, other)
            else:
                functions: Mapping[str, Callable[[Constant, Constant], Constant]] = {
                    "Max": np.maximum,
                    "Min": np.minimum,
                    "Sum": np.add,
                }
                total = functions[kind](total, other)
        if not others and isinstance(total, Live):
            total = use.applied(total, Identity())
        return (total,)

    return handle


def _mean(use: Use) -> Iterable[Value | None]:
    (total,) = _several("Sum")(use)
    assert isinstance(total, Live)
    return (affine(use, total, 1.0 / len(use.values), 0.0),)


def _power(use: Use) -> Iterable[Value | None]:
    live, exponent = use.live(), np.asarray(use.constant(1, "the exponent"), np.float64)
    power = float(exponent.ravel()[0]) if exponent.size else 0.0
    if (exponent != power).any():
        return (_by_exponent(use, live, exponent),)
    if power in (0.5, -1.0):
        return (use.applied(live, Sqrt() if power > 0 else Reciprocal()),)
    if power not in range(1, _LARGEST_POWER + 1):
        if not Power.takes(power):
            raise use.operator.unsupported(
                f"exponent {power:g}",
                f"supported are others than 0, up to {Power.largest}: change the network",
            )
        return (use.applied(live, Power(power)),)
    made = use.applied(live, Identity()) if power == 1 else live
    for _ in range(int(power) - 1):
        made = use.like(use.add(Mul(), made.tensor, live.tensor), live)
    return (made,)


def _by_exponent(use: Use, live: Live, exponent: Constant) -> Live:
    """Return the powers of values that have exponents of their own, such as one per channel."""
    known = np.unique(exponent)
    if (
        not all(map(Power.takes, known))
        or known.size > _MOST_EXPONENTS
        or np.broadcast_shapes(live.shape, exponent.shape) != live.shape
    ):
        raise use.operator.unsupported(
            f"{known.size} exponents up to {np.abs(known).max():g}",
            f"supported are {_MOST_EXPONENTS} others than 0, up to {Power.largest}",
        )
    each = np.broadcast_to(exponent, live.shape).reshape(-1)
    flat = use.chain(live.tensor, Reshape((each.size,)), suffix="_flat")
    places = [np.flatnonzero(each == power) for power in known]
    parts = [
        use.chain(flat, Gather(0, tuple(where.tolist())), Power(float(power)), suffix="_part")
        for where, power in zip(places, known, strict=True)
    ]
    joined = use.add(Concatenate(0), *parts, suffix="_all")
    order = Gather(0, tuple(np.argsort(np.concatenate(places)).tolist()))
    return use.like(use.chain(joined, order, Reshape(live.inner)), live)


def _prelu(use: Use) -> Iterable[Value | None]:
    live = use.live()
    if isinstance(use.values[1], Live):
        above = use.applied(live, Relu(ActivationKind.RELU))
        below = use.applied(live, Minimum(constant=frozen_array([0.0])))
        return (two(use, "Add", above, two(use, "Mul", below, use.live(1))),)
    slopes = use.weights(1, "slope")
    if slopes.size == 1:
        return (use.applied(live, LeakyRelu(float(slopes.ravel()[0]))),)
    if use.operator.opset < _FROM_THE_END and slopes.ndim == 1 and len(live.shape) > 1:
        slopes = slopes.reshape(-1, *[1] * (len(live.shape) - 2))  # of channels
    wide = slopes.reshape((1,) * (len(live.shape) - slopes.ndim) + slopes.shape)
    return (use.applied(live, Prelu(wide.reshape(inner(wide.shape, live.batch)))),)


BINARY: Mapping[str, Handler] = {
    **{kind: _pair(kind) for kind in ("Add", "Div", "Mul", "Sub")},
    **{kind: _several(kind) for kind in ("Max", "Min", "Sum")},
    "Mean": _mean,
    "PRelu": _prelu,
    "Pow": _power,
}
