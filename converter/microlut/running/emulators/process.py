"""Start an emulator that never outlives microlut."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from microlut.support.system import not_on_windows

# Reads from a pipe whose other end only this process holds, so it ends whenever this process does.
_GUARD = ("/bin/sh", "-c", 'read -r _; kill -9 "$0"')


@contextmanager
def started(
    command: tuple[str, ...], messages: IO[bytes], terminal: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the end of the block.

    It is also stopped if microlut is killed: QEMU ignores the end of its input, and would keep a
    core busy for ever.

    Args:
        command: The program and its arguments.
        messages: Open file for its standard error.
        terminal: File descriptor of its standard input and output; two pipes by default.
    """
    if sys.platform == "win32":
        raise not_on_windows("running an emulator")
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=messages) as process:
        try:
            with _guarded(process.pid):
                yield process
        finally:
            process.kill()


@contextmanager
def _guarded(pid: int) -> Iterator[None]:
    """Let a process be killed if this process ends within the block."""
    with subprocess.Popen(
        (*_GUARD, str(pid)),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # keeps Ctrl-C and signals to the process group from it
    ) as guard:
        try:
            yield
        finally:
            guard.kill()
