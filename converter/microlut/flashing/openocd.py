"""OpenOCD: any probe and chip that it has configuration files for."""

from __future__ import annotations

import re

from microlut.board.flash_tools import Openocd
from microlut.flashing.flasher import BUSY, CABLE, PERMISSIONS, TARGET, Flasher, FlashJob
from microlut.machine.tools import OPENOCD


def configuration(arguments: Openocd) -> tuple[str, ...]:
    """Return the options that read the board's configuration files."""
    return tuple(word for file in arguments.config for word in ("-f", file))


def _command(job: FlashJob) -> tuple[str, ...]:
    assert isinstance(job.arguments, Openocd)
    serial = ("-c", f"adapter serial {_quoted(job.device)}") if job.device else ()
    program = f"program {_quoted(str(job.elf))} verify reset exit"
    return (str(job.program), *configuration(job.arguments), *serial, "-c", program)


def _quoted(text: str) -> str:
    """Quote text as one word of Tcl."""
    return re.sub(r"[^A-Za-z0-9_./-]", lambda found: f"\\{found[0]}", text)


FLASHER = Flasher(
    OPENOCD,
    "probe",
    _command,
    (
        ("LIBUSB_ERROR_ACCESS", PERMISSIONS),
        ("LIBUSB_ERROR_BUSY", BUSY),
        (
            "Can't find ",
            "this OpenOCD lacks a configuration file that the board names; take 0.12 or newer, or "
            "another tool with --tool",
        ),
        ("Verify Failed|checksum mismatch", "the flash holds something else now: flash again"),
        (
            "init mode failed|unable to connect to the target|Target not examined|"
            "target voltage|Error connecting DP|timed out while waiting for target",
            TARGET,
        ),
        ("open failed|no device found|unable to find", f"no probe answers: {CABLE}"),
    ),
)
