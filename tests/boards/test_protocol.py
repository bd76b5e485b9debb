"""The console application's answers, on the host port."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from fake_images import fake_outputs

from microlut.running.protocol import load_commands, microseconds_of, results_of

Talk = Callable[..., list[str]]


@pytest.fixture
def talk(fake_image) -> Talk:
    """A function that sends commands and returns the lines after the greeting."""
    _, image = fake_image("host")

    def send(*commands: bytes) -> list[str]:
        answer = subprocess.run(
            [image.elf], input=b"".join(commands), capture_output=True, timeout=10, check=True
        ).stdout
        assert b"\n" not in answer.replace(b"\r\n", b"")
        lines = answer.decode().splitlines()
        return lines[lines.index("m-ready") + 1 :]

    return send


def test_start_greets(fake_image):
    _, image = fake_image("host")
    lines = subprocess.run([image.elf], input=b"", capture_output=True, check=True).stdout.split()
    assert lines[0] == b"m-timestamp-mode-performance"
    assert lines[1].startswith(b"m-lap-us-")
    assert lines[2:] == [b"m-init-done", b"m-ready"]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (b"name%", ["m-name-dut-[microlut]"]),
        (
            b"profile%",
            ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[fake01]"],
        ),
        (b"na\r\nme%", ["m-name-dut-[microlut]"]),
        (b"  name  %", ["m-name-dut-[microlut]"]),
        (b"nam%", ["e-[Unknown command: nam]"]),
        (b"%", ["e-[Unknown command: ]"]),
        (b"results%", ["e-[No results: no inference has run]"]),
        (b"output%", ["e-[No output: no inference has run]"]),
        (b"db%", ["e-[Command 'db' requires a subcommand]"]),
        (b"db load%", ["e-[Command 'db load' requires the # of bytes]"]),
        (b"db load 0%", ["e-[Command 'db load' must be >0 bytes]"]),
        (b"db load 4294967297%", ["e-[Command 'db load' must be >0 bytes]"]),
        (b"db load 7%", ["e-[Supplied buffer size exceeds maximum of 6]"]),
        (b"db load 6%", ["m-[Expecting 6 bytes]"]),
        (b"db print%", ["m-buffer-00-00-00-00-00-00"]),
        (b"db print 2 5%", ["m-buffer-00"]),
        (b"db print 2 7%", ["e-[Command 'db print' takes [N] [offset] inside the buffer]"]),
        (b"infer 0%", ["e-[Inference iterations must be >0]"]),
        (b"infer 1 x%", ["e-[Inference warmup must be >=0]"]),
        (b"bulk 1%", ["e-[No preloaded inputs]"]),
        (b"bulk%", ["e-[Command 'bulk' requires the # of inputs]"]),
        (b"x" * 257 + b"%", ["e-[Command is longer than 256 characters]"]),
    ],
)
def test_command_is_answered(talk, command, answer):
    assert talk(command) == [*answer, "m-ready"]


def test_command_after_a_too_long_one_works(talk):
    assert talk(b"x" * 5000 + b"%name%")[-2:] == ["m-name-dut-[microlut]", "m-ready"]


def test_db_loads_until_complete(talk):
    lines = talk(b"db load 6%", b"db 0102fF%", b"db 040506aabb%", b"db print%")
    assert lines[1:] == [
        *("m-ready", "m-ready", "m-load-done", "m-ready"),
        *("m-buffer-01-02-ff-04-05-06", "m-ready"),
    ]


@pytest.mark.parametrize(
    ("digits", "message"),
    [
        (b"012", "e-[Insufficent number of hex digits]"),
        (b"01zz", "e-[Invalid hex digit 'zz']"),
        (b"010g", "e-[Invalid hex digit '0g']"),
    ],
)
def test_db_refuses_wrong_digits(talk, digits, message):
    assert message in talk(b"db load 6%", b"db " + digits + b"%")


def test_infer_refuses_an_incomplete_input(talk):
    lines = talk(b"db load 6%", b"db 0102%", b"infer 1 0%")
    assert "e-[Input buffer has 2 bytes, expected 6]" in lines


def test_infer_answers_as_mlperf_expects(talk):
    lines = talk(b"infer 3 2%")
    assert [line for line in lines if not line.startswith("m-lap-us-")] == [
        *("m-warmup-start-2", "m-warmup-done", "m-infer-start-3", "m-infer-done"),
        *("m-results-[0.511719,0.511719,0.511719]", "m-ready"),
    ]
    start, end = microseconds_of(lines)
    assert start <= end
    assert lines.index("m-infer-start-3") + 3 == lines.index("m-infer-done")


def test_infer_gives_the_real_values_of_the_loaded_input(talk):
    values = np.array([1, 2, 3, -128, 127, 77], dtype=np.int8)
    outputs = np.array([-7, 12, -30], dtype=np.int8) ^ values[3:]
    lines = talk(*load_commands(values.tobytes(), bytes_per_command=4), b"infer 2 1%", b"results%")
    expected = (outputs.astype(float) + 128) / 256
    assert results_of(lines) == pytest.approx(expected, abs=0.5e-6)
    assert len([line for line in lines if line.startswith("m-results-")]) == 2


def test_output_gives_the_bytes_of_the_last_inference(talk):
    values = np.array([1, 2, 3, -128, 127, 77], dtype=np.int8)
    lines = talk(*load_commands(values.tobytes()), b"infer 1 0%", b"output%")
    assert lines[-2:] == [f"m-output-{fake_outputs(values[None]).tobytes().hex()}", "m-ready"]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"NOPE", "No preloaded inputs"),
        (b"MLUT\x02\0\0\0\x06\0\0\0\x01\0\0\0", "Preloaded inputs have another version"),
        (b"MLUT\x01\0\0\0\x07\0\0\0\x01\0\0\0", "Preloaded inputs are not of 6 bytes"),
        (b"MLUT\x01\0\0\0\x06\0\0\0\x00\0\0\0", "Only 0 inputs are preloaded"),
    ],
)
def test_bulk_checks_the_header(fake_image, tmp_path, header, message):
    _, image = fake_image("host")
    block = tmp_path / "block.bin"
    block.write_bytes(header.ljust(16, b"\0") + bytes(6))
    answer = subprocess.run(
        [image.elf, block], input=b"bulk 1%", capture_output=True, check=True
    ).stdout
    assert answer.endswith(f"e-[{message}]\r\nm-ready\r\n".encode())
