"""The operators: what each one means on real and on integer tensors.

`OPERATORS` lists them all. A new operator is a new module of this package and a line there;
docs/internals/adding-an-operator.md lists the other files.
"""

from __future__ import annotations

import functools
from importlib import import_module
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from microlut.ops.base import FloatOp, IntegerOp

OPERATORS = (
    "add",
    "batch_norm",
    "binary",
    "concatenate",
    "conv2d",
    "dense",
    "depth_to_space",
    "depthwise_conv2d",
    "gates",
    "gather",
    "identity",
    "layer_normalization",
    "lookup",
    "maximum",
    "mean",
    "minimum",
    "move",
    "mul",
    "pad",
    "pool2d",
    "prelu",
    "rectifiers",
    "rectify_16",
    "reduce",
    "relabel",
    "recurrent",
    "recurrent_integer",
    "recurrent_step",
    "relu",
    "repeat",
    "requantize",
    "reshape",
    "saturating",
    "scale",
    "resize_bilinear",
    "sigmoid",
    "sigmoid_16",
    "slice",
    "softmax",
    "softmax_16",
    "subtract",
    "svdf",
    "table",
    "table_16",
    "tanh",
    "trigonometric",
    "unary",
    "unit_normalization",
    "transpose_conv2d",
    "space_to_depth",
    "tile",
    "transpose",
)


def _classes(base: type[Any]) -> tuple[type[Any], ...]:
    """Return all operators that derive from `base`; raise TypeError if one lacks a method."""
    found = []
    for name in OPERATORS:
        module = import_module(f"{__name__}.{name}")
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and issubclass(value, base) and "__dataclass_fields__" in vars(value):
                missing = ", ".join(sorted(value.__abstractmethods__))
                if base is FloatOp and not hasattr(value, "becomes"):
                    missing = "becomes"
                if missing:
                    raise TypeError(f"operator {value.__name__} in {name}.py lacks {missing}")
                found.append(value)
    return tuple(found)


FLOAT_OPERATORS: tuple[type[FloatOp], ...] = _classes(FloatOp)
INTEGER_OPERATORS: tuple[type[IntegerOp], ...] = _classes(IntegerOp)


def kind_of(operator: type[IntegerOp]) -> str:
    """Return the kind of an integer operator's class."""
    return str(operator.__dataclass_fields__["kind"].default)  # type: ignore[attr-defined]


INTEGER_FORMS = {kind_of(operator): operator for operator in INTEGER_OPERATORS}

if TYPE_CHECKING:
    AnyIntegerOp = IntegerOp
else:  # pydantic reads files by the union of all of them
    AnyIntegerOp = Annotated[functools.reduce(or_, INTEGER_OPERATORS), Field(discriminator="kind")]
