"""Measure the noise in a tensor of an integer network, over several batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.tensor import Tensor, dequantize_array, quantize_array


class Noise:
    """Adds up a tensor's signal and noise; ratios are in dB."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._count = 0
        self._sums: NDArray[np.float64] = np.zeros(tensor.shape)
        self._signal = self._noise = self._rounding = 0.0
        self._first: tuple[IntArray, IntArray] | None = None
        self._varies = self._should_vary = False

    def add(self, real: FloatArray, integer: IntArray) -> None:
        """Add the values [batch, ...] of the float and of the integer network."""
        own = self._tensor.quantized
        wanted = quantize_array(real, own, self._tensor.dtype)
        if self._first is None:
            self._first = integer[:1].copy(), wanted[:1].copy()
        self._varies = self._varies or bool(np.any(integer != self._first[0]))
        self._should_vary = self._should_vary or bool(np.any(wanted != self._first[1]))
        self._count += len(real)
        self._sums += real.sum(axis=0, dtype=np.float64)
        self._signal += energy(real)
        self._noise += energy(real - dequantize_array(integer, own))
        self._rounding += energy(real - dequantize_array(wanted, own))

    @property
    def snr(self) -> float:
        """The signal over the noise."""
        return decibels(self._signal, self._noise)

    @property
    def rounding_snr(self) -> float:
        """The signal over what rounding it to its steps alone costs."""
        return decibels(self._signal, self._rounding)

    @property
    def variation_snr(self) -> float:
        """The signal's variation from input to input over the noise."""
        common = float(np.sum(np.square(self._sums))) / self._count
        return decibels(max(self._signal - common, 0.0), self._noise)

    @property
    def is_constant(self) -> bool:
        """Whether all inputs give the same integers although the float values differ by steps."""
        return self._should_vary and not self._varies


def energy(values: FloatArray) -> float:
    """Return the sum of squares."""
    return float(np.sum(np.square(values, dtype=np.float64)))


def decibels(signal: float, noise: float) -> float:
    """Return a ratio of energies in dB; infinite without noise."""
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal else float("-inf")
