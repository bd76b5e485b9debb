"""Element-wise maximum of two tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from microlut.ops.arrays import FloatArray
from microlut.ops.base import Keras
from microlut.ops.binary import Extremum, Function


@dataclass(frozen=True, slots=True, repr=False)
class Maximum(Extremum):
    """Element-wise maximum of two tensors, or of one and a constant, with broadcasting."""

    constant: FloatArray | None = None
    constant_first: bool = False
    function: ClassVar[Function] = "maximum"
    keras: ClassVar[Keras] = Keras(
        layers=("Maximum",), limits="two or more tensors, with broadcasting"
    )

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the output."""
        return (np.maximum(*self.pair(inputs)),)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        return (tf.maximum(*self.tensors(tf, inputs)),)
