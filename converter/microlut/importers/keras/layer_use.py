"""What the handlers of all layers share: the use of a layer that they read, and their steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from microlut.graph.ir import FloatArray, Op, Shape, frozen_array
from microlut.importers.keras import options
from microlut.importers.keras.config import Json, Layer

PREVIOUS = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a layer.

    Attributes:
        op: the operator.
        shape: its output's shape.
        inputs: which of the layer's inputs it reads; PREVIOUS is the step before it.
        suffix: what is added to the layer's name; the main step has none.
    """

    op: Op
    shape: Shape
    inputs: tuple[int, ...] = (0,)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class LayerUse:
    """What a handler sees.

    Attributes:
        layer: the layer.
        shapes: of the tensors that it reads.
        weights: its arrays.
        arguments: what it was called with besides tensors, by name or position.
    """

    layer: Layer
    shapes: tuple[Shape, ...]
    weights: tuple[NDArray[np.generic], ...]
    arguments: Json = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        """Return the shape of the layer's only input."""
        if len(self.shapes) != 1:
            raise self.layer.invalid(f"reads {len(self.shapes)} tensors, expected 1")
        return self.shapes[0]

    def picture(self) -> tuple[int, int, int]:
        """Return the shape of an input that must be [height, width, channels]."""
        if len(self.shape) != 3:
            raise self.layer.invalid(f"reads shape {list(self.shape)}, expected a picture")
        options.check_channels_last(self.layer)
        return self.shape[0], self.shape[1], self.shape[2]

    def array(self, index: int, what: str, shape: Shape) -> FloatArray:
        """Return one of the layer's arrays, checked."""
        if index >= len(self.weights):
            raise self.layer.invalid(f"has {len(self.weights)} arrays, {what} is missing")
        return options.array(self.layer, self.weights[index], what, shape)

    def bias(self, count: int) -> FloatArray:
        """Return the bias, which is zero where the layer has none."""
        if options.flag(self.layer, "use_bias", True):
            return self.array(1, "bias", (count,))
        return zeros(count)


Handler = Callable[[LayerUse], tuple[Step, ...]]


def zeros(count: int) -> FloatArray:
    """Return `count` zeros, for a layer without a bias."""
    return frozen_array(np.zeros(count))  # type: ignore[return-value]
