"""Types of arrays and shapes that all operators share."""

from __future__ import annotations

import math
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.signedinteger[Any]]  # int8 or int16 activations
Int64 = NDArray[np.int64]
Real = NDArray[np.floating[Any]]
Shape = tuple[int, ...]

_OWN_MEMORY_BYTES = 1 << 18


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
