"""The division of output channels and rows into tiles of equal size."""

from __future__ import annotations

from collections.abc import Iterator

CHANNEL_BYTES = 16  # of mlut_channel_t: an expanded bias, multiplier, shift and nudge


def even_shares(count: int, step: int, least: int = 1) -> Iterator[int]:
    """Yield the sizes of tiles that divide `count` evenly, beginning with `count` itself.

    They are multiples of `step`, or `count`, of at least `least`, and each is the smallest for its
    number of tiles.
    """
    last = 0
    for shares in range(1, -(-count // step) + 1):
        size = min(count, -(-count // (shares * step)) * step)
        if size != last and size >= min(least, count):
            yield size
        last = size
