"""A ReLU or ReLU6 that stands alone."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from microlut.ops.relu import QRelu, Relu
from microlut.plan.kernels.base import Call, Division, ElementwiseKernel, Tile


class ReluKernel(ElementwiseKernel[QRelu, Relu]):
    """The kernel mlut_relu."""

    divided_by: ClassVar[Division] = "values"

    def work(self, call: Call[QRelu], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"relu": 1.0, "relu value": call.output.size})
