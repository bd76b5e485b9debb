"""Cases of functions of one value, by their names in Keras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from harness import Case, layer

from microlut.ops.base import FloatOp

SHAPES = ((17,), (5, 7, 3), (6, 5), (2, 3, 4, 5), (1,))
SPREADS = (1.0, 4.0, 2.0, 30.0)


def single(value: float) -> float:
    """Return a number in single precision, as operators have their options."""
    return float(np.float32(value))


def operation(name: str, *arguments: float) -> Callable[[Sequence[Any]], Any]:
    """Return what applies a function of keras.ops to its input."""

    def apply(tensors: Sequence[Any]) -> Any:
        import keras

        return getattr(keras.ops, name)(tensors[0], *arguments)

    return apply


def activation(name: str) -> Callable[[Sequence[Any]], Any]:
    """Return an Activation layer with a function of a name."""
    return layer("Activation", activation=name)


def function_cases(*functions: tuple[str, FloatOp, Callable[[Sequence[Any]], Any]]) -> list[Case]:
    """Return a case per function, of shapes and spreads that differ."""
    return [
        Case(name, op, (SHAPES[i % len(SHAPES)],), made, (SPREADS[i % len(SPREADS)],))
        for i, (name, op, made) in enumerate(functions)
    ]


def of_positive(name: str, op: FloatOp, made: Callable[[Sequence[Any]], Any] | None = None) -> Case:
    """Return a case of a function of keras.ops that is defined for positive values only."""

    class Positive(Case):
        def samples(self):
            made = Case.samples(self)
            return type(made)({key: np.abs(x) + np.float32(0.05) for key, x in made.arrays.items()})

    return Positive(name, op, ((6, 7),), made or operation(name))
