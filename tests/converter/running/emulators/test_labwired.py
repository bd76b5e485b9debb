"""LabWired: what is asked of it, and what it must not be trusted with. No board is simulated."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from microlut.board.board import load_board
from microlut.board.schema import Emulators, LabwiredEmulator
from microlut.errors import InvalidBoard, InvalidInput, RunFailed, ToolMissing
from microlut.machine import tools
from microlut.running.emulators import Task, choose_emulator, emulators_of, labwired, run_image
from microlut.running.emulators.machines import choose_machine
from microlut.running.emulators.session import WHY_SILENT

PICO, ESP32 = load_board("raspberry-pi-pico"), load_board("esp32-c3-devkitm-1")
INPUTS = np.array([[1, 2], [-3, 4]], dtype=np.int8)


class Simulation:
    """A board that answers the protocol, or fails as the test says; its model negates inputs."""

    fails = ""

    def __init__(self, elf, *, system, uart):
        self.image = elf.read_bytes() if elf.is_file() else b""
        self.system, self.uart, self.rom = (
            system.read_text(),
            uart,
            os.environ[labwired._ROM_VARIABLE],
        )
        assert Path(self.rom).stat().st_size == 384 * 1024
        self.said = b"" if self.fails == "silence" else b"m-init-done\r\nm-ready\r\n"
        self.loaded, self.transcript = b"", b""
        Simulation.last = self

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        pass

    def run_for(self, duration):
        if self.fails == "access":
            raise RuntimeError("Memory access violation at 0x6000e044")

    def read_uart_bytes(self):
        said, self.said = self.said, b""
        self.transcript += said
        return said

    def uart_transcript(self):
        return self.transcript.decode()

    def send_bytes(self, data):
        for command in data.decode().split("%")[:-1]:
            lines = self._answer(command)
            self.said += "".join(f"{line}\r\n" for line in (*lines, "m-ready")).encode()

    def _answer(self, command):
        if command == "name":
            return ("m-name-dut-[microlut]",)
        if command.startswith("db load"):
            return ("m-[Expecting 2 bytes]",)
        if command.startswith("db "):
            self.loaded = bytes.fromhex(command[3:])
            return ("m-load-done",)
        if command.startswith("infer"):
            return ("m-lap-us-1", "m-lap-us-2")
        if command == "output":
            return (f"m-output-{(-np.frombuffer(self.loaded, dtype=np.int8)).tobytes().hex()}",)
        return ()


class Machine:
    """A core that executes instructions as they are, but for those that the test names."""

    wrong: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    less = 2

    def __init__(self, elf, system):
        self.registers, self.code = dict.fromkeys(range(17), 0), {}

    def write_memory(self, address, data):
        self.code[address] = bytes(data)

    def write_register(self, register, value):
        self.registers[register] = value

    def read_register(self, register):
        return self.registers[register]

    def step(self, count):
        assert self.registers[labwired._XPSR] == labwired._THUMB
        place = self.registers[labwired._PC]
        (known,) = [i for i in labwired.INSTRUCTIONS if i.code == self.code[place]]
        if known.name in self.unknown:
            raise RuntimeError("Instruction decoding error")
        self.registers[labwired._PC] = place + len(known.code)
        result = known.result + (place if known.register == labwired._PC else 0)
        self.registers[known.register] = result - self.less * (known.name in self.wrong)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """An installed LabWired with those two."""
    module = ModuleType("labwired")
    (tmp_path / "configs" / "chips").mkdir(parents=True)
    (tmp_path / "configs" / "chips" / "rp2040.yaml").touch()
    module.__file__ = str(tmp_path / "__init__.py")
    module.__spec__ = ModuleSpec("labwired", None, origin=module.__file__)
    module.Sim = type("Sim", (Simulation,), {})
    module.Machine = type("Machine", (Machine,), {})
    monkeypatch.setitem(sys.modules, "labwired", module)
    monkeypatch.setattr(labwired, "version", lambda _: "9.9")
    return module


def task_of(board, tmp_path, **more):
    return Task(tmp_path / "a.elf", board, INPUTS, 2, emulator="labwired", **more)


@pytest.mark.parametrize("board", [PICO, ESP32], ids=lambda board: board.id)
def test_inputs_go_over_the_console(package, tmp_path, board):
    done = []
    result = run_image(task_of(board, tmp_path), lambda: done.append(1))
    assert (result.outputs == -INPUTS).all()
    assert (result.instructions, result.stack_bytes, len(done)) == (None, None, 2)
    assert "m-output-fffe" in result.log
    assert Simulation.last.uart == "uart0"


def test_chips_of_ours_come_before_those_of_the_package(package, tmp_path):
    run_image(task_of(PICO, tmp_path))
    assert f'"{tmp_path}/configs/chips/rp2040.yaml"' in Simulation.last.system
    run_image(task_of(ESP32, tmp_path))
    assert '/boards/labwired/esp32c3.yaml"' in Simulation.last.system


@pytest.mark.parametrize("before", [None, "mine"])
def test_the_environment_is_as_before(package, tmp_path, monkeypatch, before):
    monkeypatch.delenv(labwired._ROM_VARIABLE, raising=False)
    if before is not None:
        monkeypatch.setenv(labwired._ROM_VARIABLE, before)
    run_image(task_of(ESP32, tmp_path))
    assert os.environ.get(labwired._ROM_VARIABLE) == before
    assert not Path(Simulation.last.rom).exists()


def test_a_chip_that_the_package_lacks_is_refused(package, tmp_path):
    emulators = Emulators(labwired=LabwiredEmulator(chip="z80", uart="uart0"))
    board = PICO.model_copy(update={"emulators": emulators})
    with pytest.raises(InvalidBoard, match=r"labwired\.chip: found 'z80'"):
        run_image(task_of(board, tmp_path))


@pytest.mark.parametrize("kind", ["wrong", "unknown"])
@pytest.mark.parametrize("instruction", labwired.INSTRUCTIONS, ids=lambda each: each.name)
def test_a_core_that_is_wrong_is_refused(package, tmp_path, instruction, kind):
    setattr(package.Machine, kind, {instruction.name})
    f4 = load_board("stm32f4-discovery")
    (tmp_path / "configs" / "chips" / "stm32f407.yaml").touch()
    with pytest.raises(InvalidBoard, match=rf"LabWired 9.9 does not execute {instruction.name} as"):
        run_image(task_of(f4, tmp_path))
    if not instruction.v6m:  # which a Cortex-M0+ does not have
        assert (run_image(task_of(PICO, tmp_path)).outputs == -INPUTS).all()
    assert (run_image(task_of(ESP32, tmp_path)).outputs == -INPUTS).all()


def test_every_instruction_that_is_wrong_is_named(package, tmp_path):
    package.Machine.unknown = {each.name for each in labwired.INSTRUCTIONS}
    (tmp_path / "configs" / "chips" / "stm32f407.yaml").touch()
    with pytest.raises(InvalidBoard, match="ADD PC, R0 and SSAT R0, #8, R1"):
        run_image(task_of(load_board("stm32f4-discovery"), tmp_path))


@pytest.fixture
def tile(tmp_path):
    """An image with a function that begins as the engine's, and a constant that looks like it."""
    gcc = tools.find_tool(tools.ARM_GCC)
    if gcc is None:
        pytest.skip(f"no image: {tools.ARM_GCC.apt_command}")
    (tmp_path / "a.s").write_text(
        ".syntax unified\n.cpu cortex-m0plus\n.thumb\n.text\n.global mlut_v6m_tile\n"
        ".type mlut_v6m_tile, %function\nmlut_v6m_tile:\nmovs r0, #1\nadd pc, r10\nnop\n"
        "movs r1, #1\nadd pc, r10\nmovs r0, #2\n.size mlut_v6m_tile, .-mlut_v6m_tile\n"
        ".word 0x46c044d7\n"
    )
    options = ("-nostdlib", "-mcpu=cortex-m0plus", "-mthumb", "-Wl,--build-id=none", "-Wl,-e,0")
    subprocess.run([gcc, *options, "-o", "a.elf", "a.s"], cwd=tmp_path, check=True)
    return (tmp_path / "a.elf").read_bytes()


def test_a_jump_that_is_two_bytes_short_begins_two_bytes_later(package, tmp_path, tile):
    """ADD PC adds to the address + 2 in LabWired 0.25, to the address + 4 in the core."""
    package.Machine.wrong = {"ADD PC, R0"}
    result = run_image(task_of(PICO, tmp_path))
    assert result.note.endswith("NOP behind it exchanged, for an error of LabWired 9.9")
    before, after = (bytes.fromhex(code) for code in ("0120d744c0460121", "0120c046d7440121"))
    assert (tile.count(before), tile.count(b"\xd7\x44\xc0\x46")) == (1, 2)
    assert Simulation.last.image == tile.replace(before, after)
    assert (tmp_path / "a.elf").read_bytes() == tile
    package.Machine.wrong = frozenset()
    assert run_image(task_of(PICO, tmp_path)).note == ""
    assert Simulation.last.image == tile
    package.Machine.wrong, package.Machine.less = {"ADD PC, R0"}, 4
    with pytest.raises(InvalidBoard, match="does not execute ADD PC, R0 as the core does"):
        run_image(task_of(PICO, tmp_path))


def test_an_access_outside_the_memory_fails_the_run(package, tmp_path):
    package.Sim.fails = "access"
    with pytest.raises(RunFailed, match="labwired: Memory access violation at 0x6000e044"):
        run_image(task_of(ESP32, tmp_path))


def test_silence_fails_the_run(package, tmp_path):
    package.Sim.fails = "silence"
    with pytest.raises(RunFailed, match=rf"silent for 0.05 s; {WHY_SILENT}"):
        run_image(task_of(ESP32, tmp_path, timeout_seconds=0.05))


def test_calls_are_not_counted(package, tmp_path):
    with pytest.raises(InvalidInput, match="LabWired does not count call by call"):
        run_image(task_of(ESP32, tmp_path, caller="model_run"))


def test_without_the_package_the_message_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(tools, "find_spec", lambda _: None)
    with pytest.raises(ToolMissing, match=r"pip install 'microlut\[labwired\]'"):
        run_image(task_of(ESP32, tmp_path))


def test_it_is_never_chosen_unasked():
    assert emulators_of(ESP32) == ()
    assert "labwired" not in emulators_of(PICO)
    assert choose_emulator(ESP32, "labwired") == "labwired"
    with pytest.raises(InvalidBoard, match="has no emulator"):
        choose_emulator(ESP32)
    machine = choose_machine(ESP32)
    assert (machine.board.id, machine.emulator) == ("riscv-virt", "qemu")
    assert machine.why == "no emulator that counts has esp32-c3-devkitm-1"
    assert choose_machine(ESP32, "labwired").note == ""
