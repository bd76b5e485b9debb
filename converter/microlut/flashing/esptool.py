"""Esptool: Espressif's chips, through the loader in their ROM and a serial port."""

from __future__ import annotations

from microlut.board.flash_tools import Esptool
from microlut.flashing.flasher import CABLE, PERMISSIONS, Flasher, FlashJob
from microlut.machine.tools import ESPTOOL

_BOOT_MODE = (
    "the chip's loader does not answer: hold the BOOT button, press and release RESET (EN), let go "
    f"of BOOT, and flash again; {CABLE}"
)


def _command(job: FlashJob) -> tuple[str, ...]:
    assert isinstance(job.arguments, Esptool)
    port = ("--port", job.device) if job.device else ()
    write = ("write-flash", f"{job.arguments.address:#x}", str(job.bin))
    return (str(job.program), "--chip", job.arguments.chip, *port, *write)


FLASHER = Flasher(
    ESPTOOL,
    "port",
    _command,
    (
        ("[Pp]ermission denied", PERMISSIONS),
        ("port is busy|could not exclusively lock", "close what has the port open; " + CABLE),
        (
            "[Ff]ailed to connect|[Nn]o serial data received|Wrong boot mode|Invalid head of",
            _BOOT_MODE,
        ),
        ("This chip is|not match|Unexpected chip", "the board has another chip than its file says"),
    ),
)
