"""Limits of a process that parses files nobody trusts: time, memory, files and system calls.

Each limit that a system does not have is left out: seccomp is Linux's.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
from pathlib import Path

from microlut.importers.apart import seccomp

assert sys.platform != "win32"  # has none of this, and never imports it

_PAGES = Path("/proc/self/statm")
_FIRST_FREE = 3  # file descriptor behind the standard ones
_MOST_FILES = 1 << 16


def confine(answer: int, seconds: int, memory: int, largest_answer: int) -> None:
    """Take from this process what reading a file does not need.

    Args:
        answer: The only open file that it keeps; the standard ones become empty.
        seconds: Processor time that it may use.
        memory: Bytes that it may use, apart from what it has now.
        largest_answer: Bytes that it may write.
    """
    _close_others(answer)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, seconds, seconds + 1)
    _limit(resource.RLIMIT_FSIZE, largest_answer)
    used = _used()
    if used is not None:
        _limit(resource.RLIMIT_AS, used + memory)
    seccomp.refuse_calls()


def _close_others(kept: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(_FIRST_FREE):
        os.dup2(nowhere, number)
    os.closerange(_FIRST_FREE, kept)
    os.closerange(kept + 1, _MOST_FILES)


def _used() -> int | None:
    """Return the bytes of address space that this process has; None if it is not known."""
    try:
        return int(_PAGES.read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return None


def _limit(kind: int, soft: int, hard: int | None = None) -> None:
    """Lower a limit; one that is lower already stays."""
    _, most = resource.getrlimit(kind)
    wanted = soft if hard is None else hard
    if most != resource.RLIM_INFINITY:
        wanted, soft = min(wanted, most), min(soft, most)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(kind, (soft, wanted))
