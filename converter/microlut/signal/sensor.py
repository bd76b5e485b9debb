"""Windows of sensors' values as inputs of a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.errors import InvalidInput
from microlut.ops.tensor import Quantization
from microlut.signal.fixed import MOST_EVERY, Rescale, rescaled, rescales
from microlut.support.arguments import brief, integer

_STEPS = 64  # of a raw value: origins lie between raw values, too
_LARGEST_RAW = 1 << 24


@dataclass(frozen=True)
class Sensor:
    """Frames of raw integers: value i stands for raw * scale[i] + offset[i].

    Attributes:
        scale: Of each value of a frame, such as what the lowest bit of an axis stands for.
        offset: Of each value of a frame; none: 0.
        every: Frames from one window to the next on the device: windows of more frames overlap.

    Raises:
        InvalidInput: A scale is not above 0, there are not as many offsets as scales, or `every` is
            not 1 or more.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...] = ()
    every: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", integer("every", self.every, 1, MOST_EVERY))
        for name in ("scale", "offset"):
            values = getattr(self, name)
            if not isinstance(values, tuple | list) or not all(map(_is_number, values)):
                raise InvalidInput(f"{name} is {brief(values)}; give a number per value of a frame")
            object.__setattr__(self, name, tuple(float(value) for value in values))
        if not self.scale or min(self.scale) <= 0:
            raise InvalidInput(f"scale is {brief(self.scale)}; give numbers above 0")
        if len(self.offset) not in (0, len(self.scale)):
            raise InvalidInput(
                f"offset has {len(self.offset)} numbers, scale {len(self.scale)}; give as many"
            )

    @property
    def features(self) -> int:
        """Number of values of a frame."""
        return len(self.scale)

    @property
    def _offsets(self) -> tuple[float, ...]:
        return self.offset or (0.0,) * self.features

    def __call__(self, raw: ArrayLike) -> NDArray[np.float32]:
        """Return the real values of raw ones [..., features], for training."""
        reals = _raw(raw, self.features) * np.array(self.scale) + self._offsets
        return np.asarray(reals, np.float32)

    def quantized(self, raw: ArrayLike, quantization: Quantization) -> NDArray[np.int8]:
        """Return raw values [..., features] as the device gives them to an int8 input."""
        x = _raw(raw, self.features) * _STEPS
        return rescaled(x, self.stages(quantization), quantization.zero_point)

    def stages(self, quantization: Quantization) -> tuple[Rescale, ...]:
        """Return how raw values, in 1 / 64, become those of a quantized input.

        Raises:
            InvalidInput: The input has another number of features, or scales that do not go with
                these.
        """
        units = [scale / _STEPS for scale in self.scale]
        return rescales(quantization, units, self._offsets)


def _is_number(value: object) -> bool:
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return known and math.isfinite(value)  # type: ignore[arg-type]


def _raw(raw: ArrayLike, features: int) -> NDArray[np.int64]:
    found = np.asarray(raw)
    if found.dtype.kind not in "iu" or found.ndim < 1 or found.shape[-1] != features:
        raise InvalidInput(
            f"raw values are {found.dtype} {found.shape}; give integers [..., {features}]"
        )
    if found.size and max(abs(int(found.min())), abs(int(found.max()))) > _LARGEST_RAW:
        raise InvalidInput("raw values are above 2^24; give what the sensor measures")
    return found.astype(np.int64)
