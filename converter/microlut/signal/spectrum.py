"""Features of sound in fixed point: logarithms of mel bands, or their cepstral coefficients."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.ops.tensor import Quantization
from microlut.signal.fixed import (
    MOST_EVERY,
    Int64s,
    Rescale,
    logarithms,
    q15,
    rescaled,
    rescales,
    roots,
    times,
)
from microlut.signal.mel import Filters, mel_filters
from microlut.support.arguments import check_choice, integer, within

Window = Literal["hann", "hamming", "rectangular"]
Logarithm = Literal["natural", "log10", "decibel"]

_LEAST_POINTS, _MOST_POINTS = 32, 4096
_MOST_RATE = 1_000_000
_MOST_BANDS = 256
_SQUARE_DROP = 10  # bits below 1 that sums of squares lose, so that they stay in 64 bits
_AT_A_TIME = 4096  # frames, which bound the memory
_OF_LOG2 = {"natural": math.log(2), "log10": math.log10(2), "decibel": 10 * math.log10(2)}


@dataclass(frozen=True)
class Spectrum:
    """Features of 16-bit sound, in the very arithmetic of the device.

    A frame is weighted by the window and transformed; magnitudes of bins, or their squares, are
    summed up in mel bands; the logarithms of these are the features, or their cosine transform is.
    A sample of 32768 is 1.0.

    Attributes:
        rate: Samples per second.
        frame: Samples of a frame.
        hop: Samples from one frame to the next.
        points: Of the transform, a power of two of 32 to 4096; 0: the least that holds a frame.
        bands: Mel bands.
        low: Lower end of the first band in Hertz.
        high: Upper end of the last one; 0: half the sample rate.
        coefficients: Cepstral coefficients; 0: the features are the bands.
        power: 1: bands are sums of magnitudes; 2: of their squares.
        offset: Added to a band before its logarithm.
        logarithm: "natural", "log10", or "decibel": 10 log10.
        window: "hann", "hamming", both periodic, or "rectangular".
        filters: Whose mel filters and scale of the first coefficient: "tensorflow", "torchaudio" or
            "librosa".
        every: Frames from one window to the next on the device: windows of more frames overlap.

    Raises:
        InvalidInput: A value is not allowed, or values do not go together.
    """

    rate: int = 16000
    frame: int = 480
    hop: int = 320
    points: int = 0
    bands: int = 40
    low: float = 20.0
    high: float = 4000.0
    coefficients: int = 0
    power: int = 1
    offset: float = 1e-6
    logarithm: Logarithm = "natural"
    window: Window = "hann"
    filters: Filters = "tensorflow"
    every: int = 1

    def __post_init__(self) -> None:
        limits = {
            "rate": (1000, _MOST_RATE),
            "frame": (2, _MOST_POINTS),
            "hop": (1, self.frame if type(self.frame) is int else _MOST_POINTS),
            "points": (0, _MOST_POINTS),
            "bands": (1, _MOST_BANDS),
            "coefficients": (0, self.bands if type(self.bands) is int else _MOST_BANDS),
            "power": (1, 2),
            "every": (1, MOST_EVERY),
        }
        for name, (least, most) in limits.items():
            object.__setattr__(self, name, integer(name, getattr(self, name), least, most))
        for name, largest in (("low", _MOST_RATE), ("high", _MOST_RATE), ("offset", 1.0)):
            object.__setattr__(self, name, within(name, getattr(self, name), 0.0, largest))
        for name, kind in (("logarithm", Logarithm), ("window", Window), ("filters", Filters)):
            check_choice(name, getattr(self, name), get_args(kind))
        enough = max(_LEAST_POINTS, 1 << (self.frame - 1).bit_length())
        object.__setattr__(self, "points", self.points or enough)
        object.__setattr__(self, "high", self.high or self.rate / 2)
        self._check()

    def _check(self) -> None:
        if self.points < max(self.frame, _LEAST_POINTS) or self.points.bit_count() != 1:
            raise InvalidInput(
                f"points is {self.points}; give a power of two of {_LEAST_POINTS} to "
                f"{_MOST_POINTS} that is no less than the frame, {self.frame}"
            )
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise InvalidInput(
                f"low is {self.low:g} and high {self.high:g} Hz; give 0 <= low < high <= "
                f"{self.rate / 2:g}, half the sample rate"
            )
        if not self._filters.any():
            raise InvalidInput(
                f"bands: none has a bin of the transform, whose bins are "
                f"{self.rate / self.points:g} Hz apart; give more points"
            )

    @property
    def features(self) -> int:
        """Number of features of a frame."""
        return self.coefficients or self.bands

    @property
    def unit(self) -> float:
        """What 1 in the fixed point of `values` stands for."""
        unit = _OF_LOG2[self.logarithm] / 65536
        return unit * math.sqrt(2 / self.bands) if self.coefficients else unit

    def frames(self, samples: int) -> int:
        """Return the number of whole frames of so many samples."""
        return max(0, 1 + (samples - self.frame) // self.hop)

    def values(self, samples: NDArray[np.int16]) -> NDArray[np.int32]:
        """Return the features [frames, features] of 16-bit samples [n] in units of `unit`."""
        found = np.asarray(samples)
        if found.dtype != np.int16 or found.ndim != 1:
            raise InvalidInput(
                f"samples are {found.dtype}, {found.ndim}-dimensional; give 16-bit samples [n]"
            )
        count = self.frames(len(found))
        parts = [
            self._analyzed(found, range(first, min(first + _AT_A_TIME, count)))
            for first in range(0, count, _AT_A_TIME)
        ]
        return np.concatenate([np.zeros((0, self.features), np.int32), *parts])

    def __call__(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Return the real features [frames, features] of 16-bit samples [n], for training."""
        return (self.values(samples) * self.unit).astype(np.float32)

    def quantized(self, samples: NDArray[np.int16], quantization: Quantization) -> NDArray[np.int8]:
        """Return the features [frames, features] as the device gives them to an int8 input."""
        x = self.values(samples).astype(np.int64)
        return rescaled(x, self.stages(quantization), quantization.zero_point)

    def stages(self, quantization: Quantization) -> tuple[Rescale, ...]:
        """Return how `values` become those of a quantized input; raises InvalidInput."""
        return rescales(quantization, (self.unit,))

    # Tables of the C code.

    @cached_property
    def window_table(self) -> NDArray[np.int16]:
        """The weights [frame] of samples."""
        turn = np.cos(2 * np.pi * np.arange(self.frame) / self.frame)
        shapes = {"hann": 0.5 - 0.5 * turn, "hamming": 0.54 - 0.46 * turn}
        return q15(shapes.get(self.window, np.ones(self.frame)))

    @cached_property
    def twiddles(self) -> NDArray[np.int16]:
        """Cosine and minus sine [points / 2, 2] of k / points turns."""
        angle = 2 * np.pi * np.arange(self.points // 2) / self.points
        return q15(np.stack([np.cos(angle), -np.sin(angle)], axis=1))

    @cached_property
    def _filters(self) -> NDArray[np.float64]:
        bins = self.points // 2 + 1
        return mel_filters(self.filters, bins, self.bands, self.rate, self.low, self.high)

    @cached_property
    def weights(self) -> NDArray[np.int16]:
        """The weights [points / 2 + 1, bands] of bins, of which the largest is almost 1."""
        return q15(self._filters / self._filters.max())

    def band_bins(self) -> Iterator[tuple[int, NDArray[np.int16]]]:
        """Yield the first bin of each band, and the weights of its bins."""
        for column in self.weights.T:
            used = np.flatnonzero(column)
            first, last = (int(used[0]), int(used[-1])) if used.size else (0, -1)
            yield first, column[first : last + 1]

    @property
    def _log2_of_one(self) -> float:
        """The logarithm to base 2 of the sum that stands for a band of 1.0."""
        turns = int(self.points).bit_length() - 1
        largest = -math.log2(self._filters.max())
        if self.power == 1:
            return (29 - turns) + 2 + 15 + largest
        return 2 * (29 - turns) - _SQUARE_DROP + 15 + largest

    @property
    def log2_unit(self) -> int:
        """The same in units of 2^-16."""
        return round(self._log2_of_one * 65536)

    @property
    def floor(self) -> int:
        """What is added to the sum of a band."""
        return max(1, round(self.offset * 2**self._log2_of_one))

    @cached_property
    def cosines(self) -> NDArray[np.int16] | None:
        """The cosines [coefficients, bands], without the factor sqrt(2 / bands); None without."""
        if not self.coefficients:
            return None
        k, band = np.arange(self.coefficients)[:, None], np.arange(self.bands)
        found = np.cos(np.pi * k * (2 * band + 1) / (2 * self.bands))
        if self.filters != "tensorflow":
            found[0] = math.sqrt(0.5)  # an orthonormal transform
        return q15(found)

    # The arithmetic of firmware/src/signal/spectrum.c, many frames at a time.

    def _analyzed(self, samples: NDArray[np.int16], frames: range) -> NDArray[np.int32]:
        starts = self.hop * np.arange(frames.start, frames.stop)
        inputs = samples[starts[:, None] + np.arange(self.frame)].astype(np.int64)
        padded = np.zeros((len(inputs), self.points), np.int64)
        padded[:, : self.frame] = (inputs * self.window_table) >> 1
        bins = self._squares(*self._transformed(padded[:, ::2], padded[:, 1::2]))
        return self._features(self._logarithms(bins))

    def _transformed(self, real: Int64s, imaginary: Int64s) -> tuple[Int64s, Int64s]:
        count = self.points // 2
        order = np.zeros(1, np.int64)
        while len(order) < count:
            order = np.concatenate([2 * order, 2 * order + 1])
        real, imaginary = real[:, order], imaginary[:, order]
        half = 1
        while half < count:
            shape = (len(real), count // (2 * half), 2, half)
            (a_real, b_real), (a_imaginary, b_imaginary) = (
                (part.reshape(shape)[:, :, 0], part.reshape(shape)[:, :, 1])
                for part in (real, imaginary)
            )
            w = self.twiddles[:: count // half][:half].astype(np.int64)
            turned = _turned(b_real, b_imaginary, w)
            turned[0][..., 0], turned[1][..., 0] = b_real[..., 0] >> 1, b_imaginary[..., 0] >> 1
            real = np.stack([(a_real >> 1) + turned[0], (a_real >> 1) - turned[0]], axis=2)
            imaginary = np.stack(
                [(a_imaginary >> 1) + turned[1], (a_imaginary >> 1) - turned[1]], axis=2
            )
            real, imaginary = real.reshape(-1, count), imaginary.reshape(-1, count)
            half *= 2
        return real, imaginary

    def _squares(self, real: Int64s, imaginary: Int64s) -> NDArray[np.uint64]:
        count = self.points // 2
        bins = np.empty((len(real), count + 1), np.int64)
        even, odd = real[:, 0] >> 1, imaginary[:, 0] >> 1
        bins[:, 0], bins[:, count] = (even + odd) ** 2, (even - odd) ** 2
        k = np.arange(1, count // 2 + 1)
        a_real, a_imaginary = real[:, k], imaginary[:, k]
        b_real, b_imaginary = real[:, count - k], imaginary[:, count - k]
        even_real, even_imaginary = (a_real + b_real) >> 2, (a_imaginary - b_imaginary) >> 2
        turned = _turned(
            (a_imaginary + b_imaginary) >> 1,
            (b_real - a_real) >> 1,
            self.twiddles[k].astype(np.int64),
        )
        bins[:, count - k] = (even_real - turned[0]) ** 2 + (even_imaginary - turned[1]) ** 2
        bins[:, k] = (even_real + turned[0]) ** 2 + (even_imaginary + turned[1]) ** 2
        found = bins.astype(np.uint64)
        return roots(found) if self.power == 1 else found >> np.uint64(_SQUARE_DROP)

    def _logarithms(self, bins: NDArray[np.uint64]) -> Int64s:
        sums = bins @ self.weights.astype(np.uint64) + np.uint64(self.floor)
        return logarithms(sums) - self.log2_unit

    def _features(self, logarithms: Int64s) -> NDArray[np.int32]:
        if self.cosines is None:
            return logarithms.astype(np.int32)
        sums = logarithms @ self.cosines.T.astype(np.int64)
        return ((sums + (1 << 14)) >> 15).astype(np.int32)


def _turned(real: Int64s, imaginary: Int64s, w: Int64s) -> tuple[Int64s, Int64s]:
    """Return half the products of complex numbers and twiddles [..., 2]."""
    cosine, sine = w[..., 0], w[..., 1]
    made = times(real, cosine) - times(imaginary, sine)
    return made, times(real, sine) + times(imaginary, cosine)


# The front end of the keyword spotting network of MLPerf Tiny: 49 frames per second.
MFCC = Spectrum(coefficients=10)
