"""Print progress, results and errors on the standard streams."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from typing import Any, TextIO

from microlut.errors import InvalidInput
from microlut.support.progress import Progress

_STANDARD_ERROR = 2


class OutputLost(InvalidInput):
    """Standard output is closed or cannot be written."""


class _Output(io.TextIOBase):
    """Standard output, with errors that are distinct from those of other files.

    Characters that its encoding lacks are escaped. Once the reader has gone, as `head` does, the
    rest is silently dropped, and the exit code stays what it would have been.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost: OutputLost | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding or "utf-8"  # a StringIO has none

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def write(self, text: str) -> int:
        writable = text.encode(self.encoding, self.errors).decode(self.encoding)
        with self._watched():
            self._stream.write(writable)
        return len(text)

    def flush(self) -> None:
        with self._watched():
            self._stream.flush()

    def close(self) -> None:
        """Leave the stream as it is: Python 3.14 would print what its last flush raises."""

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        if self._lost is not None:  # click tries by writing nothing, and ignores this
            raise self._lost
        try:
            yield
        except OSError as error:
            _lead_nowhere(self.fileno())
            if not isinstance(error, BrokenPipeError):
                self._lost = OutputLost(f"standard output: {error.strerror}")
                raise self._lost from error


def _lead_nowhere(number: int) -> None:
    """Discard what is written to a file, and buffers that would fail when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Let standard output raise OutputLost, and lead closed standard streams nowhere.

    Otherwise the next opened file would get the number of a closed one.

    Raises:
        OutputLost: Standard output is closed.
    """
    closed = sys.stdout is None
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(opened, True)
    os.close(opened)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 (until the end)
    if closed:
        raise OutputLost("standard output is closed; redirect it, for example to /dev/null")
    with redirect_stdout(_Output(sys.stdout)):
        yield


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """Yield a progress function that draws a bar on standard error, if that is a terminal.

    The bar has the time since the begin, and what is left of the present part.
    """
    from rich.console import Console  # a tenth of a second, which few verbs need
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
    terminal = Console(stderr=True, highlight=False)
    hidden = quiet or not terminal.is_terminal
    times = (TextColumn("{task.fields[begun]}"), TextColumn("left"), TimeRemainingColumn())
    started = time.monotonic()
    with Bars(*columns, *times, console=terminal, transient=True, disable=hidden) as bars:
        task = bars.add_task("", begun="")
        now = ""

        def update(what: str, done: int, total: int) -> None:
            nonlocal now
            if what != now:  # another part has another speed
                bars.reset(task)
                now = what
            begun = timedelta(seconds=round(time.monotonic() - started))
            bars.update(task, description=what, completed=done, total=total, begun=str(begun))

        yield update


def print_error(message: str, code: int, *, as_json: bool) -> None:
    """Print one line on standard error, and with --json an object on standard output."""
    try:
        print(f"microlut: {message}", file=sys.stderr, flush=True)
    except OSError:  # there is nowhere else to print it
        _lead_nowhere(sys.stderr.fileno())
    if as_json:
        print_json({"error": message, "exit_code": code})


def print_json(value: dict[str, Any]) -> None:
    """Print an object on standard output."""
    print(json.dumps(value, indent=2))
