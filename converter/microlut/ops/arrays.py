"""Arrays and shapes, as all operators share them."""

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
    """Return `values` as a read-only, contiguous array of its own."""
    source = np.asarray(values)
    array = _empty(source.shape, np.dtype(dtype))
    array[...] = source
    array.setflags(write=False)
    return array


def _empty(shape: Shape, dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Return an uninitialized array; a large one has memory of its own.

    That goes back to the system when the array is freed, as it is after each rewrite of the graph:
    on the heap, live arrays around it could keep it, which takes 50 MB more at 25 million weights.
    """
    size_bytes = math.prod(shape) * dtype.itemsize
    if size_bytes < _OWN_MEMORY_BYTES:
        return np.empty(shape, dtype)
    return np.frombuffer(mmap.mmap(-1, size_bytes), dtype).reshape(shape)
