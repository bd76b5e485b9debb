"""probe-rs: CMSIS-DAP, ST-Link and J-Link probes; chips by name."""

from __future__ import annotations

from microlut.board.flash_tools import ProbeRs
from microlut.flashing.flasher import BUSY, CABLE, PERMISSIONS, TARGET, Flasher, FlashJob
from microlut.machine.tools import PROBE_RS


def _options(job: FlashJob) -> tuple[str, ...]:
    assert isinstance(job.arguments, ProbeRs)
    probe = ("--probe", f"{job.usb}:{job.device}") if job.device and job.usb else ()
    return ("--non-interactive", "--chip", job.arguments.chip, *probe)


def _command(job: FlashJob) -> tuple[str, ...]:
    return (str(job.program), "download", *_options(job), "--verify", str(job.elf))


def _start(job: FlashJob) -> tuple[str, ...]:
    return (str(job.program), "reset", *_options(job))


FLASHER = Flasher(
    PROBE_RS,
    "probe",
    _command,
    (
        ("[Cc]hip .*not found|No chip|[Uu]nknown chip", "this probe-rs does not know the chip"),
        ("[Pp]ermission denied|[Aa]ccess denied", PERMISSIONS),
        ("[Rr]esource busy|in use|claim", BUSY),
        ("[Nn]o (connected )?(debug )?probes? (was |were )?found", f"no probe answers: {CABLE}"),
        ("did not respond|[Cc]onnecting to the (chip|target)|[Tt]arget .*not", TARGET),
    ),
    after=_start,
)
