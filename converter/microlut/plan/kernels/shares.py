"""How layers with weights share their output channels and rows out among tiles."""

from __future__ import annotations

from collections.abc import Iterator

CHANNEL_BYTES = 16  # of mlut_channel_t: an expanded bias, multiplier, shift and nudge


def even_shares(count: int, step: int, least: int = 1) -> Iterator[int]:
    """Yield the sizes that share `count` out evenly, `count` itself first.

    They are multiples of `step` (or `count`), each the smallest for its number of shares.
    """
    last = 0
    for shares in range(1, -(-count // step) + 1):
        size = min(count, -(-count // (shares * step)) * step)
        if size != last and size >= min(least, count):
            yield size
        last = size
