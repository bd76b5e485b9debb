"""A ReLU or ReLU6 that stands alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.relu import QRelu, Relu
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile


class ReluKernel(PlainKernel[QRelu, Relu]):
    """The kernel mlut_relu."""

    def overwrites(self, call: Call[QRelu]) -> Iterable[int]:
        """Return the input."""
        return range(len(call.inputs))

    def work(self, call: Call[QRelu], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"relu": 1.0, "relu value": call.output.size})

    def sizes(self, op: QRelu | Relu, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return none, since the count has 32 bits."""
        return ()
