"""Offer a console program as a serial port, through a pseudo-terminal.

The program has the terminal's master side as its standard input and output, so any program that
opens serial ports can open the other side. Several may do so one after the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from microlut.errors import RunFailed
from microlut.running.emulators.process import started
from microlut.support.system import not_on_windows


@dataclass(frozen=True, slots=True)
class Offered:
    """A running program, and the name of its port."""

    port: str
    process: subprocess.Popen[bytes]
    messages: IO[bytes]

    def wait(self) -> None:
        """Wait until the program ends, which it should not; then raise RunFailed."""
        code = self.process.wait()
        self.messages.seek(0)
        said = self.messages.read().decode(errors="replace").strip().partition("\n")[0].strip()
        name = Path(str(self.process.args[0])).name  # type: ignore[index]
        raise RunFailed(f"{name}: ended with status {code} ({said or 'it said nothing'})")


@contextmanager
def offered(command: tuple[str, ...]) -> Iterator[Offered]:
    """Run a program at a new pseudo-terminal until the end of the block."""
    if sys.platform == "win32":
        raise not_on_windows("an emulator as a serial port")
    import tty

    master, slave = os.openpty()
    try:
        # No echo and no translation. The slave side stays open here: that keeps these settings, and
        # the master side alive, while no other program has the port open.
        tty.setraw(slave)
        with tempfile.TemporaryFile() as messages, started(command, messages, master) as process:
            yield Offered(os.ttyname(slave), process, messages)
    finally:
        os.close(master)
        os.close(slave)
