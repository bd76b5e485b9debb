"""Callbacks by which long-running stages report progress."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from microlut.errors import InvalidInput
from microlut.support.arguments import brief

# (activity, number done, total number)
Progress = Callable[[str, int, int], None]


def silent(_what: str, _done: int, _total: int) -> None:
    """Ignore progress."""


def counted(progress: Progress, what: str, total: int) -> Callable[[], None]:
    """Return a function to call after each of `total` items, which reports how many are done."""
    numbers = itertools.count(1)
    return lambda: progress(what, next(numbers), total)


def check_progress(progress: object) -> None:
    """Raise InvalidInput for an argument that cannot be called."""
    if not callable(progress):
        raise InvalidInput(f"progress is {brief(progress)}; give a function of (what, done, total)")
