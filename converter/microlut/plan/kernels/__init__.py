"""The kernels: one module per operator, with all that the planner knows about it.

A module is named after the kind of the integer operator, as is the template of its struct and call,
`templates/ops/KIND.c.j2`.
"""

from __future__ import annotations

from importlib import import_module
from inspect import isabstract
from typing import Any

from microlut.ops import INTEGER_FORMS
from microlut.ops.base import FloatOp, IntegerOp
from microlut.plan.kernels.base import (
    Alias,
    Call,
    Kernel,
    Tile,
    calls_of,
)

__all__ = [
    "KERNELS",
    "Alias",
    "Call",
    "Kernel",
    "Tile",
    "calls_of",
    "kernel_of",
]


def _load(kind: str) -> Kernel[Any, Any]:
    """Return the kernel in the module of a kind; raise TypeError unless there is one."""
    module = import_module(f"{__name__}.{kind}")
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Kernel)
        and value.__module__ == module.__name__
    ]
    if len(own) != 1 or isabstract(own[0]):
        raise TypeError(f"{module.__name__} must define one kernel with all methods of Kernel")
    kernel: Kernel[Any, Any] = own[0]()
    return kernel


_BY_KIND = {kind: _load(kind) for kind in INTEGER_FORMS}
KERNELS: tuple[Kernel[Any, Any], ...] = tuple(_BY_KIND.values())


def kernel_of(op: FloatOp | IntegerOp) -> Kernel[Any, Any]:
    """Return the kernel of an integer operator, or of the one that a float operator becomes.

    Raises:
        NotImplementedError: It has none.
    """
    kernel = _BY_KIND.get(op.kind if isinstance(op, IntegerOp) else op.becomes)
    if kernel is None:
        raise NotImplementedError(
            f"operator {type(op).__name__} has no kernel; add one to microlut/plan/kernels"
        )
    return kernel
