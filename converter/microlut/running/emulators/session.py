"""Run a console program once, and collect its lines."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from microlut.errors import RunFailed
from microlut.running.emulators.process import started
from microlut.running.protocol import OUTPUT, READY, Lines, bulk_command, failure_of

_PIECE_BYTES = 65536
WHY_SILENT = "look for an endless loop, or run again when the machine is less busy"

OnOutput = Callable[[], None]


def run_bulk(
    command: tuple[str, ...], count: int, timeout_seconds: float, on_output: OnOutput
) -> tuple[str, ...]:
    """Start a program, let it infer `count` preloaded inputs, and return its console lines.

    Args:
        command: The program and its arguments; it is stopped once it has answered.
        count: Number of inputs.
        timeout_seconds: Longest silence of the console.
        on_output: Called after each inference.

    Raises:
        RunFailed: An error or fault line, an early end, or silence for too long.
    """
    name = Path(command[0]).name
    lines: list[str] = []
    answers = 0
    with tempfile.TemporaryFile() as messages, started(command, messages) as process:
        for line in _lines(process, timeout_seconds):
            lines.append(line)
            failure = failure_of(line)
            if failure is not None:
                raise RunFailed(f"{name}: the firmware reports: {failure}")
            if line.startswith(OUTPUT):
                on_output()
            elif line == READY:
                answers += 1
                if answers == 2:
                    return tuple(lines)
                _send(process, bulk_command(count))
        messages.seek(0)
        # the first line only: QEMU goes on with all registers
        said = messages.read().decode(errors="replace").strip().partition("\n")[0].strip()
    detail = f" ({said})" if said else f"; last line: {lines[-1] if lines else 'none'!r}"
    raise RunFailed(f"{name}: ended before it had answered{detail}")


def _send(process: subprocess.Popen[bytes], request: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # its output ends too, which is reported
        process.stdin.write(request)
        process.stdin.flush()


def _lines(process: subprocess.Popen[bytes], timeout_seconds: float) -> Iterator[str]:
    """Yield the complete lines that a program prints, until it closes its output."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    lines = Lines()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout_seconds):
                raise RunFailed(
                    f"{Path(str(process.args[0])).name}: the console was silent for "  # type: ignore[index]
                    f"{timeout_seconds:g} s; {WHY_SILENT}"
                )
            piece = os.read(descriptor, _PIECE_BYTES)
            if not piece:
                return
            yield from lines.feed(piece)
