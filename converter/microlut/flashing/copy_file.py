"""Copy a file to a drive. The program is called with both, and imports nothing of microlut.

A boot loader restarts the board once it has the last block, often before the file is closed.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


def copy(source: Path, drive: Path) -> None:
    """Write the file to the drive, in one go."""
    binary = getattr(os, "O_BINARY", 0)  # of Windows
    file = os.open(drive / source.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | binary)
    try:
        data = memoryview(source.read_bytes())
        while data:
            data = data[os.write(file, data) :]
        with contextlib.suppress(OSError):
            os.fsync(file)
    finally:
        with contextlib.suppress(OSError):
            os.close(file)


if __name__ == "__main__":
    try:
        copy(Path(sys.argv[1]), Path(sys.argv[2]))
    except OSError as error:
        raise SystemExit(f"{error.filename or sys.argv[2]}: {error.strerror}") from error
