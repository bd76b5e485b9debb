"""Mean of each channel of int16 values over the picture, with its own scale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import ClassVar

from microlut.ops.mean import Mean, QMean
from microlut.ops.tensor import DType
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile
from microlut.plan.kernels.pictures import MOST_SUMMED_16, picture_sizes


class Mean16Kernel(PlainKernel[QMean, Mean]):
    """The kernel mlut_mean_16."""

    dtypes: ClassVar[tuple[DType, ...]] = ("int16",)

    def work(self, call: Call[QMean], tile: Tile, core: str) -> Counter[str]:
        """Count channels and values."""
        values, channels = prod(call.source), call.source[2]
        return Counter({"mean 16": 1.0, "mean channel 16": channels, "mean value 16": values})

    def sizes(self, op: QMean | Mean, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the sizes of the pictures, and the number of pixels per mean."""
        yield from picture_sizes(inputs[0], outputs[0])
        yield "the number of pixels in a mean", prod(inputs[0][:2]), MOST_SUMMED_16
