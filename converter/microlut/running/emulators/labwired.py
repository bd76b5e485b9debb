"""Run an image in LabWired, a simulator that is a Python package.

Inputs go over the console, as on a real board. LabWired counts no instructions, and its time is not
the board's. Not all that it simulates is right: a few instructions that the firmware needs are
tried before.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from microlut.board.board import Board
from microlut.errors import InvalidBoard, InvalidInput, RunFailed
from microlut.machine.tools import LABWIRED, require_tool
from microlut.running.device import Device, run_inputs
from microlut.running.emulators.session import WHY_SILENT, OnOutput
from microlut.running.emulators.task import Task
from microlut.running.protocol import READY, RunResult
from microlut.support.files import plain_folder
from microlut.support.resources import data_folder

_SLICE = "100us"  # of virtual time; a second of the wall clock is some tens of milliseconds

# What boards/labwired/*.yaml name for a ROM, all of whose functions return at once.
_ROM_VARIABLE = "MICROLUT_LABWIRED_ROM"
_ROM = b"\x82\x80" * 0x3_0000  # c.jr ra

_TILE = "mlut_v6m_tile"  # the only function of the engine for Armv6-M with ADD PC
_ADD_PC_CODE, _ADD_PC_MASK = 0x4487, 0xFF87
_NOPS = (0x46C0, 0xBF00)
_EXCHANGED = "a copy of the image with ADD PC and the NOP behind it exchanged, for an error of"

_PC = 15
_XPSR = 16
_THUMB = 1 << 24


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of Thumb, and what it does.

    Attributes:
        name: What messages call it.
        code: Its bytes.
        given: Values of registers before it, by number.
        register: The register with its result.
        result: That register's value; for PC, from the instruction on.
        v6m: Whether Cortex-M0 and M0+ have it.
    """

    name: str
    code: bytes
    given: dict[int, int]
    register: int
    result: int
    v6m: bool


_ADD_PC = Instruction("ADD PC, R0", b"\x87\x44", {0: 4}, _PC, 8, v6m=True)
INSTRUCTIONS = (
    _ADD_PC,
    Instruction("SSAT R0, #8, R1", b"\x01\xf3\x07\x00", {1: 1000}, 0, 127, v6m=False),
)


def run(task: Task, on_output: OnOutput) -> RunResult:
    """Run every input of the task, one after the other; instructions are not counted."""
    if task.caller is not None or task.blocks is not None:
        raise InvalidInput(
            f"{task.board.id}: LabWired does not count call by call; use QEMU (--emulator qemu) "
            "and a board that it has"
        )
    require_tool(LABWIRED)
    package = importlib.import_module(LABWIRED.module)
    with plain_folder() as folder, _rom(folder):
        system = _system(folder, task.board, Path(str(package.__file__)).parent)
        elf, note = task.elf, ""
        if _jumps_short(package, system, task):
            elf, note = _exchanged(elf, folder), f"{_EXCHANGED} LabWired {_version()}"
        emulator = task.board.emulators.labwired
        assert emulator is not None
        with package.Sim(elf, system=system, uart=emulator.uart) as simulation:
            console = _Console(simulation)
            console.wait(task.timeout_seconds)
            device = Device(console, task.timeout_seconds)
            done = run_inputs(device, task.inputs, task.output_bytes, on_output)
            return RunResult(done.outputs, None, simulation.uart_transcript(), note=note)


class _Console:
    """The console of a simulated board, as a port. Its time passes only while somebody reads."""

    name = "labwired"

    def __init__(self, simulation: Any) -> None:  # noqa: ANN401 (a package without types)
        self._simulation = simulation

    def read(self, seconds: float) -> bytes:
        """Return what the board prints next; nothing after so many seconds of the wall clock."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self._simulation.run_for(_SLICE)
            except RuntimeError as error:
                raise RunFailed(f"{self.name}: {error}") from error
            found = bytes(self._simulation.read_uart_bytes())
            if found:
                return found
        return b""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._simulation.send_bytes(data)

    def wait(self, seconds: float) -> None:
        """Let the board start.

        Raises:
            RunFailed: It left its memory, or was silent for so many seconds.
        """
        text = b""
        while READY.encode() not in text:
            piece = self.read(seconds)
            if not piece:
                raise RunFailed(
                    f"{self.name}: the console was silent for {seconds:g} s; {WHY_SILENT}"
                )
            text += piece


@contextmanager
def _rom(folder: Path) -> Iterator[None]:
    """Put a ROM where the simulated chips take theirs from, within the block."""
    before = os.environ.get(_ROM_VARIABLE)
    (folder / "rom.bin").write_bytes(_ROM)
    os.environ[_ROM_VARIABLE] = str(folder / "rom.bin")
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ROM_VARIABLE]
        else:
            os.environ[_ROM_VARIABLE] = before


def _system(folder: Path, board: Board, package: Path) -> Path:
    """Write the description of a board's machine: a chip of ours, or else one of LabWired's."""
    emulator = board.emulators.labwired
    assert emulator is not None
    name = f"{emulator.chip}.yaml"
    places = (data_folder("boards") / "labwired" / name, package / "configs" / "chips" / name)
    chip = next((place for place in places if place.is_file()), None)
    if chip is None:
        raise InvalidBoard(
            f"{board.id}: emulators.labwired.chip: found {emulator.chip!r}; this LabWired has no "
            "such chip"
        )
    system = folder / "system.yaml"
    lines = (f"name: {json.dumps(board.id)}", f"chip: {json.dumps(str(chip))}")
    system.write_text("\n".join((*lines, "external_devices: []", "")), encoding="utf-8")
    return system


def _jumps_short(package: Any, system: Path, task: Task) -> bool:  # noqa: ANN401 (without types)
    """Return whether ADD PC goes two bytes less far than it should, as in version 0.25.

    Raises:
        InvalidBoard: This LabWired executes instructions wrongly otherwise that the board needs.
    """
    board = task.board
    if not board.core.value.startswith("cortex-m"):
        return False
    assert board.memory is not None
    is_v6m = board.core.value in ("cortex-m0", "cortex-m0plus")
    machine = package.Machine(str(task.elf), str(system))
    place = board.memory.ram.origin + 0x100
    off = {
        instruction.name: _off(machine, instruction, place)
        for instruction in INSTRUCTIONS
        if instruction.v6m or not is_v6m
    }
    wrong = [name for name, difference in off.items() if difference != 0]
    if is_v6m and off == {_ADD_PC.name: -2}:
        return True
    if wrong:
        raise InvalidBoard(
            f"{board.id}: LabWired {_version()} does not execute {' and '.join(wrong)} as the core "
            "does, which the firmware needs; use another emulator that `microlut boards` names, or "
            "a newer LabWired"
        )
    return False


def _off(machine: Any, instruction: Instruction, place: int) -> int | None:  # noqa: ANN401
    """Return what a result is more than it should be, at an address of RAM; None without one."""
    machine.write_memory(place, list(instruction.code))
    for register, value in instruction.given.items():
        machine.write_register(register, value)
    machine.write_register(_XPSR, _THUMB)
    machine.write_register(_PC, place)
    try:
        machine.step(1)
    except RuntimeError:  # it knows no such instruction
        return None
    found: int = machine.read_register(instruction.register)
    return found - instruction.result - (place if instruction.register == _PC else 0)


def _exchanged(elf: Path, folder: Path) -> Path:
    """Write a copy of an image in which each ADD PC comes after the NOP that is behind it.

    From there, two bytes less far is the right place.
    """
    data = bytearray(elf.read_bytes())
    with elf.open("rb") as file:
        image = ELFFile(file)
        symbols = image.get_section_by_name(".symtab")
        found = (
            symbols.get_symbol_by_name(_TILE) if isinstance(symbols, SymbolTableSection) else None
        )
        for symbol in found or ():
            section = image.get_section(symbol["st_shndx"])
            start = section["sh_offset"] + (symbol["st_value"] & ~1) - section["sh_addr"]
            for at in range(start, start + symbol["st_size"] - 2, 2):
                (first, second) = struct.unpack_from("<HH", data, at)
                if first & _ADD_PC_MASK == _ADD_PC_CODE and second in _NOPS:
                    struct.pack_into("<HH", data, at, second, first)
    copy = folder / elf.name
    copy.write_bytes(data)
    return copy


def _version() -> str:
    return version(LABWIRED.module)
