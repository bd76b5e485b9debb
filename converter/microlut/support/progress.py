"""How long-running stages tell how far they are, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable

# (what is being done, how many are done, how many there are)
Progress = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    """Listen to nothing."""
