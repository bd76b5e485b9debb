"""Broadcasting of two tensors, as NumPy and Keras do it, with a batch dimension in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import Shape

_Number = TypeVar("_Number", bound=np.generic)


def broadcast_shape(inputs: Sequence[Shape]) -> Shape:
    """Return the output's shape for two inputs; raise ValueError if they do not fit each other."""
    try:
        if len(inputs) == 2:
            return np.broadcast_shapes(*inputs)
    except ValueError:
        pass
    found = ", ".join(str(list(shape)) for shape in inputs)
    raise ValueError(f"reads tensors of shapes {found}, expected two that can be broadcast")


def aligned(
    arrays: Sequence[NDArray[_Number]],
) -> tuple[NDArray[_Number], NDArray[_Number]]:
    """Return two arrays [batch, ...] of equal rank; sizes of 1 are inserted after the batch."""
    rank = max(x.ndim for x in arrays)
    left, right = (x.reshape(len(x), *[1] * (rank - x.ndim), *x.shape[1:]) for x in arrays)
    return left, right


def aligned_tensors(tf: Any, tensors: Sequence[Any]) -> tuple[Any, Any]:  # noqa: ANN401
    """Return two tensors of TensorFlow as `aligned` does; `tf` is TensorFlow."""
    rank = max(len(x.shape) for x in tensors)
    left, right = (tf.reshape(x, (-1, *[1] * (rank - len(x.shape)), *x.shape[1:])) for x in tensors)
    return left, right
