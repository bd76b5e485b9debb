"""The clock code of every STM32 board, on registers in memory, judged by the reference manuals.

What it writes is decoded here once more from the manuals' formulas and limits; what happens on
hardware that does not answer is simulated by ready bits that never come.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pytest

from microlut.board.board import Board, list_boards, load_board
from microlut.machine.tools import HOST_CC, find_tool
from microlut.support.resources import data_folder

Registers = dict[int, int]
MHZ = 1_000_000


def field(value: int, low: int, bits: int) -> int:
    return value >> low & (1 << bits) - 1


@dataclass(frozen=True)
class Setting:
    """What the registers mean, in Hz: source, PLL input and oscillator, buses; and wait states."""

    core: int
    pll_input: int
    oscillator: int
    buses: tuple[int, int]
    wait_states: int


def bus(hz: int, prescaler: int) -> int:
    return hz if prescaler < 4 else hz >> prescaler - 3


def f4(r: Registers, hse: int) -> Setting:
    assert field(r[0x40007000], 14, 1) == 1  # voltage scale 1 of the F405
    assert field(r[0x40023840], 28, 1) == 1  # the clock of PWR
    pll, cfgr = r[0x40023804], r[0x40023808]
    source = hse if field(pll, 22, 1) else 16 * MHZ
    pll_input = source // field(pll, 0, 6)
    oscillator = pll_input * field(pll, 6, 9)
    core = oscillator // (2 * field(pll, 16, 2) + 2)
    buses = bus(core, field(cfgr, 10, 3)), bus(core, field(cfgr, 13, 3))
    return Setting(core, pll_input, oscillator, buses, field(r[0x40023C00], 0, 4))


def f4_two_bits(r: Registers, hse: int) -> Setting:
    assert field(r[0x40007000], 14, 2) == 3  # voltage scale 1 of the others
    return f4(r, hse)


def f1(r: Registers, hse: int) -> Setting:
    cfgr = r[0x40021004]
    pll_input = hse if field(cfgr, 16, 1) else 4 * MHZ
    core = pll_input * (field(cfgr, 18, 4) + 2)
    buses = bus(core, field(cfgr, 8, 3)), bus(core, field(cfgr, 11, 3))
    return Setting(core, pll_input, core, buses, field(r.get(0x40022000, 0), 0, 3))


def g0(r: Registers, hse: int) -> Setting:
    pll = r[0x4002100C]
    assert (field(pll, 0, 2), field(pll, 28, 1)) == (2, 1)
    pll_input = 16 * MHZ // (field(pll, 4, 3) + 1)
    oscillator = pll_input * field(pll, 8, 7)
    core = oscillator // (field(pll, 29, 3) + 1)
    return Setting(core, pll_input, oscillator, (core, core), field(r[0x40022000], 0, 3))


def l4(r: Registers, hse: int) -> Setting:
    assert field(r[0x40007004], 9, 1) == 1  # port G has its supply
    return g4(r, hse)


def g4(r: Registers, hse: int) -> Setting:
    pll = r[0x4002100C]
    assert (field(pll, 0, 2), field(pll, 24, 1)) == (2, 1)
    assert field(r[0x40021008], 4, 4) == 0  # the AHB's divider is taken back
    assert field(r[0x40007080], 8, 1) == 0  # boosted
    pll_input = 16 * MHZ // (field(pll, 4, 4) + 1)
    oscillator = pll_input * field(pll, 8, 7)
    core = oscillator // (2 * field(pll, 25, 2) + 2)
    return Setting(core, pll_input, oscillator, (core, core), field(r[0x40022000], 0, 4))


def u5(r: Registers, hse: int) -> Setting:
    pll, divr = r[0x46020C28], r[0x46020C34]
    assert (field(pll, 0, 2), field(pll, 18, 1)) == (2, 1)
    assert field(r[0x46020C20], 0, 4) == 0
    assert field(r[0x4602080C], 16, 3) == 7  # range 1, boosted
    assert field(pll, 12, 4) == 0  # the booster gets 16 MHz, of 4 to 16 allowed
    assert r[0x40030400] == 1  # ICACHE
    pll_input = 16 * MHZ // (field(pll, 8, 4) + 1)
    assert field(pll, 2, 2) == (3 if pll_input > 8 * MHZ else 0)
    oscillator = pll_input * (field(divr, 0, 9) + 1)
    core = oscillator // (field(divr, 24, 7) + 1)
    return Setting(core, pll_input, oscillator, (core, core), field(r[0x40022000], 0, 4))


def h5(r: Registers, hse: int) -> Setting:
    pll, divr = r[0x44020C28], r[0x44020C34]
    assert (field(pll, 0, 2), field(pll, 16, 1)) == (1, 1)
    assert (field(pll, 2, 2), field(pll, 5, 1)) == (2, 0)  # input of 4 to 8 MHz, wide oscillator
    assert field(r[0x44020810], 4, 2) == 3  # voltage scale 0
    assert field(r[0x40022000], 4, 2) == 2  # programming delay above 168 MHz
    assert r[0x40030400] == 1  # ICACHE
    source = 64 * MHZ >> field(r[0x44020C00], 3, 2)
    pll_input = source // field(pll, 8, 6)
    oscillator = pll_input * (field(divr, 0, 9) + 1)
    core = oscillator // (field(divr, 9, 7) + 1)
    return Setting(core, pll_input, oscillator, (core, core), field(r[0x40022000], 0, 4))


def n6(r: Registers, hse: int) -> Setting:
    assert r[0x56028020] & (3 << 16 | 3 << 24) == 0  # HSI for the core and the buses
    assert r[0x56028024] & 0x77_F077 == 0  # no prescalers
    assert (r[0x56028A8C], r[0x56028AAC]) == (3 << 7, 1 << 4)  # clocks in sleep
    core = 64 * MHZ >> field(r[0x56028048], 7, 2)
    return Setting(core, core, core, (core, core), 0)


def h7(r: Registers, hse: int) -> Setting:
    select, divr = r[0x58024428], r[0x58024430]
    source = hse if field(select, 0, 2) == 2 else 64 * MHZ
    pll_input = source // field(select, 4, 6)
    assert field(r[0x5802442C], 1, 3) == (1 << 1)  # wide oscillator, input of 2 to 4 MHz
    oscillator = pll_input * (field(divr, 0, 9) + 1)
    core = oscillator // (field(divr, 9, 7) + 1)
    ahb = core // 2 if field(r[0x58024418], 0, 4) == 8 else core
    assert ahb <= 200 * MHZ
    buses = bus(ahb, field(r[0x5802441C], 4, 3)), bus(ahb, field(r[0x5802441C], 8, 3))
    assert field(r[0x52002000], 4, 2) == 2  # programming delay
    return Setting(core, pll_input, oscillator, buses, field(r[0x52002000], 0, 4))


@dataclass(frozen=True)
class Family:
    """Where the fake registers follow, what decodes them, and the manuals' limits in MHz.

    `ready` has rows (register, register of the request, its bits, bits of the answer).
    """

    decode: Callable[[Registers, int], Setting]
    control: int
    switch: int
    switch_bits: int
    switched_shift: int
    reset_mhz: int
    pll_input: tuple[int, int]
    oscillator: tuple[int, int]
    buses: tuple[int, int]
    mhz_per_wait_state: int
    ready: tuple[tuple[int, int, int, int], ...] = ()
    after_reset: str = ""

    def wait_states(self, core: int) -> int:
        return math.ceil(core / (self.mhz_per_wait_state * MHZ)) - 1


_F4 = (0x40023800, 0x40023808, 3, 2, 16, (1, 2), (100, 432))
_F1 = (0x40021000, 0x40021004, 3, 2, 8)
# Over-drive and its switch; the voltage scale is ready once the PLL is on.
_OVER_DRIVE = tuple((0x40007004, 0x40007000, 1 << bit, 1 << bit) for bit in (16, 17))
_SCALED = ((0x40007004, 0x40023800, 1 << 24, 1 << 14),)
FAMILIES = {
    "f4": Family(f4, *_F4, (42, 84), 30, _SCALED, "40007000=4000"),
    "f411": Family(f4_two_bits, *_F4, (50, 100), 30, _SCALED, "40007000=8000"),
    "f446": Family(f4_two_bits, *_F4, (45, 90), 30, (*_SCALED, *_OVER_DRIVE), "40007000=c000"),
    "f7": Family(f4_two_bits, *_F4, (54, 108), 30, (*_SCALED, *_OVER_DRIVE), "40007000=c000"),
    "f1": Family(f1, *_F1, (3, 25), (16, 72), (36, 72), 24),
    "f0": Family(f1, *_F1, (1, 24), (16, 48), (48, 48), 24),
    "g0": Family(g0, 0x40021000, 0x40021008, 7, 3, 16, (2, 16), (64, 344), (64, 64), 24),
    "l4": Family(
        *(l4, 0x40021000, 0x40021008, 3, 2, 4, (2, 16), (64, 344), (120, 120), 20),
        ((0x40021000, 0x40021000, 1 << 8, 1 << 10),),
        "40007080=100",
    ),
    "g4": Family(
        *(g4, 0x40021000, 0x40021008, 3, 2, 16, (3, 16), (96, 344), (170, 170), 34),
        ((0x40021000, 0x40021000, 1 << 8, 1 << 10),),
        "40007080=100",
    ),
    # 38 MHz for each wait state, and 5 for all above 190 (stm32h5xx_hal_rcc.c)
    "h5": Family(
        *(h5, 0x44020C00, 0x44020C1C, 3, 3, 64, (4, 8), (192, 836), (250, 250), 42),
        (
            (0x44020C00, 0x44020C00, 0, 1 << 5),
            (0x44020814, 0x44020810, 3 << 4, 1 << 3),
        ),
        "44020c00=2b",
    ),
    "u5": Family(
        *(u5, 0x46020C00, 0x46020C1C, 3, 2, 4, (4, 16), (128, 544), (160, 160), 32),
        (
            (0x46020C00, 0x46020C00, 1 << 8, 1 << 10),
            (0x4602080C, 0x4602080C, 3 << 16, 1 << 15),
            (0x4602080C, 0x4602080C, 1 << 18, 1 << 14),
        ),
    ),
    # from the PLL, all divided by 2, as a loader may leave it
    "n6": Family(
        *(n6, 0x56028000, 0x56028020, 0x0303_0000, 4, 64, (64, 64), (64, 64), (64, 64), 64),
        ((0x56028004, 0x56028000, 1 << 3, 1 << 3),),
        "56028020=33330000 56028024=101111 56028048=80",
    ),
    # wait states follow the AXI bus: 2 at 185 to 210 MHz
    "h7": Family(
        *(h7, 0x58024400, 0x58024410, 7, 3, 64, (2, 16), (192, 836), (100, 100), 140),
        (
            (0x58024804, 0x5802480C, 2, 1 << 13),
            (0x58024818, 0x58024818, 3 << 14, 1 << 13),
        ),
        "5802442c=01ff0000",
    ),
}
STM32 = [name for name in list_boards() if load_board(name).port.startswith("stm32/")]


@pytest.fixture(scope="module", params=STM32)
def machine(request, tmp_path_factory) -> tuple[Board, Family, Callable[[str], tuple]]:
    """A board, its family, and a function from what runs to the clocks and the registers."""
    compiler = find_tool(HOST_CC)
    if compiler is None:
        pytest.skip(f"clock code not tested: {HOST_CC.name} is missing ({HOST_CC.apt_command})")
    board = load_board(request.param)
    folder, firmware = tmp_path_factory.mktemp(board.id), data_folder("firmware")
    name = board.port.removeprefix("stm32/")
    family = FAMILIES[name]
    _write_headers(folder, board, family)
    ports = firmware / "port" / "stm32"
    includes = [folder, ports, ports / name, firmware / "startup"]
    program = folder / "clocks"
    subprocess.run(
        [
            *(compiler, "-std=c11", "-O1", "-Wall", "-Werror", "-include", folder / "fake.h"),
            *(f"-I{path}" for path in includes),
            *(Path(__file__).with_name("stm32_clocks_main.c"), ports / name / "clock.c"),
            *("-o", program),
        ],
        check=True,
    )

    def run(running: str) -> tuple[list[int], Registers]:
        answer = subprocess.run(
            [program, running, *family.after_reset.split()],
            capture_output=True,
            check=True,
            text=True,
        )
        first, *rest = answer.stdout.splitlines()
        pairs = (line.split() for line in rest)
        return [int(n) for n in first.split()[1:]], {int(a, 16): int(v, 16) for a, v in pairs}

    return board, family, run


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("stm32f4-discovery", 168 * MHZ),
        ("nucleo-f446re", 180 * MHZ),
        ("blackpill-f411ce", 100 * MHZ),
        ("stm32f746g-discovery", 216 * MHZ),
        ("nucleo-h743zi", 400 * MHZ),
        ("nucleo-h563zi", 250 * MHZ),
        ("nucleo-l4r5zi", 120 * MHZ),
        ("nucleo-g474re", 170 * MHZ),
        ("nucleo-n657x0", 64 * MHZ),
    ],
)
def test_clock_above_what_the_voltage_allows_is_an_error_of_the_build(name, allowed, tmp_path):
    compiler, board = find_tool(HOST_CC), load_board(name)
    if compiler is None:
        pytest.skip(f"clock code not tested: {HOST_CC.name} is missing ({HOST_CC.apt_command})")
    ports = data_folder("firmware") / "port" / "stm32"
    source = ports / board.port.removeprefix("stm32/") / "clock.c"
    includes = [tmp_path, ports, ports.parents[1] / "startup"]
    command = [compiler, "-fsyntax-only", *(f"-I{path}" for path in includes), source]
    for hz, refused in ((allowed, False), (allowed + 4 * MHZ, True)):
        changed = board.model_copy(update={"clock_hz": hz})
        _write_headers(tmp_path, changed, FAMILIES[source.parent.name])
        done = subprocess.run(command, capture_output=True, check=False, text=True)
        assert (done.returncode != 0) is refused, done.stderr
        assert not refused or re.search(
            r"error: #error .*(voltage scale|range|clock_hz)", done.stderr
        )


def _write_headers(folder: Path, board: Board, family: Family) -> None:
    template = jinja2.Template((data_folder("templates") / "board_config.h.j2").read_text())
    (folder / "board_config.h").write_text(template.render(board=board))
    rules = ", ".join("{" + ", ".join(map(str, rule)) + "}" for rule in family.ready)
    lines = [
        "#include <stdint.h>",
        "volatile uint32_t *fake_register(uint32_t address);",
        "#define STM32_REG(address) (*fake_register(address))",
        f"#define FAKE_RCC_CR {family.control:#x}u",
        f"#define FAKE_SWITCH {family.switch:#x}u",
        f"#define FAKE_SW {family.switch_bits}u",
        f"#define FAKE_SWS_SHIFT {family.switched_shift}u",
        f"#define FAKE_READY {rules}" if rules else "",
    ]
    (folder / "fake.h").write_text("\n".join(lines) + "\n")


def check(setting: Setting, family: Family, clocks: list[int]) -> None:
    assert clocks == [setting.core, *setting.buses, 1]
    assert family.pll_input[0] * MHZ <= setting.pll_input <= family.pll_input[1] * MHZ
    assert family.oscillator[0] * MHZ <= setting.oscillator <= family.oscillator[1] * MHZ
    assert all(hz <= most * MHZ for hz, most in zip(setting.buses, family.buses, strict=True))
    assert setting.wait_states == family.wait_states(setting.core)


def test_clocks_are_those_of_the_board_file(machine):
    board, family, run = machine
    clocks, registers = run("hps")
    check(family.decode(registers, board.oscillator and board.oscillator.hz), family, clocks)
    assert clocks[0] == board.clock_hz
    if board.oscillator is not None:
        started = registers[family.control]
        assert (field(started, 16, 2), field(started, 18, 1)) == (3, board.oscillator.bypass)


def test_clocks_without_the_oscillator_are_the_highest_of_the_internal_one(machine):
    board, family, run = machine
    clocks, registers = run("ps")
    check(family.decode(registers, 0), family, clocks)
    # half of the internal 8 MHz times 16 is all that the F103 can make
    assert clocks[0] == min(board.clock_hz, 64 * MHZ if family.decode is f1 else board.clock_hz)
    assert field(registers[family.control], 16, 1) == 0


@pytest.mark.parametrize("running", ["", "h", "hs"])
def test_clocks_without_the_pll_are_those_after_reset(machine, running):
    _, family, run = machine
    clocks, registers = run(running)
    assert clocks == [family.reset_mhz * MHZ] * 3 + [1]
    assert field(registers[family.switch], 0, 2) == 0
    assert field(registers.get(family.control, 0), 24, 1) == 0
