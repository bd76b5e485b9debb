"""Drives that take UF2 files: boards appear as one while their boot loader runs."""

from __future__ import annotations

from pathlib import Path

from microlut.flashing import copy_file
from microlut.flashing.flasher import Flasher, FlashJob
from microlut.machine.tools import COPY


def copy_command(python: Path, file: Path, drive: str | None) -> tuple[str, ...]:
    """Return the command line that copies a file to a drive."""
    return (str(python), copy_file.__file__, str(file), drive or "DRIVE")


def _command(job: FlashJob) -> tuple[str, ...]:
    return copy_command(job.program, job.elf.with_suffix(".uf2"), job.device)


FLASHER = Flasher(
    COPY,
    "drive",
    _command,
    (
        ("Permission denied|Read-only", "the drive cannot be written: mount it for your user"),
        ("No space left", "the drive is no board's, or the board takes no such file"),
    ),
    flat=True,
)
