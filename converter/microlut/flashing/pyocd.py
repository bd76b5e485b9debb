"""PyOCD: CMSIS-DAP, ST-Link and J-Link probes; chips by name, built in or from a CMSIS pack."""

from __future__ import annotations

from microlut.board.flash_tools import Pyocd
from microlut.flashing.flasher import BUSY, CABLE, PERMISSIONS, TARGET, Flasher, FlashJob
from microlut.machine.tools import PYOCD


def _command(job: FlashJob) -> tuple[str, ...]:
    assert isinstance(job.arguments, Pyocd)
    probe = ("--uid", job.device) if job.device else ()
    # --no-wait: otherwise it waits for a probe for ever
    options = ("load", "--no-wait", "--target", job.arguments.target, *probe)
    return (str(job.program), *options, str(job.elf))


FLASHER = Flasher(
    PYOCD,
    "probe",
    _command,
    (
        (
            "not recognized|not a recognized target|Unknown target|[Tt]arget type .* not",
            "this pyOCD does not know the chip: pyocd pack install, with the board's target name, "
            "or another tool with --tool",
        ),
        ("LIBUSB_ERROR_ACCESS|[Aa]ccess denied|insufficient permissions", PERMISSIONS),
        ("LIBUSB_ERROR_BUSY|[Rr]esource busy|in use|already open", BUSY),
        ("No ACK|no ack|Unexpected ACK|[Tt]arget .*not|SWD/JTAG|failed to init", TARGET),
        ("No connected debug probes|[Nn]o .*probe", f"no probe answers: {CABLE}"),
    ),
)
