"""Judge a file in a process of its own, which may compute only for so long, or die."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

from case_records import Record
from spread import cloudpickle

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
    mine, other = multiprocessing.Pipe(duplex=False)
    child = os.fork()  # workers of a cluster may have no children of multiprocessing
    if child == 0:
        try:
            mine.close()
            _send(judge, seconds, memory, silent, other)
        except BaseException:  # noqa: BLE001 - nothing of this process may go on
            traceback.print_exc()
        finally:
            os._exit(0)
    other.close()
    try:
        found = mine.recv_bytes()
    except EOFError as error:
        raise Ended(_ending(child) == signal.SIGXCPU) from error
    except BaseException:
        os.kill(child, signal.SIGKILL)
        _ending(child)
        raise
    _ending(child)
    return cloudpickle.loads(found)  # type: ignore[no-any-return]


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
    end.send_bytes(cloudpickle.dumps(judge()))


def _ending(child: int) -> int:
    """Wait for a process and return the signal that ended it; 0 if none did."""
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
