"""What all operators with codebook weights have in common: convolutions, dense and recurrent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.base import FloatOp, IntegerOp
from microlut.ops.weights import QuantizedWeights


class Weighted(FloatOp):
    """An operator with a kernel, which the quantizer turns into codebook weights, and a bias.

    Output channels, or rows of a recurrent kernel, are the axis `channel_axis`.
    """

    __slots__ = ()
    channel_axis: ClassVar[int] = 0
    if TYPE_CHECKING:

        @property
        def kernel(self) -> FloatArray:
            """The weights."""

        @property
        def bias(self) -> FloatArray:
            """One value per output channel."""

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per inference: an output value needs one per weight."""
        del source
        return math.prod(output) * (self.kernel.size // output[-1])


class QWeighted(IntegerOp):
    """An integer operator with codebook weights."""

    __slots__ = ()
    channel_axis: ClassVar[int] = 0
    if TYPE_CHECKING:

        @property
        def weights(self) -> QuantizedWeights:
            """The weights."""

    def products(self, source: Shape, output: Shape) -> int:
        """Return the multiplications per inference: an output value needs one per weight."""
        del source
        return math.prod(output) * (math.prod(self.weights.shape) // output[-1])

    @property
    def parameter_bytes(self) -> int:
        """Flash bytes of what is stored beside the weights, other than an output stage."""
        return 0
