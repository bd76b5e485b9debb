"""st-flash of the stlink project: STM32 through an ST-Link."""

from __future__ import annotations

from microlut.flashing.flasher import BUSY, CABLE, PERMISSIONS, TARGET, Flasher, FlashJob
from microlut.machine.tools import ST_FLASH


def _command(job: FlashJob) -> tuple[str, ...]:
    probe = ("--serial", job.device) if job.device else ()
    return (str(job.program), *probe, "--reset", "write", str(job.bin), f"{job.origin:#010x}")


FLASHER = Flasher(
    ST_FLASH,
    "probe",
    _command,
    (
        ("LIBUSB_ERROR_ACCESS|Could not open USB device.*access", PERMISSIONS),
        ("LIBUSB_ERROR_BUSY", BUSY),
        ("Couldn't find any ST-Link|Unable to match requested", f"no ST-Link answers: {CABLE}"),
        (
            "unknown chip id|Failed to connect to target|Can not connect|chip id 0|"
            "Failed to enter SWD|target voltage",
            TARGET,
        ),
        ("[Vv]erif.* fail|Flash verification failed", "flash again; if it stays, erase it first"),
    ),
    flat=True,
)
