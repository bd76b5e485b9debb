"""Mean of each channel over the picture, with its own scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod

from microlut.ops.mean import Mean, QMean
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import MOST_POOLED, picture_sizes
from microlut.plan.kernels.pool2d import pool_work


class MeanKernel(PlainKernel[QMean, Mean]):
    """The kernel mlut_mean."""

    def work(self, call: Call[QMean], tile: Tile, core: str) -> Counter[str]:
        """Count channels and pixels."""
        return pool_work("mean", call.shape, 1, prod(call.source[:2]), core)

    def sizes(self, op: QMean | Mean, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the sizes of the pictures, and the number of pixels per mean."""
        yield from picture_sizes(inputs[0], outputs[0])
        yield "the number of pixels in a mean", prod(inputs[0][:2]), MOST_POOLED
