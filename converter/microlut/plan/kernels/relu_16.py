"""A ReLU or ReLU6 of int16 values that stands alone."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.relu import QRelu, Relu
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, Division, ElementwiseKernel, Tile


class Relu16Kernel(ElementwiseKernel[QRelu, Relu]):
    """The kernel mlut_relu_16."""

    divided_by: ClassVar[Division] = "values"
    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QRelu], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"relu 16": 1.0, "relu value 16": call.output.size})
