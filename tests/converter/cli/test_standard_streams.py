"""Standard streams that are closed, full, or read by a program that has gone."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import microlut
from digits_example import CALIBRATION, MODEL, TEST, conversion
from microlut import cli
from microlut.cli import machine, terminal
from sweeps import in_sweeps

PACKAGE_PARENT = Path(microlut.__file__).resolve().parents[1]
CLOSED = "microlut: standard output is closed; redirect it, for example to /dev/null\n"
FULL = "microlut: standard output: No space left on device\n"


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command in which $M is the command line."""
    known = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    known |= {"PYTHONPATH": str(PACKAGE_PARENT), "M": f"{sys.executable} -m microlut"}
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env=known | environment,
        stdin=subprocess.DEVNULL,
    )


COMMANDS = {
    "version": "--version",
    "help": "--help",
    "boards": "boards",
    "a board": "boards host",
    "much JSON": "boards --json",
    "help of a verb": "fit --help",
    "a model": f"fit {MODEL} --json",
}


@pytest.mark.parametrize(
    ("command", "unbuffered"),
    [
        *((command, "1" if i % 2 else "") for i, command in enumerate(COMMANDS)),
        *in_sweeps(*((command, "" if i % 2 else "1") for i, command in enumerate(COMMANDS))),
    ],
)
def test_full_output_is_told(command, unbuffered):
    done = shell(f"$M {COMMANDS[command]} >/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (2, FULL)


@pytest.mark.parametrize("command", COMMANDS)
def test_closed_output_is_told(command):
    done = shell(f"$M {COMMANDS[command]} >&-")
    assert (done.returncode, done.stderr) == (2, CLOSED)


@pytest.mark.parametrize("command", COMMANDS)
def test_reader_that_has_gone_is_no_error(command):
    done = shell(f"$M {COMMANDS[command]} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (0, "")


# Every verb, with the exit code that it has on a machine without boards.
VERBS = {
    "demo": (0, "demo --output {new}"),
    "init": (0, "init {model} --input-range 0 16 --board host --output {new}.toml"),
    "analyze": (0, "analyze {model}"),
    "convert": (0, "convert {model} --input-range 0 1 -o {new}"),
    "tune": (2, "tune {model} -o {new}"),
    "search": (0, "search {model} --calibration {calibration} -o {new}.png"),
    "fit": (0, "fit {model}"),
    "build": (0, "build {project} --board host"),
    "run": (0, "run {project} --board host --inputs {inputs}"),
    "verify": (0, "verify {project} --board host --inputs {inputs}"),
    "compare": (0, "compare {project} --model {model} --inputs {inputs}"),
    "report": (0, "report {project} --output {new}.md"),
    "deploy": (0, "deploy {model} --board host --input-range 0 16 --inputs {inputs} -o {new}"),
    "export": (0, "export {project} --to zip -o {new}"),
    "flash": (9, "flash {project} --board frdm-k64f"),
    "monitor": (9, "monitor --port {new}"),
    "boards": (0, "boards"),
    "doctor": (0, "doctor"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return microlut.write(conversion(), tmp_path_factory.mktemp("verbs") / "digits").path


def test_every_verb_is_in_the_table():
    assert [*VERBS] == [*cli.VERBS]


@pytest.mark.parametrize("verb", ["boards", "flash", *in_sweeps(*VERBS)])
def test_lost_streams_end_every_verb_with_its_code(verb, project, tmp_path):
    expected, words = VERBS[verb]

    def run(where: str, name: str) -> tuple[int, str, str]:
        facts = {"model": MODEL, "project": project, "new": tmp_path / name}
        facts |= {"inputs": TEST, "calibration": CALIBRATION}
        done = shell(f"$M {words.format(**facts)} {where}; exit ${{PIPESTATUS[0]}}")
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    code, _, told = run(">/dev/null", "usual")
    assert code == expected, told
    assert run(">&-", "closed") == (2, "", CLOSED)
    code, _, told = run("--json >/dev/full", "full")
    assert (code, told.endswith(FULL)) == (expected or 2, True), told
    code, _, told = run("--json | true", "gone")
    assert code == expected, told
    code, _, _ = run("2>/dev/full >/dev/null <&-", "unheard")
    assert code == expected


def test_closed_output_is_told_before_anything_is_done(tmp_path):
    done = shell(f"$M convert {MODEL} --input-range 0 1 -o {tmp_path}/out >&-")
    assert (done.returncode, done.stderr) == (2, CLOSED)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", [">/dev/full", "| true"])
def test_exit_code_is_that_of_the_verb(where):
    command = f"$M convert none.keras --input-range 0 1 -o out --json {where}"
    done = shell(f"{command}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 2
    assert done.stderr.startswith("microlut: none.keras: no such file")
    command = f"$M boards none --json {where}"
    done = shell(f"{command}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_error_that_nobody_can_read_keeps_its_exit_code(where):
    done = shell(f"$M boards none {where}")
    assert (done.returncode, done.stdout) == (4, "")
    done = shell(f"$M boards none --json {where}")
    assert (done.returncode, json.loads(done.stdout)["exit_code"]) == (4, 4)


def test_all_streams_may_be_closed():
    done = shell("$M boards host >&- 2>&- <&-")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_standard_input_may_be_closed():
    done = shell("$M boards host --json <&-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["boards"][0]["id"] == "host"


def test_file_opened_after_a_closed_stream_does_not_take_its_place():
    program = (
        "from microlut.cli.terminal import standard_streams\n"
        "import os, sys\n"
        "with standard_streams():\n"
        "    number = os.open('/dev/null', os.O_RDONLY)\n"
        "    print(number > 2, file=sys.__stdout__)\n"
    )
    done = shell(f'{sys.executable} -c "$PROGRAM" <&- 2>&-', PROGRAM=program)
    assert done.stdout == "True\n"


def test_characters_that_the_terminal_lacks_are_escaped(tmp_path):
    name = os.fsdecode("größe".encode() + b"\xff")
    file = tmp_path / f"{name}.keras"
    file.write_bytes(MODEL.read_bytes())
    out = tmp_path / f"{name}.out"
    command = f"$M convert '{file}' --input-range 0 1 -o '{out}'"
    done = shell(command, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"gr\xf6\xdfe\udcff.out: model.h" in done.stdout
    report = json.loads((out / "report.json").read_text())
    assert report["source"] == "größe_.keras"


def test_broken_pipe_of_another_file_is_no_success(monkeypatch, capsys):
    def verb() -> None:
        raise BrokenPipeError(32, "Broken pipe", "/dev/ttyACM0")

    monkeypatch.setattr(machine, "boards", verb)
    monkeypatch.setattr(sys, "argv", ["microlut", "boards"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert (stop.value.code, capsys.readouterr().err) == (
        *(2, "microlut: /dev/ttyACM0: Broken pipe\n"),
    )


def test_output_is_restored(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    with terminal.standard_streams():
        assert sys.stdout is not stream
    assert sys.stdout is stream
