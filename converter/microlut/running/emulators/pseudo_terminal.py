"""Offer a console program at a pseudo-terminal: a command line enters, a serial port's name leaves.

The program has the terminal's master side as its standard input and output, so that any program
that opens serial ports can open the other side. Several may do so one after the other.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from microlut.errors import RunFailed
from microlut.running.emulators.process import started


@dataclass(frozen=True, slots=True)
class Offered:
    """A program that runs, and the port at which it is."""

    port: str
    process: subprocess.Popen[bytes]
    messages: IO[bytes]

    def wait(self) -> None:
        """Wait until the program ends, which it does not by itself; raises RunFailed then."""
        code = self.process.wait()
        self.messages.seek(0)
        said = self.messages.read().decode(errors="replace").strip().partition("\n")[0].strip()
        name = Path(str(self.process.args[0])).name  # type: ignore[index]
        raise RunFailed(f"{name}: ended with status {code} ({said or 'it said nothing'})")


@contextmanager
def offered(command: tuple[str, ...]) -> Iterator[Offered]:
    """Run a program at a new pseudo-terminal as long as the block lasts."""
    master, slave = os.openpty()
    try:
        # No echo and no translation. Our own open slave side keeps that, and the master side alive,
        # while no one else has the port open.
        tty.setraw(slave)
        with tempfile.TemporaryFile() as messages, started(command, messages, master) as process:
            yield Offered(os.ttyname(slave), process, messages)
    finally:
        os.close(master)
        os.close(slave)
