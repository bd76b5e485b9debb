"""Dfu-util: STM32 through the loader in their ROM and their own USB port."""

from __future__ import annotations

from microlut.board.flash_tools import DfuUtil
from microlut.flashing.flasher import CABLE, PERMISSIONS, Flasher, FlashJob
from microlut.machine.tools import DFU_UTIL

_BOOT_MODE = (
    "no loader answers: hold BOOT0 while you press and release RESET (NRST), and flash again; "
    f"{CABLE}"
)


def _command(job: FlashJob) -> tuple[str, ...]:
    assert isinstance(job.arguments, DfuUtil)
    serial = ("-S", job.device) if job.device else ()
    place = ("-a", "0", "-s", f"{job.origin:#010x}:leave")
    return (str(job.program), "-d", job.arguments.usb[0], *serial, *place, "-D", str(job.bin))


FLASHER = Flasher(
    DFU_UTIL,
    "probe",
    _command,
    (
        ("LIBUSB_ERROR_ACCESS|Cannot open DFU device", PERMISSIONS),
        ("No DFU capable USB device", _BOOT_MODE),
    ),
    flat=True,
)
