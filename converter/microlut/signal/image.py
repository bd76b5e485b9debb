"""Pictures of a camera as inputs of a network: a part of them, resized, in the network's values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.ops.tensor import Quantization, quantize_array
from microlut.support.arguments import brief, check_choice, integer

Format = Literal["grey", "rgb", "rgb565", "rgb565-swapped"]
Method = Literal["nearest", "bilinear", "area"]
Int64s = NDArray[np.int64]

_MOST_PIXELS = 4095  # of a side
_BYTES = {"grey": 1, "rgb": 3, "rgb565": 2, "rgb565-swapped": 2}


@dataclass(frozen=True)
class Image:
    """A part of a picture, resized by integers, each byte of which stands for a real value.

    A byte v of channel c stands for v * scale[c] + offset[c].

    Attributes:
        width: Of a picture, in pixels.
        height: Of a picture, in pixels.
        format: How pixels lie in memory: "grey" or "rgb", a byte per channel; "rgb565", 16 bits
            with the low byte first; "rgb565-swapped", the high byte first.
        part: (left, top, width, height) of the part that is taken; None: the whole picture.
        method: "nearest"; "bilinear" between the four nearest pixels; "area": the mean of all
            pixels that a new one covers, for pictures that become much smaller.
        scale: Of all channels, or of each.
        offset: Of all channels, or of each.

    Raises:
        InvalidInput: A value is not allowed, or values do not go together.
    """

    width: int
    height: int
    format: Format = "rgb"
    part: tuple[int, int, int, int] | None = None
    method: Method = "bilinear"
    scale: float | tuple[float, ...] = 1.0
    offset: float | tuple[float, ...] = 0.0

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            object.__setattr__(self, name, integer(name, getattr(self, name), 1, _MOST_PIXELS))
        check_choice("format", self.format, get_args(Format))
        check_choice("method", self.method, get_args(Method))
        for name in ("scale", "offset"):
            _numbers(name, getattr(self, name))
        part = (0, 0, self.width, self.height) if self.part is None else tuple(self.part)
        inside = len(part) == 4 and all(type(value) is int for value in part)
        if inside:
            left, top, width, height = part
            inside = min(left, top) >= 0 and min(width, height) > 0
            inside = inside and left + width <= self.width and top + height <= self.height
        if not inside:
            raise InvalidInput(
                f"part is {brief(self.part)}; give left, top, width and height within "
                f"{self.width}x{self.height} pixels"
            )
        object.__setattr__(self, "part", part)

    def pixels(self, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the pixels [height, width, 1 or 3] of a picture's bytes in memory."""
        found = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8).astype(np.int64)
        if found.size != self.width * self.height * _BYTES[self.format]:
            raise InvalidInput(
                f"a picture has {found.size} bytes; {self.width}x{self.height} pixels of "
                f"{self.format} have {self.width * self.height * _BYTES[self.format]}"
            )
        if not self.format.startswith("rgb565"):
            return found.reshape(self.height, self.width, -1).astype(np.uint8)
        high = 0 if self.format.endswith("swapped") else 1
        word = found[high::2] << 8 | found[1 - high :: 2]
        red, green, blue = word >> 11, word >> 5 & 63, word & 31
        rgb = [red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2]
        return np.stack(rgb, axis=-1).reshape(self.height, self.width, 3).astype(np.uint8)

    def resized(self, data: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """Return the bytes [height, width, 1 or 3] of a picture's part in this shape."""
        height, width, channels = self._out(shape)
        left, top, part_width, part_height = self.part or (0, 0, 0, 0)
        pixels = self.pixels(data)[top : top + part_height, left : left + part_width]
        source = _with_channels(pixels.astype(np.int64), channels)
        return _METHODS[self.method](source, height, width).astype(np.uint8)

    def __call__(self, data: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return the real values of a picture in this shape, for training."""
        bytes_ = self.resized(data, shape)
        scale, offset = np.asarray(self.scale, float), np.asarray(self.offset, float)
        return np.asarray(bytes_ * scale + offset, np.float32)

    def quantized(
        self, data: NDArray[np.uint8], shape: tuple[int, ...], quantization: Quantization
    ) -> NDArray[np.int8]:
        """Return the values of a picture as the device gives them to an int8 input."""
        bytes_ = self.resized(data, shape)
        tables = self.tables(shape, quantization)
        channels = np.arange(bytes_.shape[-1]) % len(tables)
        return np.asarray(tables[channels, bytes_], np.int8)

    def tables(self, shape: tuple[int, ...], quantization: Quantization) -> NDArray[np.int8]:
        """Return the values [1 or channels, 256] of all bytes in a network's input."""
        channels = self._out(shape)[2]
        given = [np.atleast_1d(np.asarray(part, float)) for part in (self.scale, self.offset)]
        if any(part.size not in (1, channels) for part in given):
            raise InvalidInput(
                f"scale and offset are of {max(part.size for part in given)} channels, and the "
                f"network's input has {channels}; give one value for all or one for each"
            )
        features = quantization.features
        count = max(*(part.size for part in given), 1 if features is None else len(features.scales))
        scale, offset = (np.broadcast_to(part, count) for part in given)
        reals = np.arange(256)[:, None] * scale + offset
        return np.asarray(quantize_array(reals.astype(np.float32), quantization).T, np.int8)

    def _out(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        if len(shape) != 3 or shape[2] not in (1, 3) or max(shape[:2]) > _MOST_PIXELS:
            raise InvalidInput(
                f"an input of {'x'.join(map(str, shape))} is no picture; a front end for images "
                "needs one of height x width x 1 or 3"
            )
        return shape[0], shape[1], shape[2]


def _numbers(name: str, value: object) -> None:
    values = value if isinstance(value, tuple | list) else (value,)
    sound = all(
        isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each)
        for each in values
    )
    if not sound or len(values) not in (1, 3):
        raise InvalidInput(
            f"{name} is {brief(value)}; give a number, or one for each of 3 channels"
        )


def _with_channels(pixels: Int64s, channels: int) -> Int64s:
    if channels == pixels.shape[-1]:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    weighted = np.einsum("hwc,c->hw", pixels, np.array([77, 150, 29]))
    return np.asarray((weighted[..., None].astype(np.int64) + 128) >> 8, np.int64)


def _nearest(source: Int64s, height: int, width: int) -> Int64s:
    down, right = (
        (2 * np.arange(to) + 1) * size // (2 * to)
        for to, size in zip((height, width), source.shape, strict=False)
    )
    return np.asarray(source[down[:, None], right], np.int64)


def _bilinear(source: Int64s, height: int, width: int) -> Int64s:
    (top, bottom, down), (left, right, across) = (
        _between(to, size) for to, size in zip((height, width), source.shape, strict=False)
    )
    across = across[:, None]
    mixed = source[:, left] * (256 - across) + source[:, right] * across
    down = down[:, None, None]
    made = np.asarray(mixed[top] * (256 - down) + mixed[bottom] * down, np.int64)
    return (made + 32768) >> 16


def _between(to: int, size: int) -> tuple[Int64s, Int64s, Int64s]:
    """Return, for each new pixel, the two that it lies between, and the part of the second one."""
    place = np.maximum((2 * np.arange(to) + 1) * size * 128 // to - 128, 0)
    first = np.minimum(place >> 8, size - 1)
    second = np.minimum(first + 1, size - 1)
    return first, second, np.where(first == second, 0, place & 255)


def _area(source: Int64s, height: int, width: int) -> Int64s:
    made = np.empty((height, width, source.shape[-1]), np.int64)
    for y in range(height):
        rows = source[_covered(y, source.shape[0], height)]
        for x in range(width):
            part = rows[:, _covered(x, source.shape[1], width)]
            count = part.shape[0] * part.shape[1]
            made[y, x] = (part.sum(axis=(0, 1)) + count // 2) // count
    return made


def _covered(at: int, size: int, to: int) -> slice:
    return slice(at * size // to, ((at + 1) * size + to - 1) // to)


_METHODS: dict[str, Callable[[Int64s, int, int], Int64s]] = {
    "nearest": _nearest,
    "bilinear": _bilinear,
    "area": _area,
}
