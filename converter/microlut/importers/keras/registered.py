"""Translate layers and functions to the operators that declare them (`FloatOp.keras`)."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step
from microlut.ops import FLOAT_OPERATORS
from microlut.ops.base import FloatOp


def _handler(kind: type[FloatOp]) -> Handler:
    def handle(use: LayerUse) -> tuple[Step, ...]:
        given = {**use.layer.config, **use.arguments}
        options = {key: given.get(key, default) for key, default in kind.keras.options.items()}
        try:
            if kind.operands is None or len(use.shapes) <= kind.operands:
                op = kind.from_keras(options, use.shapes)
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
    name: _handler(kind) for kind in FLOAT_OPERATORS for name in kind.keras.layers
}
FUNCTIONS: Mapping[str, Handler] = {
    name: _handler(kind) for kind in FLOAT_OPERATORS for name in kind.keras.functions
}
OPTIONS: Mapping[str, frozenset[str]] = {
    name: frozenset(kind.keras.options) for kind in FLOAT_OPERATORS for name in kind.keras.layers
}
