"""Drives that boot loaders of boards show: https://github.com/microsoft/uf2."""

from __future__ import annotations

import getpass
import re
import string
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_INFO = "INFO_UF2.TXT"
_MOUNTS = ("/media", "/media/{user}", "/run/media/{user}", "/Volumes", "/mnt")


def drives() -> tuple[Path, ...]:
    """Return the drives of boards that are mounted now, sorted."""
    return tuple(sorted({place for place in _mounted() if board_of_drive(place)}))


def board_of_drive(drive: Path) -> str:
    """Return the Board-ID that a drive gives; nothing if it is not the drive of a board."""
    try:
        text = (drive / _INFO).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(r"^Board-ID: *(.*?) *$", text, re.MULTILINE)
    return found[1] if found else ""


def _mounted() -> Iterator[Path]:
    if sys.platform == "win32":
        yield from (Path(f"{letter}:/") for letter in string.ascii_uppercase[2:])
        return
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        user = ""
    for pattern in _MOUNTS:
        with suppress(OSError):
            yield from Path(pattern.format(user=user)).iterdir()
