"""Sessions with a console program; small shell scripts stand in for the firmware."""

from __future__ import annotations

import time

import pytest

from microlut.errors import RunFailed
from microlut.running.emulators.session import run_bulk

GREETING = "printf 'm-init-done\\r\\nm-ready\\r\\n'; "
OUTPUT = "printf 'm-output-07\\r\\n'; "
READY = "printf 'm-ready\\r\\n'; "
READ = "IFS= read -r -n 7 command || :; "


def _run(script: str, timeout_seconds: float = 5.0, on_output=lambda: None):
    return run_bulk(("/bin/bash", "-c", script), 2, timeout_seconds, on_output)


def test_run_bulk_returns_the_lines():
    lines = _run(GREETING + READ + OUTPUT * 2 + READY)
    assert lines == ("m-init-done", "m-ready", "m-output-07", "m-output-07", "m-ready")


def test_run_bulk_sends_the_command_after_the_greeting():
    lines = _run(GREETING + READ + 'echo "got $command"; ' + READY)
    assert lines[2] == "got bulk 2%"


def test_run_bulk_reports_every_output():
    seen = []
    _run(GREETING + READ + OUTPUT * 2 + READY, on_output=lambda: seen.append(1))
    assert len(seen) == 2


def test_run_bulk_stops_the_program_after_the_answer():
    start = time.monotonic()
    _run(GREETING + READ + READY + "exec sleep 20")
    assert time.monotonic() - start < 5


def test_run_bulk_waits_as_long_as_there_is_progress():
    script = GREETING + READ + ("sleep 0.3; " + OUTPUT) * 4 + READY
    assert len(_run(script, timeout_seconds=0.9)) == 7


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (GREETING + READ + "exec sleep 20", "bash: the console was silent for 0.5 s"),
        (GREETING + READ + "echo 'e-[No preloaded inputs]'; exec sleep 20", "reports: No preload"),
        (GREETING + READ + "echo 'm-fault-[exception 3 pc=0x10]'", "reports: exception 3 pc=0x10"),
        (GREETING + READ + OUTPUT, "ended before it had answered; last line: 'm-output-07'"),
        ("echo 'cannot load the image' >&2; exit 1", r"ended .* \(cannot load the image\)"),
        ("printf '\\nfatal: lockup\\n\\nR00=0 R01=0\\n' >&2", r"answered \(fatal: lockup\)$"),
        ("exit 1", "last line: 'none'|last line: none"),
    ],
    ids=["silence", "error", "fault", "early_end", "message", "long_message", "nothing"],
)
def test_run_bulk_refuses(script, message):
    with pytest.raises(RunFailed, match=message):
        _run(script, timeout_seconds=0.5)
