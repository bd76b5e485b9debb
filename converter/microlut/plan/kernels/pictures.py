"""Sizes and limits of operators that read a picture: height, width and channels."""

from __future__ import annotations

from collections.abc import Iterator

from microlut.ops.arrays import Shape
from microlut.ops.windows import Padding, Window
from microlut.plan.kernels.base import Size

MOST_POOLED = 1 << 23  # pixels whose sum of (int8 value - zero point) fits in 32 bits
MOST_SUMMED_16 = (1 << 16) - 1  # int16 values whose sum fits in 32 bits
LARGEST_SIZE = 65535  # sizes of pictures and windows are uint16_t
_MOST_PADDING = 1 << 22  # values, since the converter holds them for many inputs at a time


def picture_sizes(before: Shape, after: Shape, padding: Padding | None = None) -> Iterator[Size]:
    """Yield the sizes of an operator's input and output, and of the padding between them."""
    for where, shape in (("input", before), ("output", after)):
        for what, size in zip(("height", "width", "channel count"), shape, strict=True):
            yield f"the {where}'s {what}", size, LARGEST_SIZE
    if padding is None:
        return
    for side in ("top", "bottom", "left", "right"):
        yield f"the padding at the {side}", getattr(padding, side), LARGEST_SIZE
    added = (padded_pixels(before, padding) - before[0] * before[1]) * before[2]
    yield "the number of values added by padding", added, _MOST_PADDING


def window_sizes(before: Shape, after: Shape, window: Window) -> Iterator[Size]:
    """Yield the sizes of an operator that moves a window over a picture."""
    yield from picture_sizes(before, after, window.padding)
    for what, pair in (
        ("window's size", window.size),
        ("stride", window.strides),
        ("dilation", window.dilation),
    ):
        yield f"the {what}", max(pair), LARGEST_SIZE


def padded_pixels(before: Shape, padding: Padding) -> int:
    """Return the number of pixels of a picture with its padding."""
    height, width = before[:2]
    return (height + padding.top + padding.bottom) * (width + padding.left + padding.right)
