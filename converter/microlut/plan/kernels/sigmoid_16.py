"""Sigmoid and tanh of int16 values."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.base import FloatOp
from microlut.ops.sigmoid_16 import QSigmoid16
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Division, ElementwiseKernel, Tile


class Sigmoid16Kernel(ElementwiseKernel[QSigmoid16, FloatOp]):
    """The kernels mlut_sigmoid_16 and mlut_tanh_16."""

    divided_by: ClassVar[Division] = "values"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QSigmoid16], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"sigmoid 16": 1.0, "sigmoid value 16": call.output.size})
