"""Choose the biases by which a layer keeps its channels' means.

Quantization shifts the mean of a layer's output, and a bias can absorb the shift (Nagel et al.
2019, section 4.2). But it moves all values alike: where a ReLU sets most of them to zero, the shift
is that of values which count for nothing, and the others pay for it. Layer after layer the network
can drift away. So each channel takes the share of the shift with which the output after the
activation is nearest to the float one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microlut.ops.activation import ActivationKind
from microlut.ops.arrays import FloatArray, IntArray
from microlut.ops.linear import Linear

_SHARES = (1.0, 0.5, 0.0)  # of the shift
_BATCH = 32  # inputs

Units = NDArray[np.float64]


def chosen_biases(op: Linear, wanted: FloatArray, reached: IntArray, unit: Units) -> Units:
    """Return the biases [channels] of a layer, in units of its sums.

    Args:
        op: The layer with its float weights.
        wanted: [n, ..., channels] its output in the float network, before its activation.
        reached: [n, ..., channels] sums of the integer layer, without bias.
        unit: [channels] what 1 in a sum is worth.
    """
    axes = tuple(range(wanted.ndim - 1))
    full: Units = wanted.mean(axis=axes, dtype=np.float64) / unit - reached.mean(axis=axes)
    if op.activation is ActivationKind.LINEAR:
        return full
    own = op.bias / unit
    choices = np.stack([own + share * (full - own) for share in _SHARES])
    errors = np.stack([_error(op, wanted, reached, unit, bias) for bias in choices])
    found: Units = choices[errors.argmin(axis=0), np.arange(len(unit))]
    return found


def _error(op: Linear, wanted: FloatArray, reached: IntArray, unit: Units, bias: Units) -> Units:
    """Return the squared error [channels] of a layer's output after its activation."""
    axes = tuple(range(wanted.ndim - 1))
    total = np.zeros(len(unit))
    factor, offset = unit.astype(np.float32), (bias * unit).astype(np.float32)
    for i in range(0, len(wanted), _BATCH):
        made = reached[i : i + _BATCH].astype(np.float32)
        made *= factor
        made += offset
        difference = op.activation.apply(made) - op.activation.apply(wanted[i : i + _BATCH])
        total += np.square(difference, dtype=np.float64).sum(axis=axes)  # squares of any float32
    return total
