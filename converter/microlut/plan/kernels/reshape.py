"""Another shape of the same bytes, without a call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from microlut.ops.reshape import QReshape, Reshape
from microlut.plan.kernels.base import Alias, Call, PlainKernel, Shapes, Size, Tile


class ReshapeKernel(PlainKernel[QReshape, Reshape]):
    """No kernel, since the output is the input."""

    def aliases(self, call: Call[QReshape]) -> Iterable[Alias]:
        """Return the alias of the whole output and the input."""
        return (Alias(),)

    def is_called(self, call: Call[QReshape]) -> bool:
        """Return False."""
        return False

    def work(self, call: Call[QReshape], tile: Tile, core: str) -> Counter[str]:
        """Return none."""
        return Counter()

    def sizes(self, op: QReshape | Reshape, inputs: Shapes, outputs: Shapes) -> Iterable[Size]:
        """Return none."""
        return ()
