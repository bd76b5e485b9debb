"""The example of examples/digits, converted once for each setting and test process."""

from __future__ import annotations

import functools
from pathlib import Path

from microlut import Conversion, convert, load_samples
from microlut.importers.samples import Samples
from microlut.ops.tensor import Tensor
from microlut.ops.weights import Granularity

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "digits"
MODEL = EXAMPLE / "digits.keras"
CALIBRATION = EXAMPLE / "digits_calibration.npz"
TEST = EXAMPLE / "digits_test.npz"
SHAPE = (8, 8, 1)
INPUTS = (Tensor("image", SHAPE),)


@functools.cache
def conversion(bits: int = 4, granularity: Granularity = "channel") -> Conversion:
    """Return the converted example."""
    return convert(MODEL, CALIBRATION, bits=bits, granularity=granularity)


@functools.cache
def samples(limit: int | None = None) -> Samples:
    """Return the example's held-out images."""
    return load_samples(TEST, INPUTS, limit)
