"""The ESP32-C3's image: esptool accepts it, and its instructions run correctly."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from esp32c3_machine import CODE_BUS, DATA_BUS, MPCCR, Machine, read_image
from fake_images import FAKE_MODEL, fake_outputs, require_tools

import microlut
from digits_example import conversion, samples
from graphs import output_of
from microlut.board.board import load_board
from microlut.board.schema import Region
from microlut.errors import DoesNotFit
from microlut.integer import evaluate as int_ops
from microlut.ops.tensor import quantize_array
from microlut.running.protocol import load_commands, results_of
from microlut.toolchain.build import build

BOARD = "esp32-c3-devkitm-1"
INPUT = np.array([1, 2, 3, -128, 127, 77], dtype=np.int8)


@pytest.fixture
def machine(fake_image):
    """The chip with the fake model, after its greeting."""
    _, image = fake_image(BOARD)
    chip = Machine(read_image(image.bin))
    assert chip.run(b"", b"m-ready\r\n").startswith(b"m-timestamp-mode-performance\r\n")
    return chip


def infer(chip: Machine, values: np.ndarray) -> tuple[float, ...]:
    """Return what the chip prints for an input."""
    chip.run(b"".join(load_commands(values.tobytes())), b"m-load-done\r\nm-ready")
    text = chip.run(b"infer 1 0%", b"]\r\nm-ready").decode()
    return results_of(text.splitlines())


def test_image_has_segments_in_both_views_of_one_memory(fake_image):
    board, image = fake_image(BOARD)
    found = read_image(image.bin)
    assert found.entry == board.memory.code_origin == CODE_BUS
    used = []
    for address, content in found.segments:
        start = address - (CODE_BUS if address >= CODE_BUS else DATA_BUS)
        used.append((start, start + len(content)))
    used.sort()
    assert [address >= CODE_BUS for address, _ in found.segments].count(True) == 1
    assert used[0][0] == 0
    assert all(end <= start for (_, end), (start, _) in pairwise(used))
    assert used[-1][1] <= image.ram_bytes <= board.memory.ram.size


def test_image_sizes_are_those_of_its_segments(fake_image):
    _, image = fake_image(BOARD)
    sections = dict(image.sections)
    loaded = sum(len(content) for _, content in read_image(image.bin).segments)
    assert image.flash_bytes == loaded
    assert image.ram_bytes == loaded + sections[".stack"] + sections[".bss"]
    assert image.hex is None


@pytest.mark.parametrize("ram_bytes", [7168, 4096], ids=["data_too_many", "code_too_long"])
def test_image_that_does_not_fit_tells_by_how_much(fake_image, tmp_path, ram_bytes):
    board, image = fake_image(BOARD)
    ram = Region(origin=board.memory.ram.origin, size=ram_bytes)
    small = board.model_copy(update={"memory": board.memory.model_copy(update={"ram": ram})})
    told = f"RAM {image.ram_bytes:,} of {ram_bytes:,} bytes ({image.ram_bytes - ram_bytes:,} too"
    with pytest.raises(DoesNotFit, match=re.escape(told)):
        build(FAKE_MODEL, "fake", small, tmp_path / "out")


def test_image_uses_only_registers_that_the_core_has(fake_image):
    board, image = fake_image(BOARD)
    code = subprocess.run(
        [f"{board.toolchain.prefix}objdump", "-d", "--no-show-raw-insn", image.elf],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    # the core has neither mie nor the standard counters: Technical Reference Manual, ESP-RISC-V CPU
    known = {"mstatus", "mtvec", "mepc", "mcause", "mtval", "pmpcfg0", "pmpaddr0", "pmpaddr1"}
    used = set(re.findall(r"\bcsr\w*\s+(?:[as-t]\d+,)?(\w+)", code))
    assert used == known | {"0x7e0", "0x7e1", "0x7e2"}


def test_image_runs_at_full_speed_without_watchdogs(machine):
    registers = machine.registers
    watchdogs = {0x6000_8090: (31, 12), 0x6001_F048: (31, 14), 0x6002_0048: (31, 14)}
    for address, bits in watchdogs.items():
        assert not any(registers[address] >> bit & 1 for bit in bits)
    assert registers[0x6000_80AC] >> 31 == 1  # the super watchdog feeds itself
    assert registers[0x600C_0008] & 0x7 == 0b101  # 480 MHz / 3
    assert registers[0x600C_0058] & 0xFFF == 1 << 10  # PLL, not divided
    assert registers[0x6000_8000] & (1 << 6 | 1 << 8 | 1 << 10) == 0
    assert machine.analog[:3] == [(0x66, 0, 4, 0x6B), (0x66, 0, 2, 0x50), (0x66, 0, 3, 8)]


def test_image_sets_the_console_up(machine):
    divider = machine.registers[0x6000_0014]
    sixteenths = 16 * (divider & 0xFFF) + (divider >> 20)
    assert 40_000_000 * 16 / sixteenths == pytest.approx(115_200, rel=1e-3)
    assert machine.registers[0x6000_0078] >> 20 & 0x3 == 3  # from the crystal
    assert machine.registers[0x6000_9058] >> 12 & 0x7 == 0  # U0TXD at GPIO21
    assert machine.registers[0x6000_9054] >> 12 & 0x7 == 0  # U0RXD at GPIO20


def test_image_infers(machine):
    expected = (fake_outputs(INPUT[None])[0].astype(float) + 128) / 256
    assert infer(machine, INPUT) == pytest.approx(expected, abs=0.5e-6)


def test_image_clock_goes_on_when_the_counter_wraps(machine):
    machine.csrs[MPCCR] = 2**32 - 400
    laps = []
    for _ in range(5):
        text = machine.run(b"timestamp%", b"m-ready")
        laps.append(int(re.search(rb"m-lap-us-(\d+)", text)[1]))
    assert [after - before for before, after in pairwise(laps[1:])] == [1, 1, 1]


def test_image_of_digits_fits_and_is_exact(tmp_path):
    board = load_board(BOARD)
    require_tools(board)
    project = microlut.write(conversion(), tmp_path / "out")
    image = microlut.build(project, board)
    assert image.ram_bytes < board.memory.ram.size
    graph = conversion().quantized
    inputs = quantize_array(samples().x[::150], graph.inputs[0].quantized)
    expected = int_ops.evaluate(graph, inputs).reshape(len(inputs), -1)
    assert len(np.unique(expected, axis=0)) > 1
    chip = Machine(read_image(image.bin))
    chip.run(b"", b"m-ready")
    output = output_of(graph)
    for values, wanted in zip(inputs, expected.astype(float), strict=True):
        found = np.array(infer(chip, values)) / output.scale + output.zero_point
        assert np.rint(found).tolist() == wanted.tolist()
