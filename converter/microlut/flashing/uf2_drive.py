"""Drives that take UF2 files: boards appear as one while their boot loader runs."""

from __future__ import annotations

from pathlib import Path

from microlut.flashing import copy_file
from microlut.flashing.flasher import Flasher, FlashJob
from microlut.machine.tools import COPY


def _command(job: FlashJob) -> tuple[str, ...]:
    copier, source = Path(copy_file.__file__), job.elf.with_suffix(".uf2")
    return (str(job.program), str(copier), str(source), job.device or "DRIVE")


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
