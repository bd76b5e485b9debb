"""Types of arrays and shapes that all operators share."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.signedinteger[Any]]  # int8 or int16 activations, sums of products
Int64 = NDArray[np.int64]
Real = NDArray[np.floating[Any]]
Shape = tuple[int, ...]

_OWN_MEMORY_BYTES = 1 << 18
_SLICE_VALUES = 1 << 16  # of a batch: 64-bit intermediate values stay in the processor's cache


def frozen_array(values: object, dtype: type[np.generic] = np.float32) -> NDArray[Any]:
    """Return a read-only, contiguous copy of `values`."""
    source = np.asarray(values)
    array = _empty(source.shape, np.dtype(dtype))
    array[...] = source
    array.setflags(write=False)
    return array


def _empty(shape: Shape, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Return an uninitialized array; a large one has its own mapping of memory.

    A mapping returns to the system when the array is freed, as happens after each rewrite of the
    graph. On the heap, live neighbours could keep it: 50 MB more at 25 million weights.
    """
    size_bytes = math.prod(shape) * dtype.itemsize
    if size_bytes < _OWN_MEMORY_BYTES:
        return np.empty(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size_bytes), dtype).reshape(shape)


def by_slices(
    function: Callable[..., NDArray[Any]], arrays: Sequence[NDArray[Any]]
) -> NDArray[Any]:
    """Return the outputs [batch, ...] of a function that treats every sample of a batch alike.

    The function gets a few samples at a time, so that its intermediate values need little memory.

    Args:
        function: Takes as many arrays as there are in `arrays`.
        arrays: Inputs [batch, ...]; those with one sample, such as constants, go to every call.
    """
    count = max(len(array) for array in arrays)
    each = max(array.size // max(len(array), 1) for array in arrays)
    step = max(1, _SLICE_VALUES // max(each, 1))
    return np.concatenate(
        [
            function(*(array if len(array) == 1 else array[i : i + step] for array in arrays))
            for i in range(0, max(count, 1), step)
        ]
    )
