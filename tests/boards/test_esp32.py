"""The images of the ESP32-C3 and C6: esptool accepts them, and their instructions run correctly."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise

import numpy as np
import pytest
from esp32_machine import C3, C6, CODE_BUS, DATA_BUS, MPCCR, Machine, read_image
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

BOARD, C6_BOARD = "esp32-c3-devkitm-1", "esp32-c6-devkitc-1"
INPUT = np.array([1, 2, 3, -128, 127, 77], dtype=np.int8)


@pytest.fixture(params=[BOARD, C6_BOARD])
def machine(fake_image, request):
    """The chip with the fake model, after its greeting."""
    _, image = fake_image(request.param)
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


def test_image_of_the_c6_is_in_the_memory_that_its_rom_leaves(fake_image):
    board, image = fake_image(C6_BOARD)
    found, ram = read_image(image.bin), board.memory.ram
    assert (found.chip, read_image(fake_image(BOARD)[1].bin).chip) == (C6, C3)
    assert found.entry == ram.origin
    ends = [(address, address + len(content)) for address, content in sorted(found.segments)]
    assert ends[0][0] == ram.origin
    assert all(end <= start for (_, end), (start, _) in pairwise(ends))
    assert ends[-1][1] <= ram.end <= 0x4086_AD08  # _dram0_0_start of the ROM


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


@pytest.mark.parametrize("machine", [C6_BOARD], indirect=True)
def test_image_of_the_c6_runs_on_its_crystal_without_watchdogs(machine):
    registers = machine.registers
    watchdogs = {0x600B_1C00: (31, 12), 0x6000_8048: (31, 14), 0x6000_9048: (31, 14)}
    for address, bits in watchdogs.items():
        assert not any(registers[address] >> bit & 1 for bit in bits)
    assert registers[0x600B_1C1C] >> 18 & 1 == 1  # the super watchdog feeds itself
    assert registers[0x6009_6110] >> 16 & 3 == 0  # the crystal
    assert registers[0x6009_6118] & 0xFF == 0  # not divided
    assert load_board(C6_BOARD).clock_hz == 40_000_000
    assert machine.analog == []


@pytest.mark.parametrize("machine", [BOARD], indirect=True)
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


def test_image_sets_the_divider_of_the_console(machine):
    divider = machine.registers[0x6000_0014]
    sixteenths = 16 * (divider & 0xFFF) + (divider >> 20)
    assert 40_000_000 * 16 / sixteenths == pytest.approx(115_200, rel=1e-3)


@pytest.mark.parametrize("machine", [C6_BOARD], indirect=True)
def test_image_of_the_c6_sets_the_console_up(machine):
    registers = machine.registers
    assert registers[0x6009_6000] & 3 == 1  # UART0 has its clock and is not reset
    assert registers[0x6009_6004] >> 12 == 1 << 10 | 3 << 8  # enabled, crystal, divided by 1
    assert registers[0x6000_0088] >> 24 & 3 == 3
    assert registers[0x6000_0020] == 1 << 20 | 1 << 4 | 3 << 2
    assert registers[0x6000_0098] == 1  # taken over
    assert registers[0x6009_0044] >> 12 & 0x7 == 0  # U0TXD at GPIO16
    assert registers[0x6009_0048] >> 12 & 0x7 == 0  # U0RXD at GPIO17


@pytest.mark.parametrize("machine", [BOARD], indirect=True)
def test_image_sets_the_console_up(machine):
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
    step = {C3: 1, C6: 4}[machine.image.chip]  # 160 cycles
    assert [after - before for before, after in pairwise(laps[1:])] == [step] * 3


@pytest.mark.parametrize("board_id", [BOARD, C6_BOARD])
def test_image_of_digits_fits_and_is_exact(board_id, tmp_path):
    board = load_board(board_id)
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
