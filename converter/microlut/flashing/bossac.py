"""Arduino's bossac: boards whose boot loader answers on a serial port."""

from __future__ import annotations

from microlut.flashing.flasher import CABLE, PERMISSIONS, Flasher, FlashJob
from microlut.machine.tools import BOSSAC

_BOOT_MODE = f"the boot loader does not answer: press RESET twice and flash again; {CABLE}"


def _command(job: FlashJob) -> tuple[str, ...]:
    # As Arduino's platform.txt calls it; the loader adds the place of applications itself.
    port = (f"--port={job.device}",) if job.device else ()
    return (str(job.program), "-d", *port, "-U", "-i", "-e", "-w", str(job.bin), "-R")


FLASHER = Flasher(
    BOSSAC,
    "port",
    _command,
    (
        ("[Pp]ermission denied", PERMISSIONS),
        ("No device found|SAM-BA operation failed|Failed to open port", _BOOT_MODE),
        (
            "[Uu]nrecognized option|[Uu]nsupported|[Uu]nknown (chip|device)",
            f"take Arduino's own bossac: {BOSSAC.elsewhere}",
        ),
    ),
    flat=True,
)
