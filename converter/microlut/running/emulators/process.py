"""Start an emulator that never outlives microlut: a command line enters, a process leaves."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

# Reads from a pipe whose other end only we hold, so that it ends when we do, however that happens.
_GUARD = ("/bin/sh", "-c", 'read -r _; kill -9 "$0"')


@contextmanager
def started(
    command: tuple[str, ...], messages: IO[bytes], terminal: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as long as the block lasts.

    It is stopped at the end of the block, and if microlut is killed: QEMU ignores that its input
    has ended, and would keep a core busy for ever.

    Args:
        command: The program and its arguments.
        messages: Open file for its standard error.
        terminal: File descriptor of its standard input and output; two pipes if left out.
    """
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=messages) as process:
        try:
            with _guarded(process.pid):
                yield process
        finally:
            process.kill()


@contextmanager
def _guarded(pid: int) -> Iterator[None]:
    """Have a process killed if we end within the block."""
    with subprocess.Popen(
        (*_GUARD, str(pid)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C and signals to our process group do not reach it
    ) as guard:
        try:
            yield
        finally:
            guard.kill()
