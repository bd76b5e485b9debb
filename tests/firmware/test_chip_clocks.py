"""The clock code of the Nordic, NXP and Raspberry Pi boards, on registers in memory.

What it writes is decoded here once more from the manuals' formulas and limits; hardware that does
not answer is simulated by ready bits that never come.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from microlut.board.board import load_board
from microlut.machine.tools import HOST_CC, find_tool
from microlut.support.resources import data_folder

Run = Callable[[str], tuple[list[int], dict[int, int]]]
MHZ = 1_000_000
MAIN = Path(__file__).with_name("chip_clocks_main.c")

# board: chip in chip_clocks_main.c, macro that reads registers, header, start, words after reset
CHIPS = {
    "nrf52840-dk": (
        *("nrf52840", "NRF_REG(address) (*(volatile uint32_t *)fake_register(address))"),
        *("nrf.h", "(unsigned long)nrf_start_clocks()", "10001208=5a"),
    ),
    "nrf54l15-dk": (
        *("nrf54l", "NRF_REG(address) (*(volatile uint32_t *)fake_register(address))"),
        *("nrf.h", "(unsigned long)nrf_start_clocks()"),
        # two trims; the debug signals are protected, one of them locked
        "ffc400=50120440 ffc404=77 ffc408=50121000 ffc40c=99 ffc410=ffffffff 500dc500=10 "
        "500dc508=10 500dc510=10 500dc518=10 500dc700=2",
    ),
    "frdm-k64f": (
        *("k64", "K64_REG(type, address) (*(volatile type *)fake_register(address))"),
        *("mk64f12.h", "k64_start_clocks().core_hz"),
        "40064000=00008004 40064004=00100000 40048044=00110000 40052000=01d3",
    ),
    "raspberry-pi-pico": (
        *("rp2040", "RP_REG(address) (*(volatile uint32_t *)fake_register(address))"),
        *("rp2.h", "rp2_start_clocks()", "4000c000=01ffffff 40028004=2d 40028000=1"),
    ),
    "raspberry-pi-pico2": (
        *("rp2350", "RP_REG(address) (*(volatile uint32_t *)fake_register(address))"),
        *("rp2.h", "rp2_start_clocks()", "40020000=1fffffff 40050004=2d 40050000=1"),
    ),
}
CHIPS["microbit-v2"] = CHIPS["nano33ble"] = CHIPS["xiao-nrf52840"] = CHIPS["nrf52840-dk"]
NRF52 = ("nrf52840-dk", "microbit-v2", "nano33ble", "xiao-nrf52840")
# bases of clocks, crystal oscillator and PLL
RP2 = {
    "raspberry-pi-pico": (0x40008000, 0x40024000, 0x40028000),
    "raspberry-pi-pico2": (0x40010000, 0x40048000, 0x40050000),
}


@pytest.fixture(scope="module")
def run_of(tmp_path_factory) -> Callable[[str], Run]:
    """A function from a board to one from what runs to the frequencies and the registers."""
    compiler = find_tool(HOST_CC)
    if compiler is None:
        pytest.skip(f"clock code not tested: {HOST_CC.name} is missing ({HOST_CC.apt_command})")
    template = jinja2.Template((data_folder("templates") / "board_config.h.j2").read_text())

    def compile_for(board_id: str) -> Run:
        board, folder = load_board(board_id), tmp_path_factory.mktemp(board_id)
        chip, registers, header, start, after_reset = CHIPS[board_id]
        port = data_folder("firmware") / "port" / board.port
        source = next(f for f in (port / "clock.c", port.parent / "clock.c") if f.is_file())
        (folder / "board_config.h").write_text(template.render(board=board))
        (folder / "fake.h").write_text(
            f"#include <stdint.h>\nvolatile void *fake_register(uint32_t address);\n"
            f'#define {registers}\n#include "{header}"\n'
            f"#define FAKE_START {start}\n#define FAKE_FOLLOW follow_{chip}\n"
        )
        program = folder / "clocks"
        subprocess.run(
            [
                *(compiler, "-std=c11", "-O1", "-Wall", "-Werror", f"-I{folder}", f"-I{port}"),
                *(f"-I{port.parent}", "-include", folder / "fake.h", MAIN, source, "-o", program),
            ],
            check=True,
        )

        def run(running: str) -> tuple[list[int], dict[int, int]]:
            command = [program, running, *after_reset.split()]
            said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            first, *rest = said.splitlines()
            pairs = (line.split() for line in rest)
            return [int(n) for n in first.split()], {int(a, 16): int(v, 16) for a, v in pairs}

        return run

    built: dict[str, Run] = {}

    def run_for(board_id: str) -> Run:
        if board_id not in built:
            built[board_id] = compile_for(board_id)
        return built[board_id]

    return run_for


def field(value: int, low: int, bits: int) -> int:
    return value >> low & (1 << bits) - 1


@pytest.mark.parametrize(("running", "crystal"), [("x", 1), ("", 0)])
@pytest.mark.parametrize("board", NRF52)
def test_nrf52_starts_crystal_and_cache_and_keeps_the_debugger(run_of, board, running, crystal):
    started, registers = run_of(board)(running)
    assert started == [crystal] * 2
    assert registers[0x40000000] == 1
    assert field(registers[0x4001E540], 0, 1) == 1
    assert registers[0x40000558] == 0x5A


@pytest.mark.parametrize(("running", "crystal"), [("x", 1), ("", 0)])
def test_nrf54l_is_trimmed_runs_at_128_mhz_and_keeps_the_debugger(run_of, running, crystal):
    started, registers = run_of("nrf54l15-dk")(running)
    assert load_board("nrf54l15-dk").clock_hz == 128 * MHZ
    assert started == [crystal] * 2
    assert (registers[0x50120800], registers[0x5010E000], registers[0xE0082404]) == (1, 1, 1)
    assert (registers[0x50120440], registers[0x50121000]) == (0x77, 0x99)
    assert registers[0x5005340C] == 1  # erratum 37
    assert [registers[0x500DC500 + 8 * n] for n in range(4)] == [0x50FA0001] * 4
    assert registers[0x500DC700] == 2  # locked: left alone


def test_k64_runs_at_the_clock_of_the_board_file(run_of):
    board = load_board("frdm-k64f")
    hertz, registers = run_of("frdm-k64f")("xp")
    c1, c5, c6 = registers[0x40064000], registers[0x40064004], registers[0x40064004] >> 8
    c2 = registers[0x40064000] >> 8
    assert hertz == [board.clock_hz] * 2
    assert (field(c1, 6, 2), field(c1, 2, 1), field(c6, 6, 1)) == (0, 0, 1)  # PEE
    assert (field(c2, 4, 2) >= 1, field(c2, 2, 1), field(c2, 1, 1)) == (True, 0, 0)
    assert field(c2, 7, 1) == 1  # LOCRE0, as after reset
    fll_input = board.oscillator.hz / {6: 1280, 7: 1536}[field(c1, 3, 3)]
    assert 31_250 <= fll_input <= 39_062.5
    pll_input = board.oscillator.hz // (field(c5, 0, 5) + 1)
    assert 2 * MHZ <= pll_input <= 4 * MHZ
    output = pll_input * (field(c6, 0, 5) + 24)
    dividers = [field(registers[0x40048044], low, 4) + 1 for low in (28, 24, 20, 16)]
    core, bus, flexbus, flash = (output // divider for divider in dividers)
    assert core == board.clock_hz
    assert bus <= 60 * MHZ
    assert flexbus <= 50 * MHZ
    assert flash <= 25 * MHZ


@pytest.mark.parametrize("running", ["", "x", "p"])
def test_k64_without_clock_or_pll_is_as_after_reset(run_of, running):
    hertz, registers = run_of("frdm-k64f")(running)
    assert hertz == [640 * 32_768] * 2
    assert registers[0x40064000] & 0xFF == 4
    assert registers[0x40064004] >> 8 & 0xFF == 0
    assert registers[0x40048044] == 0x00110000


@pytest.mark.parametrize("running", ["", "xp"])
def test_k64_watchdog_is_unlocked_and_off(run_of, running):
    _, registers = run_of("frdm-k64f")(running)
    assert registers[0x4005200C] >> 16 == 0xD928  # the second key
    assert registers[0x40052000] & 0xFFFF == 0x01D2


@pytest.mark.parametrize("board_id", RP2)
def test_rp2_runs_at_the_clock_of_the_board_file(run_of, board_id):
    board, (clocks, crystal, pll) = load_board(board_id), RP2[board_id]
    hertz, registers = run_of(board_id)("xp")
    assert hertz == [board.clock_hz] * 2
    reference = board.oscillator.hz // field(registers[pll], 0, 6)
    vco = reference * field(registers[pll + 0x08], 0, 12)
    assert 750 * MHZ <= vco <= 1600 * MHZ
    assert 16 <= vco // reference <= 320
    post = field(registers[pll + 0x0C], 16, 3), field(registers[pll + 0x0C], 12, 3)
    assert post[0] >= post[1] >= 1
    assert vco // (post[0] * post[1]) == board.clock_hz
    assert registers[pll + 0x04] & 0x29 == 0  # PLL, VCO and post dividers have power
    assert (registers[clocks + 0x3C], registers[clocks + 0x30]) == (1, 2)
    assert registers[clocks + 0x48] == 1 << 11
    assert registers[crystal + 0x0C] * 256 >= board.oscillator.hz // 1000  # a millisecond


def test_rp2040_ticks_each_microsecond(run_of):
    _, registers = run_of("raspberry-pi-pico")("xp")
    assert registers[0x4005802C] == 1 << 9 | 12


@pytest.mark.parametrize(("running", "hz"), [("x", 12 * MHZ), ("", None), ("p", None)])
@pytest.mark.parametrize(("board_id", "ring"), zip(RP2, (6_500_000, 11 * MHZ), strict=True))
def test_rp2_without_pll_or_crystal_runs_on_what_is_left(run_of, board_id, ring, running, hz):
    hertz, registers = run_of(board_id)(running)
    clocks, _, _ = RP2[board_id]
    assert hertz == [hz or ring] * 2
    assert registers.get(clocks + 0x3C, 0) & 1 == 0
    assert registers[clocks + 0x48] == 1 << 11  # the UART has its clock in any case
