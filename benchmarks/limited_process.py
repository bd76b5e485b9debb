"""Judge a file in a process of its own, which may compute only for so long, or die."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from case_records import Record

T = TypeVar("T")


class Ended(Exception):
    """The process ended without an answer.

    Attributes:
        stopped: Whether its time was up.
    """

    def __init__(self, stopped: bool) -> None:
        """Take why it ended."""
        super().__init__("stopped" if stopped else "failed")
        self.stopped = stopped


def within(
    judge: Callable[[], T], seconds: int, memory: int | None = None, silent: Sequence[int] = ()
) -> T:
    """Return what a function returns in a fork of this process.

    Args:
        judge: The function.
        seconds: Processor time that it may take.
        memory: Bytes of address space that it may take.
        silent: File descriptors whose output is dropped.

    Raises:
        Ended: The process ended before.
    """
    context = multiprocessing.get_context("fork")
    mine, other = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(judge, seconds, memory, silent, other))
    child.start()
    other.close()
    try:
        return mine.recv()  # type: ignore[no-any-return]
    except EOFError as error:
        child.join()
        raise Ended(child.exitcode == -signal.SIGXCPU) from error
    finally:
        child.kill()
        child.join()


def record_within(
    judge: Callable[[Path], Record],
    path: Path,
    seconds: int,
    memory: int | None = None,
    silent: Sequence[int] = (),
) -> Record:
    """Return the record of a file, also if its process ended; the arguments are `within`'s."""
    try:
        return within(lambda: judge(path), seconds, memory, silent)
    except Ended as ended:
        return Record(str(ended), sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _send(
    judge: Callable[[], T],
    seconds: int,
    memory: int | None,
    silent: Sequence[int],
    end: Connection,
) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    if memory is not None:
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in silent:
        os.dup2(nowhere, number)
    end.send(judge())
