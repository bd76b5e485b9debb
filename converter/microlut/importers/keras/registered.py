"""Translate layers and functions to the operators that declare them (`FloatOp.keras`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, limited
from microlut.ops import FLOAT_OPERATORS
from microlut.ops.base import FloatOp

_ALWAYS = frozenset({"name", "dtype", "trainable", "function"})  # in a function's configuration


def options_of(kind: type[FloatOp], name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a layer or function of a name, by the names in `keras.options`.

    Args:
        kind: The operator that it is.
        name: One of those in `keras`.
        given: Options, and arguments by name or position.
    """
    keras = kind.keras
    found = {**keras.options, **keras.defaults.get(name, {})}
    for key in keras.options:
        for other in _names(kind, key):
            if given.get(other) is not None:
                found[key] = given[other]
    return found


def _names(kind: type[FloatOp], option: str) -> tuple[str, ...]:
    """Return an option's own name, its position in a call, and its name elsewhere."""
    keras = kind.keras
    position = list(keras.options).index(option) + (kind.operands or 1)
    return option, str(position), *(old for old, new in keras.renamed.items() if new == option)


def _check_arguments(kind: type[FloatOp], given: Mapping[str, Any]) -> None:
    """Raise ValueError if a function has an argument that is not read."""
    known = {name for option in kind.keras.options for name in _names(kind, option)} | _ALWAYS
    for key, value in given.items():
        if value is not None and key not in known:
            raise ValueError(f"has argument {key}={str(value)[:40]}, which is not supported")


def _handler(kind: type[FloatOp], name: str, is_function: bool = False) -> Handler:
    @limited(kind.keras.limits)
    def handle(use: LayerUse) -> tuple[Step, ...]:
        if kind.operands != 1 and any(key.isdecimal() for key in use.arguments):
            raise use.layer.unsupported(
                "reads a list of tensors and constants", "supported are lists of tensors"
            )
        given = {**use.layer.config, **use.arguments}
        try:
            if is_function:
                _check_arguments(kind, given)
            if kind.operands is None or len(use.shapes) <= kind.operands:
                op = kind.from_keras(options_of(kind, name, given), use.shapes)
                return (Step(op, op.shapes(use.shapes)[0], tuple(range(len(use.shapes)))),)
            return _in_pairs(kind, use)
        except ValueError as error:
            raise use.layer.unsupported(str(error), "change the layer and train again") from error

    return handle


def _in_pairs(kind: type[FloatOp], use: LayerUse) -> tuple[Step, ...]:
    """Return the steps of a layer that applies an operator of two tensors to more of them."""
    if kind.operands != 2:
        raise ValueError(f"reads {len(use.shapes)} tensors, expected {kind.operands}")
    steps, shape = [], use.shapes[0]
    for i, other in enumerate(use.shapes[1:], 1):
        op = kind.from_keras({}, (shape, other))
        (shape,) = op.shapes((shape, other))
        last = i == len(use.shapes) - 1
        steps.append(Step(op, shape, (PREVIOUS if i > 1 else 0, i), "" if last else f"_part{i}"))
    return tuple(steps)


REGISTERED: Mapping[str, Handler] = {
    name: _handler(kind, name) for kind in FLOAT_OPERATORS for name in kind.keras.layers
}
FUNCTIONS: Mapping[str, Handler] = {
    name: _handler(kind, name, True) for kind in FLOAT_OPERATORS for name in kind.keras.functions
}
OPTIONS: Mapping[str, frozenset[str]] = {
    name: frozenset({*kind.keras.options, *kind.keras.renamed})
    for kind in FLOAT_OPERATORS
    for name in kind.keras.layers
}
