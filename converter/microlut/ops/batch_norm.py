"""Batch normalization at inference, which the passes fold into other layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from microlut.ops.arrays import FloatArray
from microlut.ops.base import FloatOnly, Keras, SameShape
from microlut.support.shown import Shown


@dataclass(frozen=True, slots=True, repr=False)
class ChannelStatistics(Shown):
    """Mean and standard deviation [channels] of a tensor's values over the training data."""

    mean: FloatArray
    deviation: FloatArray


@dataclass(frozen=True, slots=True, repr=False)
class BatchNorm(SameShape, FloatOnly):
    """Inference-time batch normalization of the last dimension: y = x * scale + offset.

    `scale` and `offset` are [channels]; `statistics` are those of y over the training data.
    """

    scale: FloatArray
    offset: FloatArray
    statistics: ChannelStatistics | None = None
    keras: ClassVar[Keras] = Keras(
        layers=(
            "BatchNormalization",
            "Normalization",
            "Rescaling",
            "SyncBatchNormalization",
        )
    )

    def evaluate(self, inputs: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        """Return the output [batch, ..., channels]."""
        return (inputs[0] * self.scale + self.offset,)

    def train(self, tf: Any, inputs: Sequence[Any]) -> tuple[Any, ...]:  # noqa: ANN401
        """Return the output as a TensorFlow tensor."""
        del tf
        return (inputs[0] * self.scale + self.offset,)
