"""A ReLU or ReLU6 that stands alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.arrays import Shape
from microlut.ops.relu import QClamp, Relu
from microlut.plan.kernels.base import Call, PlainKernel, Size, Tile


class ClampKernel(PlainKernel[QClamp, Relu]):
    """The kernel mlut_clamp."""

    operators = (QClamp, Relu)

    def overwrites(self, call: Call[QClamp]) -> Iterable[int]:
        """Return the input."""
        return range(len(call.inputs))

    def work(self, call: Call[QClamp], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"clamp": 1.0, "clamp value": call.output.size})

    def sizes(self, op: QClamp | Relu, sources: tuple[Shape, ...], shape: Shape) -> Iterable[Size]:
        """Return none: the count has 32 bits."""
        return ()
