"""Layers that do nothing at inference, such as Dropout; the passes drop them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.base import FloatOnly, one_shape


@dataclass(frozen=True, slots=True)
class Identity(FloatOnly):
    """A layer that does nothing at inference."""

    def shapes(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        """Return the output's shape."""
        return (one_shape(inputs),)

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the input."""
        return (inputs[0],)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the input."""
        del tf
        return (inputs[0],)
