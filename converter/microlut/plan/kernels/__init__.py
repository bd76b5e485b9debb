"""The kernels: one module per operator, each with all that a plan knows about it.

Templates of the same names, `templates/ops/KIND.c.j2`, write the structure and the call.
"""

from __future__ import annotations

from typing import Any

from microlut.plan.kernels.add import AddKernel
from microlut.plan.kernels.base import (
    Alias,
    Call,
    Kernel,
    Operand,
    Tile,
    calls_of,
    input_operand,
)
from microlut.plan.kernels.clamp import ClampKernel
from microlut.plan.kernels.conv2d import Conv2DKernel
from microlut.plan.kernels.dense import DenseKernel
from microlut.plan.kernels.depthwise_conv2d import DepthwiseConv2DKernel
from microlut.plan.kernels.mean import MeanKernel
from microlut.plan.kernels.pad import PadKernel
from microlut.plan.kernels.pool2d import Pool2DKernel
from microlut.plan.kernels.reshape import ReshapeKernel
from microlut.plan.kernels.softmax import SoftmaxKernel

__all__ = [
    "KERNELS",
    "Alias",
    "Call",
    "Kernel",
    "Operand",
    "Tile",
    "calls_of",
    "input_operand",
    "kernel_of",
]

KERNELS: tuple[Kernel[Any, Any], ...] = (
    Conv2DKernel(),
    DepthwiseConv2DKernel(),
    DenseKernel(),
    AddKernel(),
    Pool2DKernel(),
    MeanKernel(),
    ClampKernel(),
    PadKernel(),
    SoftmaxKernel(),
    ReshapeKernel(),
)
_BY_OPERATOR = {operator: kernel for kernel in KERNELS for operator in kernel.operators}


def kernel_of(op: object) -> Kernel[Any, Any]:
    """Return the kernel of an operator, be it the integer one or a float one.

    Raises:
        NotImplementedError: It has none.
    """
    kernel = _BY_OPERATOR.get(type(op))
    if kernel is None:
        raise NotImplementedError(
            f"operator {type(op).__name__} has no kernel; add one to microlut/plan/kernels"
        )
    return kernel
