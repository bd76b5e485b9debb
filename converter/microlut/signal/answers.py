"""What the outputs of a network become, as in firmware/src/signal/answers.c."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from microlut.ops.tensor import Quantization

_FINEST = np.float32(1 / 16384)  # of the larger scale, what the unit of a distance is


@dataclass
class Smooth:
    """The mean scores of the last `count` answers.

    Attributes:
        count: Of answers.
    """

    count: int
    _answers: deque[NDArray[np.int64]] = field(default_factory=deque, init=False)

    def __call__(self, answer: NDArray[np.int8]) -> NDArray[np.int8]:
        """Add an answer [classes], and return the means, halves up."""
        self._answers.append(answer.astype(np.int64))
        if len(self._answers) > self.count:
            self._answers.popleft()
        held = len(self._answers)
        sums = np.sum(self._answers, axis=0) + 128 * held
        return np.asarray((sums + held // 2) // held - 128, np.int8)


def suppress(
    boxes: NDArray[np.integer],
    scores: NDArray[np.integer],
    classes: NDArray[np.integer],
    overlap: int,
    every_class: bool = False,
) -> list[int]:
    """Return which boxes are kept, the best first: non-maximum suppression.

    Args:
        boxes: Left, top, right, bottom [n, 4].
        scores: [n].
        classes: [n].
        overlap: The most that the intersection with a kept box may be of the union, in 1 / 256.
        every_class: Whether boxes of other classes count, too.
    """
    kept: list[int] = []
    x = boxes.astype(object)  # of Python's integers, which have no limits
    for i in np.argsort(-scores.astype(np.int64), kind="stable").tolist():
        others = (k for k in kept if every_class or classes[k] == classes[i])
        if not any(_overlaps(x[k], x[i], overlap) for k in others):
            kept.append(i)
    return kept


def _overlaps(a: NDArray[np.object_], b: NDArray[np.object_], overlap: int) -> bool:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return False
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return bool(width * height * 256 > overlap * (areas - width * height))


@dataclass(frozen=True)
class Distance:
    """How far a reconstruction is from its input: an autoencoder's measure of anomaly.

    Attributes:
        input: Quantization of the network's input.
        output: Quantization of its output.
    """

    input: Quantization
    output: Quantization

    @property
    def unit(self) -> np.float32:
        """The unit of differences."""
        return max(np.float32(self.input.scale), np.float32(self.output.scale)) * _FINEST

    def __call__(self, x: NDArray[np.int8], y: NDArray[np.int8]) -> int:
        """Return the sum of the squares of the differences of two tensors, in unit^2."""
        parts = [
            (values.astype(np.int64) - known.zero_point)
            * int(np.float32(known.scale) / self.unit + np.float32(0.5))
            for values, known in ((x, self.input), (y, self.output))
        ]
        return int(np.sum((parts[0] - parts[1]) ** 2))

    def mean_square(self, x: NDArray[np.int8], y: NDArray[np.int8]) -> float:
        """Return the mean square of the real differences of two tensors."""
        return self(x, y) * float(self.unit) ** 2 / x.size

    def threshold(self, mean_square: float, count: int) -> int:
        """Return what the sum is compared with, for a mean square difference of `count` values."""
        with np.errstate(over="ignore"):  # an infinite limit is the largest one
            units = np.float32(mean_square) / self.unit / self.unit * np.float32(count)
        return 2**64 - 1 if units >= np.float32(9.2e18) else int(units)
