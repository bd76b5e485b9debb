"""Picotool: Raspberry Pi's chips through the loader in their ROM."""

from __future__ import annotations

from microlut.flashing.flasher import CABLE, PERMISSIONS, Flasher, FlashJob
from microlut.machine.tools import PICOTOOL

_BOOT_MODE = f"no board in BOOTSEL mode: hold BOOTSEL while you connect it; {CABLE}"


def _command(job: FlashJob) -> tuple[str, ...]:
    serial = ("--ser", job.device) if job.device else ()
    return (str(job.program), "load", "-v", "-x", str(job.elf), *serial)


FLASHER = Flasher(
    PICOTOOL,
    "probe",
    _command,
    (
        ("[Pp]ermission|unable to connect|ACCESS", PERMISSIONS),
        ("No accessible RP|not in BOOTSEL mode", _BOOT_MODE),
    ),
)
