"""What systems do differently: locks of files, signals, and the end of programs.

The only other module that looks at the system is `importers.apart`, which reads files in a process
of its own: Windows has none of what that needs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from microlut.errors import InvalidInput

# What asks this process to end.
TERMINATING: tuple[signal.Signals, ...]
if sys.platform == "win32":
    TERMINATING = (signal.SIGTERM,)
else:
    TERMINATING = (signal.SIGTERM, signal.SIGHUP)


def not_on_windows(what: str) -> InvalidInput:
    """Return the error for what microlut cannot do there, such as "building firmware"."""
    return InvalidInput(
        f"{what} is not possible on Windows; use Linux, macOS, or Linux in Windows (WSL) for it"
    )


def lock(file: IO[str]) -> None:
    """Hold the lock of an open file until it is closed, however this process ends.

    Raises:
        OSError: There are no such locks, as on Windows, where a locked file cannot be renamed.
    """
    if sys.platform == "win32":
        raise OSError("no locks of files")
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX)


def is_locked(file: IO[str]) -> bool:
    """Return whether another process holds the lock of an open file; if not, this one does now.

    Raises:
        OSError: There are no such locks.
    """
    if sys.platform == "win32":
        raise OSError("no locks of files")
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def end_group(process: subprocess.Popen[str]) -> None:
    """Ask a program that leads a session, and what it has started there, to end."""
    if sys.platform == "win32":  # which has no such signals: what it has started goes on
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGTERM)  # Ninja passes it on, unlike SIGKILL


def kill_group(process: subprocess.Popen[str]) -> None:
    """End a program that leads a session, also if it takes no notice."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def kill_session(leader: int) -> None:
    """End the processes of a session, on systems that tell in /proc."""
    if sys.platform != "win32":
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                if os.getsid(int(entry.name)) == leader:
                    os.kill(int(entry.name), signal.SIGKILL)
