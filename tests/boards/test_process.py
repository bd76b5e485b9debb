"""Emulator processes: they end when microlut ends, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import microlut
from microlut.running.emulators.process import started

PACKAGE_PARENT = Path(microlut.__file__).resolve().parents[1]
# Its emulator ignores the end of its input, as QEMU does, and has the standard output of the test.
PROGRAM = """
import sys
from microlut.running.emulators.process import started
command = ("/bin/sh", "-c", "echo here; exec sleep 600 >&2")
with started(command, sys.stdout) as process:
    print(process.stdout.readline().decode().strip(), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_emulator_ends_if_microlut_is_killed(number):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(PACKAGE_PARENT)},
        # a shell's background jobs ignore signals, which children inherit
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL) if number != 9 else None,
    ) as program:
        assert program.stdout.readline() == b"here\n"
        program.send_signal(number)
        assert program.wait(timeout=60) == -number
        # ends when the last process that has our pipe ends, which is the emulator
        assert program.communicate(timeout=60)[0] == b""


def test_emulator_ends_with_the_block():
    with tempfile.TemporaryFile() as messages:
        with started(("sleep", "600"), messages) as process:
            assert process.poll() is None
        assert process.returncode == -signal.SIGKILL


def test_emulator_ends_if_the_block_fails():
    with tempfile.TemporaryFile() as messages:
        with pytest.raises(KeyboardInterrupt), started(("sleep", "600"), messages) as process:
            raise KeyboardInterrupt
        assert process.returncode == -signal.SIGKILL
