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
from microlut.ops.tensor import DType
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
    "kernel_for",
    "kernel_name",
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


# Kinds that have another kernel for int16, of the name KIND_16.
WIDE = (
    "binary",
    "conv2d",
    "dense",
    "depthwise_conv2d",
    "layer_normalization",
    "mean",
    "pool2d",
    "prelu",
    "recurrent",
    "recurrent_step",
    "reduce",
    "relu",
    "transpose_conv2d",
)
# Kinds that only plans have.
PLANNED = ("segment",)
_BY_KIND = {kind: _load(kind) for kind in (*INTEGER_FORMS, *PLANNED)}
_BY_KIND_16 = {kind: _load(f"{kind}_16") for kind in WIDE}
KERNELS: tuple[Kernel[Any, Any], ...] = (*_BY_KIND.values(), *_BY_KIND_16.values())


def kernel_of(op: FloatOp | IntegerOp, dtype: DType | None = None) -> Kernel[Any, Any]:
    """Return the kernel of an integer operator, or of the one that a float operator becomes.

    Args:
        op: The operator.
        dtype: Type of its outputs; None for the kernel of int8, if there are several.

    Raises:
        NotImplementedError: It has none.
    """
    kind = op.kind if isinstance(op, IntegerOp) else op.becomes
    kernel = _BY_KIND.get(kind)
    if dtype == "int16":
        kernel = _BY_KIND_16.get(kind, kernel)
    if kernel is None or (dtype is not None and dtype not in kernel.dtypes):
        of = "" if dtype is None else f" of {dtype}"
        raise NotImplementedError(
            f"operator {type(op).__name__} has no kernel{of}; add one to microlut/plan/kernels"
        )
    return kernel


def kernel_for(call: Call[Any]) -> Kernel[Any, Any]:
    """Return the kernel that a call calls."""
    return kernel_of(call.op, call.output.dtype)


def kernel_name(call: Call[Any]) -> str:
    """Return the name of the kernel that a call calls, of its template and of its header."""
    kind = str(call.op.kind)
    return f"{kind}_16" if call.output.dtype == "int16" and kind in WIDE else kind
