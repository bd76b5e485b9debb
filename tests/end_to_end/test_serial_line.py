"""The digits example over a serial line: `run --pty` offers a board, `run --port` uses it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import microlut
from digits_example import CALIBRATION, MODEL, TEST, conversion
from microlut.machine.tools import ARM_GCC, HOST_CC, NEWLIB, QEMU, find_tool

PACKAGE_PARENT = Path(microlut.__file__).resolve().parents[1]
BOARDS = ["host", pytest.param("mps2-an386", marks=pytest.mark.qemu)]
SELDOM = ["host", pytest.param("mps2-an386", marks=[pytest.mark.qemu, pytest.mark.sweep])]


def command(*arguments: object) -> dict[str, object]:
    """Return how to start microlut in a process of its own."""
    return {
        "args": [sys.executable, "-m", "microlut", *map(str, arguments)],
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
        "env": {**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
    }


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(**command(*arguments), check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    for tool in (HOST_CC, ARM_GCC, NEWLIB, QEMU):
        if find_tool(tool) is None:
            pytest.skip(f"serial line not tested: {tool.name} is missing ({tool.apt_command})")
    folder = tmp_path_factory.mktemp("serial") / "digits"
    microlut.write(conversion(), folder)
    return folder


def _take_interrupts() -> None:
    """Undo what a shell's background job inherits: ignored interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def board_at_a_port(
    project: Path, board: str, *options: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        **command("run", project, "--board", board, "--pty", *options), preexec_fn=_take_interrupts
    ) as process:
        try:
            first = process.stdout.readline()
            assert first.startswith(f"{board} is at /dev/"), process.communicate()
            yield process, first.split(" is at ")[1].split(",")[0]
        finally:
            process.kill()


@pytest.mark.parametrize("board", BOARDS)
def test_samples_over_the_line_are_bit_exact(board, project, tmp_path):
    with board_at_a_port(project, board) as (process, port):
        files = ("--inputs", TEST, "--outputs", tmp_path / "y.npz")
        answer = call(
            *("run", project, "--board", board, "--port", port, *files, "--limit", 50, "--json")
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0
        rest = process.stdout.read()
        assert process.stderr.read() == ""
    found = json.loads(answer.stdout)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert (found["samples"], found["bit_exact"], found["board"]) == (50, True, board)
    assert found["top1"] > 90
    assert 0 <= found["latency_us_min"] <= found["latency_us"] <= found["latency_us_max"]
    assert found["instructions"] is None
    assert (tmp_path / "y.npz").is_file()
    assert f"--board {board} --port {port} --inputs FILE" in rest


@pytest.mark.parametrize("board", SELDOM)
def test_profile_has_a_time_for_every_kernel_call(board, project):
    with board_at_a_port(project, board, "--profile") as (_, port):
        arguments = ("--board", board, "--port", port, "--inputs", TEST, "--limit", 3)
        answer = call("run", project, *arguments, "--profile", "--json")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = json.loads(answer.stdout)
    profile = found["profile"]
    layers = json.loads((project / "report.json").read_text())["layers"]
    called = [layer["name"] for layer in layers if layer["kernel"] == layer["name"]]
    assert [layer["name"] for layer in profile["layers"]] == called
    total = sum(layer["microseconds"] for layer in profile["layers"]) + profile["outside"]
    assert profile["microseconds"] == total > 0
    # the calls' times end before the inference's does, but microseconds are cut off
    assert total <= found["latency_us_max"] + len(called)
    assert (found["bit_exact"], found["instructions"]) == (True, None)


def test_profile_of_firmware_that_times_nothing_says_what_to_flash(project):
    with board_at_a_port(project, "host") as (_, port):
        arguments = ("--board", "host", "--port", port, "--inputs", TEST, "--profile")
        answer = call("run", project, *arguments)
    assert answer.returncode == 8
    assert "times no layers; flash the one that does with: microlut flash" in answer.stderr
    assert answer.stderr.rstrip().endswith("--board host --profile")


@pytest.mark.parametrize("board", SELDOM)
def test_board_is_gone_if_microlut_is_killed(board, project):
    with board_at_a_port(project, board) as (process, port):
        line = os.open(port, os.O_RDONLY | os.O_NOCTTY)
        process.kill()
        # hangs up when nobody has the other side of the pseudo-terminal, thus not the emulator
        hangup = select.poll()
        hangup.register(line, 0)
        assert [event & select.POLLHUP for _, event in hangup.poll(60_000)] == [select.POLLHUP]
        os.close(line)


def test_other_model_on_the_board_is_refused(project, tmp_path):
    other = tmp_path / "other"
    microlut.write(microlut.convert(MODEL, CALIBRATION, name="other"), other)
    with board_at_a_port(project, "host") as (_, port):
        answer = call("run", other, "--board", "host", "--port", port, "--inputs", TEST)
    assert answer.returncode == 8
    assert "the board runs model digits and not other; flash it with: microlut" in answer.stderr


def test_wrong_output_is_told(project, tmp_path):
    tampered = tmp_path / "digits"
    microlut.write(conversion(3), tampered)
    with board_at_a_port(project, "host") as (_, port):
        arguments = ("--board", "host", "--port", port, "--inputs", TEST, "--limit", 20)
        answer = call("run", tampered, *arguments)
    assert answer.returncode == 1
    assert "first difference" in answer.stdout


def test_absent_port_is_one_line(project):
    answer = call("run", project, "--board", "host", "--port", "/dev/ttyNONE", "--inputs", TEST)
    assert answer.returncode == 9
    assert answer.stderr.startswith("microlut: /dev/ttyNONE: there is no such port; check the cab")
    assert answer.stderr.count("\n") == 1


def test_monitor_answers(project):
    with board_at_a_port(project, "host") as (_, port):
        answer = subprocess.run(
            **command("monitor", "--port", port), input="name%", check=False, timeout=120
        )
    assert answer.returncode == 0
    assert answer.stdout.splitlines() == ["name%", "m-name-dut-[microlut]", "m-ready"]
    assert f"{port} at 115200 baud" in answer.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --inputs, or --pty"),
        (("--pty", "--inputs", TEST), "--pty runs no inputs"),
        (("--pty", "--port", "/dev/x"), "--pty runs no inputs"),
    ],
    ids=["nothing", "pty_inputs", "pty_port"],
)
def test_options_that_do_not_go_together(options, message, project):
    answer = call("run", project, "--board", "host", *options)
    assert answer.returncode == 2
    assert message in answer.stderr
