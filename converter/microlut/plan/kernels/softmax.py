"""Softmax over the last dimension."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.softmax import QSoftmax, Softmax
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile

_LONGEST = 4095  # the sum of its values, each up to 1, is a Q12.19


class SoftmaxKernel(PlainKernel[QSoftmax, Softmax]):
    """The kernel mlut_softmax."""

    advice = "leave the softmax out, it does not change the order"

    def work(self, call: Call[QSoftmax], tile: Tile, core: str) -> Counter[str]:
        """Count values."""
        return Counter({"softmax": 1.0, "softmax value": call.output.size})

    def sizes(self, op: QSoftmax | Softmax, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the length of a vector."""
        yield "the number of values under a softmax", outputs[0][-1], _LONGEST
