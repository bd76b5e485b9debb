"""Types of all layer handlers: the use of a layer that they read, and the steps they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras import options
from microlut.importers.keras.config import Json, Layer
from microlut.ops.arrays import FloatArray, Shape, frozen_array
from microlut.ops.base import FloatOp

PREVIOUS = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One operator of a layer.

    Attributes:
        op: The operator.
        shape: Shape of its output.
        inputs: Which of the layer's inputs it reads; PREVIOUS is the step before it, and
            PREVIOUS - n the one n steps before that.
        suffix: Suffix to the layer's name; the main step has none.
    """

    op: FloatOp
    shape: Shape
    inputs: tuple[int, ...] = (0,)
    suffix: str = ""


def behind(steps: Sequence[Step], count: int = 1) -> tuple[Step, ...]:
    """Return steps that read what the `count` steps before them make instead of as many inputs."""
    return tuple(
        replace(step, inputs=tuple(i if i < 0 else i - count - place for i in step.inputs))
        for place, step in enumerate(steps)
    )


@dataclass(frozen=True, slots=True)
class LayerUse:
    """The input of a handler.

    Attributes:
        layer: The layer.
        shapes: Shapes of the tensors that it reads.
        weights: Its arrays.
        arguments: Arguments of the call other than tensors, by name or position.
        output: Which of the layer's outputs is wanted.
        places: Names or positions of the arguments that are tensors, or lists of them.
    """

    layer: Layer
    shapes: tuple[Shape, ...]
    weights: tuple[NDArray[np.generic], ...]
    arguments: Json = field(default_factory=dict)
    output: int = 0
    places: tuple[str, ...] = ()

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
        """Check and return one of the layer's arrays."""
        if index >= len(self.weights):
            raise self.layer.invalid(f"has {len(self.weights)} arrays, {what} is missing")
        return options.array(self.layer, self.weights[index], what, shape)

    def bias(self, count: int, index: int = 1) -> FloatArray:
        """Return the bias, which is array number `index`; zeros if the layer has none."""
        if options.flag(self.layer, "use_bias", True):
            return self.array(index, "bias", (count,))
        return zeros(count)


Handler = Callable[[LayerUse], tuple[Step, ...]]
_LIMITS: dict[Handler, str] = {}


def limited(text: str) -> Callable[[Handler], Handler]:
    """Return a decorator that declares what a handler supports, or refuses, of its options.

    It belongs where that is checked; docs/reference/layers.md shows it.
    """

    def decorate(handler: Handler) -> Handler:
        if text:
            _LIMITS[handler] = text
        return handler

    return decorate


def limits_of(handler: Handler) -> str:
    """Return what is declared of a handler; "" if it supports all that Keras does."""
    return _LIMITS.get(handler, "")


def zeros(count: int) -> FloatArray:
    """Return `count` zeros, for a layer without a bias."""
    return frozen_array(np.zeros(count, np.float32))
