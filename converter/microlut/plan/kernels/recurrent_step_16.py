"""Recurrent layers with a memory between int16 tensors."""

from __future__ import annotations

from typing import ClassVar

from microlut.ops.tensor import DType
from microlut.plan.kernels import recurrent, recurrent_16
from microlut.plan.kernels.recurrent_step import RecurrentStepKernel


class RecurrentStep16Kernel(RecurrentStepKernel):
    """The kernel mlut_recurrent_step_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)
    layer: ClassVar[recurrent.RecurrentKernel] = recurrent_16.Recurrent16Kernel()
