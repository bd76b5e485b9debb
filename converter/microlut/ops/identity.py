"""Layers that do nothing at inference, such as Dropout; the passes drop them.

One with limits tells the range of its values, as quantization-aware training has recorded it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microlut.ops.arrays import FloatArray
from microlut.ops.base import FloatOnly, SameShape


@dataclass(frozen=True, slots=True)
class Identity(SameShape, FloatOnly):
    """A layer that does nothing at inference.

    Attributes:
        limits: The range in which its values are quantized, if that is known.
    """

    limits: tuple[float, float] | None = None

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the input."""
        return (inputs[0],)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the input."""
        del tf
        return (inputs[0],)
