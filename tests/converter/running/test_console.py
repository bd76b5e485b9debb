"""The console protocol's parser."""

from __future__ import annotations

import numpy as np
import pytest

from microlut.errors import RunFailed
from microlut.running.protocol import (
    BLOCK_HEADER_BYTES,
    failure_of,
    input_block,
    load_commands,
    microseconds_of,
    outputs_of,
    results_of,
)


def test_input_block_is_header_and_inputs():
    inputs = np.array([[1, -1, 2], [3, 4, -128]], dtype=np.int8)
    block = input_block(inputs)
    assert block == b"MLUT\x01\0\0\0\x03\0\0\0\x02\0\0\0\x01\xff\x02\x03\x04\x80"


def test_input_block_header_has_the_stated_size():
    assert len(input_block(np.zeros((2, 5), dtype=np.int8))) == BLOCK_HEADER_BYTES + 10


def test_input_block_takes_any_memory_order():
    inputs = np.arange(6, dtype=np.int8).reshape(2, 3)
    assert input_block(np.asfortranarray(inputs)) == input_block(inputs)


def test_outputs_of_reads_signed_bytes():
    lines = ["m-ready", "m-output-00ff7f", "m-output-8001fe", "m-ready"]
    assert outputs_of(lines, 2, 3).tolist() == [[0, -1, 127], [-128, 1, -2]]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["m-output-00"], "printed 1 outputs for 2 inputs"),
        (["m-output-00", "m-output-0"], "'m-output-0' is not hexadecimal"),
        (["m-output-00", "m-output-0001"], "has 2 bytes and the model 1 outputs"),
        (["m-output-00", "e-[Only 1 inputs are preloaded]"], "Only 1 inputs are preloaded"),
        (["m-fault-[exception 3 pc=0x00000010]"], "exception 3 pc=0x00000010"),
    ],
)
def test_outputs_of_refuses(lines, message):
    with pytest.raises(RunFailed, match=message):
        outputs_of(lines, 2, 1)


@pytest.mark.parametrize("line", ["m-ready", "m-[Expecting 6 bytes]", "e-[cut", "name-[x]", ""])
def test_failure_of_ignores_other_lines(line):
    assert failure_of(line) is None


def test_load_commands_cover_the_input():
    values = bytes(range(256)) * 3
    first, *rest = load_commands(values)
    digits = "".join(command.decode().removeprefix("db ").removesuffix("%") for command in rest)
    assert first == b"db load 768%"
    assert bytes.fromhex(digits) == values
    assert max(len(command) for command in rest) <= 80  # the reference device's command buffer


def test_results_of_takes_the_last_line():
    assert results_of(["m-results-[1.0]", "m-results-[2.0,3.0]", "m-ready"]) == (2.0, 3.0)


@pytest.mark.parametrize("lines", [[], ["m-results-[1.0,]"], ["m-results-[a]"]])
def test_results_of_refuses(lines):
    with pytest.raises(RunFailed, match="console: "):
        results_of(lines)


def test_microseconds_of_keeps_the_order():
    assert microseconds_of(["m-lap-us-7", "m-ready", "m-lap-us-3", "m-lap-us-x"]) == (7, 3)
