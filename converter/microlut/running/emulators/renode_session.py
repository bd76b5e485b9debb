"""Start Renode once, and judge its console and its log.

Renode exits with status 0 whatever happened. Therefore a run counts only if the console shows the
whole protocol, and the log no failed command, no error and no access outside the board's memory.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from microlut.running.emulators.session import WHY_SILENT, OnOutput
from microlut.running.protocol import OUTPUT, READY, failure_of

_POLL_SECONDS = 0.05

# What must not be in the log, and what it means. The group is quoted.
_PROBLEMS = (
    (r"There was an error executing command (.*(?:\n.+)?)", "a command failed"),
    (r"\[WARNING\] (.* non existing peripheral .*)", "the firmware left the board's memory"),
    (r"\[ERROR\] (.*)", "Renode reports an error"),
    (r"(?:Fatal error:?|UNHANDLED EXCEPTION:)\s*(.*)", "Renode crashed"),
)


@dataclass(frozen=True, slots=True)
class Session:
    """The output of one start of Renode.

    Attributes:
        lines: The console's complete lines.
        log: Renode's log and the answers to its commands.
        stopped: Why it was stopped early, or None.
    """

    lines: tuple[str, ...]
    log: str
    stopped: str | None


def watch(
    command: tuple[str, ...], console: Path, timeout_seconds: float, on_output: OnOutput
) -> Session:
    """Run Renode until it ends, the firmware reports a failure, or is silent for too long.

    Args:
        command: Renode and its arguments.
        console: The file to which its script writes the console's text.
        timeout_seconds: Longest silence of the console, in wall-clock seconds.
        on_output: Called after each inference.
    """
    log = console.with_name("renode.log")
    lines: list[str] = []
    stopped = None
    with log.open("wb") as messages:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=messages, stderr=subprocess.STDOUT
        )
        try:
            for line in _lines(process, console, timeout_seconds):
                lines.append(line)
                if line.startswith(OUTPUT):
                    on_output()
                if failure_of(line) is not None:
                    break
        except TimeoutError:
            stopped = f"the console was silent for {timeout_seconds:g} s"
        finally:
            process.kill()
            process.wait()
    return Session(tuple(lines), log.read_text(encoding="utf-8", errors="replace"), stopped)


def problem_of(session: Session) -> str | None:
    """Return what went wrong, the likeliest cause first, or None if the firmware has answered.

    >>> problem_of(Session(("m-ready", "m-output-07", "m-ready"), "", None))
    >>> problem_of(Session(("m-ready",), "", None))
    "ended before the firmware had answered; last line: 'm-ready'"
    """
    for pattern, meaning in _PROBLEMS:
        found = re.search(pattern, session.log)
        if found is not None:
            return f"{meaning}: {' '.join(found[1].split())}"
    for line in session.lines:
        failure = failure_of(line)
        if failure is not None:
            return f"the firmware reports: {failure}"
    if session.stopped is not None:
        return f"{session.stopped}; {WHY_SILENT}"
    if session.lines.count(READY) < 2:
        last = session.lines[-1] if session.lines else "none"
        return f"ended before the firmware had answered; last line: {last!r}"
    return None


def _lines(
    process: subprocess.Popen[bytes], console: Path, timeout_seconds: float
) -> Iterator[str]:
    """Yield the complete lines of a growing file until the process ends.

    Raises:
        TimeoutError: The file did not grow for `timeout_seconds`.
    """
    read, rest = 0, b""
    deadline = time.monotonic() + timeout_seconds
    while True:
        ended = process.poll() is not None  # asked first, so that the last lines are read
        piece = console.read_bytes()[read:] if console.is_file() else b""
        if piece:
            read += len(piece)
            deadline = time.monotonic() + timeout_seconds
            *complete, rest = (rest + piece).split(b"\n")
            for line in complete:
                yield line.decode("ascii", errors="replace").rstrip("\r")
        if ended:
            return
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(_POLL_SECONDS)
