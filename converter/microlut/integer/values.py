"""Int8 arrays to and from the real values that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.integer.graph import Quantization


def quantize_array(x: NDArray[np.floating[Any]], quantization: Quantization) -> NDArray[np.int8]:
    """Quantize real values to int8, rounding halves away from zero as the on-device kernels do."""
    scaled = x.astype(np.float32) / np.float32(quantization.scale)
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled))
    limited: NDArray[np.float32] = np.clip(rounded + quantization.zero_point, -128, 127)
    return limited.astype(np.int8)


def dequantize_array(q: NDArray[np.int8], quantization: Quantization) -> NDArray[np.float32]:
    """Return the real values that int8 values stand for."""
    centered = q.astype(np.float32) - np.float32(quantization.zero_point)
    return centered * np.float32(quantization.scale)


def quantized_range(quantization: Quantization) -> tuple[float, float]:
    """Return the least and the largest real value that int8 can stand for."""
    low, high = (float(quantization.scale) * (q - quantization.zero_point) for q in (-128, 127))
    return low, high
