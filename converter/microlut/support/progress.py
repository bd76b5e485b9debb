"""Callbacks by which long-running stages report progress."""

from __future__ import annotations

from collections.abc import Callable

# (activity, number done, total number)
Progress = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    """Ignore progress."""
