"""Count what gathering the receptive fields of a convolution takes (firmware/.../columns.c)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

from microlut.plan.kernels.base import Call

COLUMNS = 4  # receptive fields that are multiplied at a time
_NINES = (3, 9)  # rows and bytes of each, which are widened without a copy
_FEWEST_OVERLAPPING = 3  # bytes


def is_single(call: Call[Any]) -> bool:
    """Return whether all receptive fields are one pixel of the picture."""
    return call.op.window.size == (1, 1) and _inside(call) == prod(call.shape[:2])


def single_pixels(call: Call[Any]) -> Counter[str]:
    """Return the work of gathering single pixels once, four at a time."""
    pixels, depth = prod(call.shape[:2]), call.source[2]
    blocks = -(-pixels // COLUMNS)
    return Counter(
        {
            "pixel": pixels,
            "pixels": blocks,
            "pixels word": blocks * (depth // 4),
            "pixels rest": blocks * (depth % 4 > 0),
        }
    )


def gathering(call: Call[Any], wide: int, *, patch: bool) -> Counter[str]:
    """Return the work of gathering all receptive fields once.

    Args:
        call: The convolution.
        wide: Bytes that are widened at a time.
        patch: Whether fields are gathered as bytes before they are widened.
    """
    window, depth = call.op.window, call.source[2]
    height, width = window.size
    inside = _inside(call)
    border = prod(call.shape[:2]) - inside
    bytes_, times = width * depth, inside * height
    found = _border(call, wide, "copied" if patch else "span")
    if not patch:
        found.update(_moved("row", bytes_, times, wide))
        return found
    found.update(_moved("patch", height * bytes_, border, wide))
    if (height, bytes_) == _NINES:  # such as 3x3 pixels of three colours
        found["nines"] = inside
        return found
    found.update(_moved("patch", height * bytes_, inside, wide))
    if bytes_ < _FEWEST_OVERLAPPING:
        found.update(_moved("copied", bytes_, times, wide))
        return found
    found.update(_moved("copied", bytes_, inside, wide))
    others = times - inside  # rows whose words may overlap the next one
    found["overlapping"] = others
    found["overlapping word"] = others * -(-bytes_ // 4)
    found["overlapping byte"] = others * bytes_  # where words must be aligned
    return found


def _inside(call: Call[Any]) -> int:
    """Return the number of output pixels whose receptive fields are rows inside the picture."""
    rows, columns = _seen_both_ways(call)
    return rows.whole * columns.whole if call.op.window.dilation[1] == 1 else 0


def _border(call: Call[Any], wide: int, what: str) -> Counter[str]:
    """Return the work of gathering the fields that are not rows inside the picture."""
    window, depth = call.op.window, call.source[2]
    height, width = window.size
    rows, columns = _seen_both_ways(call)
    whole = columns.whole if window.dilation[1] == 1 else 0
    parts, partly = columns.places - whole, columns.total - whole * width
    low = rows.places - rows.whole  # fields above or below the picture
    high = rows.total - rows.whole * height  # and their rows inside
    found = Counter({"border": low * whole + rows.places * parts})
    # Rows of these fields: whole ones, single pixels of others, and padding beside them.
    found.update(_moved(what, width * depth, high * whole, wide))
    found.update(_moved(what, depth, rows.total * partly, wide))
    beside = rows.total * (parts * width - partly)
    outside = (low * height - high) * whole + (rows.places * height - rows.total) * parts
    for count, times in ((depth, beside), (width * depth, outside)):
        found["padding"] += times
        found["padding word"] += times * -(-count // 4)
        found["padding byte"] += times * count
    found["border row"] = found["border"] * height
    return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a window sees along one dimension.

    Attributes:
        places: Places of the window.
        whole: Places of which all is inside the input.
        total: Rows, or columns, inside the input, of all places.
    """

    places: int
    whole: int
    total: int


def _seen_both_ways(call: Call[Any]) -> tuple[_Seen, _Seen]:
    """Return what the window sees downwards, and to the right."""
    window = call.op.window
    rows, columns = (
        _seen(*sizes)
        for sizes in zip(
            (window.padding.top, window.padding.left),
            *(window.size, window.strides, window.dilation, call.source[:2], call.shape[:2]),
            strict=True,
        )
    )
    return rows, columns


@lru_cache(maxsize=4096)
def _seen(before: int, size: int, step: int, apart: int, source: int, places: int) -> _Seen:
    firsts = range(-before, places * step - before, step)
    counts = [
        max(0, min(size, -((first - source) // apart)) - max(0, -(first // apart)))
        for first in firsts
    ]
    return _Seen(places, counts.count(size), sum(counts))


def _moved(what: str, count: int, times: float, wide: int) -> Counter[str]:
    """Return the work of moving `count` bytes `times` times, by vectors or words and the rest."""
    quads = count // wide
    return Counter(
        {
            what: times,
            f"{what} fours": times * (quads // 4),
            f"{what} word": times * (quads % 4),
            f"{what} rest": times * (count % wide > 0),
            f"{what} byte": times * (count % wide),
        }
    )
