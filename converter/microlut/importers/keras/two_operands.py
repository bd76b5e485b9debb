"""Translate functions of two operands, of which each is a tensor or a constant.

Numbers and constants per channel become a `BatchNorm`, which passes fold. Other constants are
operands of their operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras import options
from microlut.importers.keras.affine import scaled
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.base import FloatOp
from microlut.ops.identity import Identity
from microlut.ops.maximum import Maximum
from microlut.ops.minimum import Minimum
from microlut.ops.mul import Mul
from microlut.ops.relu import Relu
from microlut.ops.subtract import Subtract
from microlut.ops.unary import Power

_LEFT = ("0", "x", "x1", "a", "value")
_RIGHT = ("1", "y", "x2", "b", "bias")
_KINDS: Mapping[str, type[Add | Maximum | Minimum | Mul | Subtract]] = {
    "add": Add,
    "maximum": Maximum,
    "minimum": Minimum,
    "multiply": Mul,
    "subtract": Subtract,
}
_ADVICE = "change the model and train again"
_Constant = NDArray[np.float64]


def two_operands(name: str) -> Handler:
    """Return a handler for add, subtract, multiply, divide, maximum or minimum."""

    def handle(use: LayerUse) -> tuple[Step, ...]:
        if len(use.shapes) == 2:
            return _of_tensors(name, use)
        constant, first = _constant(use)
        if name == "divide" and (first or not constant.all()):
            raise use.layer.unsupported(
                "divides by a tensor or by zero", "supported are divisions by constants"
            )
        if name in ("maximum", "minimum"):
            if name == "maximum" and not constant.any() and constant.ndim == 0:
                return (Step(Relu(ActivationKind.RELU), use.shape),)
            return (
                _step(
                    use, _KINDS[name](constant=_array(use, constant), constant_first=first), (0,)
                ),
            )
        if constant.size == 1 or constant.shape[-1] == constant.size == use.shape[-1]:
            return _affine(name, use, constant, first)
        if name == "divide":
            return (_step(use, Mul(constant=_array(use, 1.0 / constant)), (0,)),)
        made = _KINDS[name](constant=_array(use, constant), constant_first=first)
        return (_step(use, made, (0,)),)

    return handle


def power(use: LayerUse) -> tuple[Step, ...]:
    """Read x ** n: for small integers n a product of tensors."""
    exponent, first = _constant(use)
    if first or exponent.ndim > 0 or not Power.takes(float(exponent)):
        raise use.layer.unsupported(
            f"raises {'a constant' if first else 'a tensor'} to "
            f"{'a tensor' if first else exponent.tolist()}",
            f"supported is a constant exponent other than 0, up to {Power.largest}",
        )
    if exponent not in (1, 2, 3, 4):
        return (_step(use, Power(float(exponent)), (0,)),)
    if exponent == 1:
        return (Step(Identity(), use.shape),)
    count = int(exponent) - 1
    return tuple(
        Step(Mul(), use.shape, (PREVIOUS if i else 0, 0), "" if i == count - 1 else f"_part{i}")
        for i in range(count)
    )


def squared_difference(use: LayerUse) -> tuple[Step, ...]:
    """Read (x - y) ** 2."""
    *before, last = two_operands("subtract")(use)
    difference = replace(last, suffix="_difference")
    return (*before, difference, Step(Mul(), last.shape, (PREVIOUS, PREVIOUS)))


def _of_tensors(name: str, use: LayerUse) -> tuple[Step, ...]:
    kind = _KINDS.get(name)
    if kind is None:
        raise use.layer.unsupported(
            f"computes {name} of two tensors",
            f"supported are {', '.join(_KINDS)}, and divisions by constants",
        )
    if len({len(shape) for shape in use.shapes}) > 1:
        found = " and ".join(str(list(shape)) for shape in use.shapes)
        raise use.layer.unsupported(
            f"reads tensors of shapes {found}, whose batches are different dimensions",
            "reshape one of them so that both have as many dimensions",
        )
    order = (1, 0) if use.places and use.places[0] in _RIGHT else (0, 1)
    return (_step(use, kind(), order),)


def _step(use: LayerUse, op: FloatOp, inputs: tuple[int, ...]) -> Step:
    """Return the step of an operator; raise UnsupportedModel if shapes do not fit."""
    try:
        (shape,) = op.shapes([use.shapes[i] for i in inputs])
    except ValueError as error:
        raise use.layer.unsupported(str(error), _ADVICE) from error
    return Step(op, shape, inputs)


def _constant(use: LayerUse) -> tuple[_Constant, bool]:
    """Return the constant operand without a batch dimension, and whether it is the left one."""
    if len(use.shapes) != 1:
        raise use.layer.unsupported(f"reads {len(use.shapes)} tensors", _ADVICE)
    left, right = (_operand(use, keys) for keys in (_LEFT, _RIGHT))
    value, first = (right, False) if left is None else (left, True)
    if value is None or (left is not None and right is not None):
        raise use.layer.invalid("does not have one tensor and one constant")
    array, rank = options.numbers(use.layer, value, "the constant"), len(use.shape)
    if array.ndim == rank + 1 and len(array) == 1:
        array = array[0]
    if array.ndim > rank:
        raise use.layer.unsupported(
            f"the constant has shape {list(array.shape)}",
            f"supported are {rank} dimensions, without the batch",
        )
    return array.reshape(()) if array.size == 1 else array, first


def _operand(use: LayerUse, keys: Sequence[str]) -> object:
    return next((use.arguments[key] for key in keys if key in use.arguments), None)


def _affine(name: str, use: LayerUse, constant: _Constant, first: bool) -> tuple[Step, ...]:
    channels = use.shape[-1]
    c = np.broadcast_to(constant.reshape(-1), (channels,))
    one, zero = np.ones(channels), np.zeros(channels)
    scale, offset = {
        "add": (one, c),
        "subtract": (-one, c) if first else (one, -c),
        "multiply": (c, zero),
        "divide": (one / np.where(c == 0, 1.0, c), zero),
    }[name]
    return scaled(use, scale, offset)


def _array(use: LayerUse, values: _Constant) -> NDArray[np.float32]:
    return options.array(use.layer, values, "the constant", values.shape)
