"""Random commands to the console application: all are answered, and faults are noticed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from microlut.machine.tools import HOST_CC, find_tool
from sweeps import in_sweeps

CHECKOUT = Path(__file__).resolve().parents[2]


def fuzzed(count: int, firmware: Path = CHECKOUT / "firmware") -> subprocess.CompletedProcess:
    if find_tool(HOST_CC) is None:
        pytest.skip(f"not tested: cc is missing ({HOST_CC.apt_command})")
    return subprocess.run(
        [sys.executable, str(CHECKOUT / "scripts" / "fuzz_console.py"), "--seconds", "1000",
         "--count", str(count), "--firmware", str(firmware)],
        capture_output=True, check=False, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("count", [3000, *in_sweeps(3_000_000)])
def test_random_commands_are_answered(count):
    done = fuzzed(count)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(f": {count} commands, ") == 2


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("file", "sound", "broken"),
    [
        ("app/console.c", "< COMMAND_BYTES", "< 2u * COMMAND_BYTES"),  # writes behind the buffer
        ("app/console.c", 'mlut_print("m-ready\\r\\n");\n}', "}"),  # does not answer
    ],
    ids=["overflow", "silent"],
)
def test_faults_of_the_console_are_noticed(file, sound, broken, tmp_path):
    shutil.copytree(CHECKOUT / "firmware", tmp_path / "firmware")
    source = tmp_path / "firmware" / file
    text = source.read_text()
    before, found, after = text.rpartition(sound)
    assert found
    source.write_text(before + broken + after)
    done = fuzzed(20_000, tmp_path / "firmware")
    assert done.returncode == 1
    assert (
        "AddressSanitizer" in done.stderr
        or "runtime error" in done.stderr
        or "no m-ready" in (done.stderr)
    )
