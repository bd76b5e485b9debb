"""Softmax over the last dimension."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.softmax import QSoftmax, Softmax
from microlut.plan.kernels.base import Call, PlainKernel, Shapes, Size, Tile

_KEPT = 16  # exponentials that are computed once; MLUT_SOFTMAX_KEPT in softmax.c
_LONGEST = 4095  # the sum of its values, each up to 1, is a Q12.19


class SoftmaxKernel(PlainKernel[QSoftmax, Softmax]):
    """The kernel mlut_softmax."""

    advice = "leave the softmax out, it does not change the order"

    def work(self, call: Call[QSoftmax], tile: Tile, core: str) -> Counter[str]:
        """Count vectors, and values whose exponentials are computed once or twice."""
        length = call.shape[-1]
        vectors = call.output.size // length
        kept = min(length, _KEPT)
        return Counter(
            {
                "softmax": 1.0,
                "softmax vector": vectors,
                "softmax value": vectors * kept,
                "softmax more": vectors * (length - kept),
            }
        )

    def sizes(self, op: QSoftmax | Softmax, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return the length of a vector."""
        yield "the number of values under a softmax", outputs[0][-1], _LONGEST
