"""The parts of an ESP32-C3 or C6 that the firmware uses: the ROM's loader, the other end of UART0.

The instructions are executed by Unicorn. The C3's SRAM 1 is one memory at two addresses;
peripherals are plain registers, except UART0 and the core's performance counter.
"""

from __future__ import annotations

import ctypes
import re
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import unicorn
from unicorn import riscv_const as rv

C3, C6 = "ESP32-C3", "ESP32-C6"
DATA_BUS, CODE_BUS, SRAM_BYTES = 0x3FC8_0000, 0x4038_0000, 0x6_0000
BUSES = {C3: (DATA_BUS, CODE_BUS), C6: (0x4080_0000,)}
PERIPHERALS = (0x6000_0000, 0x6010_0000)
UART_FIFO, UART_STATUS = 0x6000_0000, 0x6000_001C
ROM_ANALOG_WRITE, ROM_ANALOG_WRITE_MASK = 0x4000_195C, 0x4000_1960
MPCER, MPCMR, MPCCR = 0x7E0, 0x7E1, 0x7E2
CYCLES_A_READ = 160  # the counter is read at least a microsecond later than before


@dataclass(frozen=True, slots=True)
class EspImage:
    """An image as esptool reads it: chip, entry point and segments (address, bytes)."""

    chip: str
    entry: int
    segments: tuple[tuple[int, bytes], ...]


def read_image(path: Path) -> EspImage:
    """Return the parts of an image that `esptool image-info` accepts."""
    done = subprocess.run(
        [sys.executable, "-m", "esptool", "image-info", path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    chip = re.search(r"Detected image type: (\S+)", done.stdout)
    assert re.search(r"Checksum: 0x\w+ \(valid\)", done.stdout)
    assert re.search(r"Validation hash: \w+ \(valid\)", done.stdout)
    entry = re.search(r"Entry point: (0x\w+)", done.stdout)
    rows = re.findall(r"^ +\d+ +(0x\w+) +(0x\w+) +(0x\w+) ", done.stdout, re.MULTILINE)
    content = path.read_bytes()
    segments = []
    for length, address, offset in ((int(n, 16) for n in row) for row in rows):
        start = offset + 8  # behind the segment's own header
        segments.append((address, content[start : start + length]))
    return EspImage(chip[1], int(entry[1], 16), tuple(segments))


@dataclass
class Machine:
    """The running chip; `analog` has the writes behind the analog bus, as the ROM gets them."""

    image: EspImage
    output: bytes = b""
    analog: list[tuple[int, ...]] = field(default_factory=list)
    csrs: dict[int, int] = field(default_factory=lambda: {MPCER: 0, MPCMR: 0, MPCCR: 0})

    def __post_init__(self):
        self.input: list[int] = []
        self.registers: dict[int, int] = {}
        self.sram = ctypes.create_string_buffer(b"\xa5" * SRAM_BYTES, SRAM_BYTES)
        self.core = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
        pointer = ctypes.addressof(self.sram)
        buses = BUSES[self.image.chip]
        for address in buses:
            self.core.mem_map_ptr(address, SRAM_BYTES, unicorn.UC_PROT_ALL, pointer)
        start, end = PERIPHERALS
        self.core.mmio_map(start, end - start, self._load, None, self._store, None)
        self.core.mem_map(0x4000_0000, 0x1_0000)
        self.core.mem_write(ROM_ANALOG_WRITE & ~3, b"\x67\x80\x00\x00" * 2)  # ret
        self.core.hook_add(unicorn.UC_HOOK_CODE, self._call_rom, begin=0x4000_0000, end=0x4000_FFFF)
        for address, content in self.image.segments:
            self.core.mem_write(address, content)
            if address >= buses[-1]:
                self._hook_counter(address, content)
        self.place = self.image.entry

    def run(self, request: bytes, until: bytes) -> bytes:
        """Send a request, let the core run until a text has come, and return all of its output."""
        self.input += request
        self.output, self.until = b"", until
        while until not in self.output:
            self.core.emu_start(self.place, 0xFFFF_FFFC)
            self.place = self.core.reg_read(rv.UC_RISCV_REG_PC)
        return self.output

    def _load(self, core, offset, size, _):
        address = PERIPHERALS[0] + offset
        if address == UART_STATUS:
            if not self.input and self.until in self.output:
                core.emu_stop()
            return min(len(self.input), 128)
        if address == UART_FIFO:
            return self.input.pop(0)
        return self.registers.get(address, 0xFFFF_FFFF)  # what needs to be cleared must be

    def _store(self, core, offset, size, value, _):
        assert size == 4
        address = PERIPHERALS[0] + offset
        if address == UART_FIFO:
            self.output += bytes([value])
        self.registers[address] = value

    def _call_rom(self, core, address, size, _):
        arguments = {ROM_ANALOG_WRITE: 4, ROM_ANALOG_WRITE_MASK: 6}[address]
        first = rv.UC_RISCV_REG_A0
        self.analog.append(tuple(core.reg_read(first + i) for i in range(arguments)))

    def _hook_counter(self, start: int, code: bytes) -> None:
        """Execute the instructions on the performance counter, which Unicorn does not know."""
        for offset in range(0, len(code) - 3, 2):
            (instruction,) = struct.unpack_from("<I", code, offset)
            if instruction & 0x7F == 0x73 and instruction >> 20 in self.csrs:
                place = start + offset
                self.core.hook_add(
                    unicorn.UC_HOOK_CODE, self._execute_csr, instruction, begin=place, end=place
                )

    def _execute_csr(self, core, address, size, instruction):
        csr, function = instruction >> 20, instruction >> 12 & 7
        source, target = (rv.UC_RISCV_REG_X0 + (instruction >> bit & 31) for bit in (15, 7))
        assert function in (1, 2)
        if function == 1:  # csrrw
            self.csrs[csr] = core.reg_read(source)
        if csr == MPCCR and self.csrs[MPCER] == self.csrs[MPCMR] == 1:
            self.csrs[csr] = (self.csrs[csr] + CYCLES_A_READ) % 2**32
        if target != rv.UC_RISCV_REG_X0:
            core.reg_write(target, self.csrs[csr])
        core.reg_write(rv.UC_RISCV_REG_PC, address + 4)
