"""The terminal: progress, results and errors in, text on its two streams out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from microlut.progress import Progress


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Progress]:
    """Yield a progress function that draws a bar on standard error, if that is a terminal."""
    from rich.console import Console  # a tenth of a second, which few verbs need
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn())
    terminal = Console(stderr=True, highlight=False)
    hidden = quiet or not terminal.is_terminal
    with Bars(
        *columns, TimeElapsedColumn(), console=terminal, transient=True, disable=hidden
    ) as bars:
        task = bars.add_task("")

        def update(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield update


def print_error(message: str, code: int, *, as_json: bool) -> None:
    """Print one line on standard error, and with --json an object on standard output."""
    if as_json:
        print_json({"error": message, "exit_code": code})
    print(f"microlut: {message}", file=sys.stderr)


def print_json(value: dict[str, Any]) -> None:
    """Print an object on standard output."""
    print(json.dumps(value, indent=2))
