"""Values of an ONNX network: constants, and tensors that depend on its inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import Shape

Constant = NDArray[Any]
_SIX = 6.0


@dataclass(frozen=True, slots=True)
class Stored:
    """How a file stores real values: integers times a scale, after a zero point was taken away."""

    scale: float
    zero_point: int
    dtype: str

    @property
    def limits(self) -> tuple[float, float]:
        """The range of real values that the integers have."""
        found = np.iinfo(self.dtype)
        low, high = ((int(n) - self.zero_point) * self.scale for n in (found.min, found.max))
        return low, high

    @property
    def rectifier(self) -> ActivationKind | None:
        """The ReLU that saturating to these integers is, if any."""
        low, high = self.limits
        if low != 0.0:
            return None
        is_six = abs(high - _SIX) < self.scale
        return ActivationKind.RELU6 if is_six else ActivationKind.RELU


@dataclass(frozen=True, slots=True)
class Live:
    """A tensor that depends on the network's inputs.

    Attributes:
        tensor: Its name in the float graph.
        shape: As ONNX counts it; the batch is 1.
        batch: Which dimension the float graph's tensor lacks, because it is the batch.
        stored: The integers that ONNX has here, if it has any; the float graph has real values.
    """

    tensor: str
    shape: Shape
    batch: int | None = None
    stored: Stored | None = None

    @property
    def inner(self) -> Shape:
        """The shape in the float graph, which has one dimension at least."""
        return inner(self.shape, self.batch)

    @property
    def real(self) -> Live:
        """The same values as real numbers."""
        return replace(self, stored=None)

    def axis(self, axis: int) -> int:
        """Return the dimension in the float graph of one that is not the batch."""
        return axis - (self.batch is not None and self.batch < axis)


Value = Constant | Live


def inner(shape: Shape, batch: int | None) -> Shape:
    """Return a shape without its batch."""
    return tuple(n for i, n in enumerate(shape) if i != batch) or (1,)


def batch_after(shape: Shape, batch: int | None, wanted: Shape) -> int | None:
    """Return where the batch is after a reshape to a shape; None if nothing is left of it."""
    if batch is None:
        return None
    before = prod(shape[:batch])
    places = [i for i, n in enumerate(wanted) if n == 1 and prod(wanted[:i]) == before]
    return min(places, key=lambda i: abs(i - batch), default=None)
