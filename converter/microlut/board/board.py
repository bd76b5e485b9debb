"""Read board files: a validated `Board` with its toolchain and compiler flags.

The file name without `.toml` is the board's id. Sizes are bytes, addresses are absolute, clocks Hz.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self, get_args

from pydantic import AfterValidator, Field, ValidationError, model_validator

from microlut.board.flash_tools import FlashTool
from microlut.board.schema import (
    Console,
    EcosystemName,
    Emulators,
    Hertz,
    Memory,
    Oscillator,
    Probe,
    Text,
    Uf2,
)
from microlut.errors import InvalidBoard
from microlut.machine.tools import CORTEX_M, HOSTED, RISCV, Toolchain
from microlut.support.arguments import PathLike, brief, is_path, path_of
from microlut.support.resources import data_folder
from microlut.support.shown import Listing, Record, Shown
from microlut.support.suggestions import did_you_mean
from microlut.support.toml_file import Table, describe, read_toml


class Core(StrEnum):
    """Processor cores that the firmware can be compiled for."""

    HOST = "host"
    CORTEX_M0 = "cortex-m0"
    CORTEX_M0PLUS = "cortex-m0plus"
    CORTEX_M3 = "cortex-m3"
    CORTEX_M4F = "cortex-m4f"
    CORTEX_M7 = "cortex-m7"
    CORTEX_M33 = "cortex-m33"
    CORTEX_M55 = "cortex-m55"
    RISCV32IMC = "riscv32imc"


# If some flag disables the core's extension, the build stops instead of yielding slow code.
_DSP = "-DMLUT_REQUIRE_DSP"
_MVE = "-DMLUT_REQUIRE_MVE"

# The only place that maps a core to compiler flags.
CORE_FLAGS: dict[Core, tuple[str, ...]] = {
    Core.HOST: (),
    Core.CORTEX_M0: ("-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft"),
    Core.CORTEX_M0PLUS: ("-mcpu=cortex-m0plus", "-mthumb", "-mfloat-abi=soft"),
    Core.CORTEX_M3: ("-mcpu=cortex-m3", "-mthumb", "-mfloat-abi=soft"),
    Core.CORTEX_M4F: ("-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard", _DSP),
    # single precision, which every Cortex-M7 with an FPU has
    Core.CORTEX_M7: ("-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard", _DSP),
    # with the DSP extension and an FPU, which it may lack
    Core.CORTEX_M33: (
        *("-mcpu=cortex-m33", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard"),
        _DSP,
    ),
    # without a hard-float ABI, GCC builds for the DSP extension
    Core.CORTEX_M55: ("-mcpu=cortex-m55", "-mthumb", "-mfloat-abi=hard", _MVE),
    Core.RISCV32IMC: ("-march=rv32imc", "-mabi=ilp32"),
}

# The programs that compile for a core and emulate it.
CORE_TOOLCHAINS: dict[Core, Toolchain] = {
    Core.HOST: HOSTED,
    Core.CORTEX_M0: CORTEX_M,
    Core.CORTEX_M0PLUS: CORTEX_M,
    Core.CORTEX_M3: CORTEX_M,
    Core.CORTEX_M4F: CORTEX_M,
    Core.CORTEX_M7: CORTEX_M,
    Core.CORTEX_M33: CORTEX_M,
    Core.CORTEX_M55: CORTEX_M,
    Core.RISCV32IMC: RISCV,
}

# Interrupt lines that the architecture of a core allows; a chip may have fewer (Architecture
# Reference Manuals of Armv6-M, Armv7-M and Armv8-M, "Nested Vectored Interrupt Controller").
_MOST_INTERRUPTS: dict[Core, int] = {
    Core.CORTEX_M0: 32,
    Core.CORTEX_M0PLUS: 32,
    Core.CORTEX_M3: 240,
    Core.CORTEX_M4F: 240,
    Core.CORTEX_M7: 240,
    Core.CORTEX_M33: 480,
    Core.CORTEX_M55: 480,
}


_ESP32 = re.compile(r"esp[\W_]*32", re.IGNORECASE)
_EXPORT = "microlut export DIR --to esp-idf -o OUT (docs/guide/esp32.md)"


def _checked_id(text: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", text) is None:
        raise ValueError(
            f"found {text!r}; the file's name without .toml is the board's id: lower-case letters, "
            "digits, dots, hyphens and underscores, the first a letter or digit; rename the file"
        )
    return text


_Folder = Annotated[str, Field(pattern=r"^[a-z0-9_]+(/[a-z0-9_]+)*$")]
_Core = Annotated[Core, Field(strict=False)]


class Board(Shown, Table):
    """A board: everything needed to compile, link and run firmware for it."""

    not_in_files = frozenset({"id"})

    id: Annotated[str, AfterValidator(_checked_id)]  # names a folder
    title: Text
    mcu: Text
    core: _Core
    port: _Folder  # in firmware/port; the folders above it belong to the port as well
    clock_hz: Hertz | None = None
    oscillator: Oscillator | None = None
    stack_bytes: Annotated[int, Field(ge=512, le=2**31, multiple_of=8)] | None = None
    interrupts: Annotated[int, Field(ge=1)] | None = None  # lines of a Cortex-M's controller
    memory: Memory | None = None
    console: Console | None = None
    emulators: Emulators = Field(default_factory=Emulators)
    probe: Probe | None = None
    uf2: Uf2 | None = None
    flash_tools: Annotated[tuple[FlashTool, ...], Field(strict=False)] = ()  # preferred one first

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        hosted = self.core is Core.HOST
        needed = ["clock_hz", "stack_bytes", "memory", "console"]
        refused = [*needed, "oscillator", "probe", "uf2", "flash_tools"]
        given = {key for key in refused if getattr(self, key)}
        wrong = [key for key in refused if key in given] if hosted else []
        if not hosted:
            wrong = [key for key in needed if key not in given]
        if wrong:
            state = "does not take" if hosted else "needs"
            raise ValueError(f"core {self.core.value} {state} {', '.join(wrong)}")
        return self

    @model_validator(mode="after")
    def _can_write_all_flash(self) -> Self:
        if (
            self.uf2 is not None
            and self.memory is not None
            and len(self.memory.of_kind("flash")) > 1
        ):
            raise ValueError("uf2 files hold one flash only; leave out the other one, or uf2")
        return self

    @model_validator(mode="after")
    def _has_so_many_interrupts(self) -> Self:
        most = _MOST_INTERRUPTS.get(self.core, 0)
        if self.interrupts is not None and self.interrupts > most:
            allowed = f"takes up to {most}" if most else "does not take"
            raise ValueError(
                f"core {self.core.value} {allowed} interrupts; found {self.interrupts}"
            )
        return self

    def records(self) -> list[Record]:
        """Return the board as a row of a table of boards."""
        memory = self.memory
        return [
            {
                "id": self.id,
                "title": self.title,
                "mcu": self.mcu,
                "core": self.core.value,
                "clock_hz": self.clock_hz,
                "flash_bytes": None if memory is None else memory.size_of("flash"),
                "ram_bytes": None if memory is None else memory.size_of("ram"),
                "runs_in": " ".join(self.emulators.names),
                "flashed_by": " ".join(tool.name for tool in self.flash_tools),
            }
        ]

    @property
    def interrupt_lines(self) -> int:
        """Return the number of interrupt vectors; without `interrupts`, the most of the core."""
        return self.interrupts or _MOST_INTERRUPTS.get(self.core, 0)

    @property
    def flags(self) -> tuple[str, ...]:
        """Return the compiler flags that select the core."""
        return CORE_FLAGS[self.core]

    @property
    def toolchain(self) -> Toolchain:
        """Return the programs that compile for the core and emulate it."""
        return CORE_TOOLCHAINS[self.core]

    @property
    def baud(self) -> int:
        """Return the speed of the console's serial port."""
        return self.console.baud if self.console else Console.model_fields["baud"].default


def list_boards() -> tuple[str, ...]:
    """Return the ids of all boards that come with microlut, sorted."""
    return tuple(sorted(path.stem for path in data_folder("boards").glob("*.toml")))


def boards() -> Listing[Board]:
    """Return all boards that come with microlut, sorted by their ids."""
    return Listing(load_board(name) for name in list_boards())


def board_of(board: Board | PathLike) -> Board:
    """Return a board that is given as one, or as `load_board` takes it."""
    return board if isinstance(board, Board) else load_board(board)


def load_board(name_or_path: PathLike) -> Board:
    """Return a board by its id, or from a TOML file (anything that ends in `.toml`)."""
    if not is_path(name_or_path):
        raise InvalidBoard(
            f"board is {brief(name_or_path)}; give a board's id, the path of a .toml file, or a "
            "Board"
        )
    path = path_of("board", name_or_path, InvalidBoard)
    if path.suffix != ".toml":
        path = _path_of(os.fspath(name_or_path))
    table = read_toml(path, InvalidBoard)
    if "id" in table:
        raise InvalidBoard(f"{path}: id: is the file name and not a key; remove it")
    try:
        board = Board.model_validate({"id": path.stem, **table})
    except ValidationError as error:
        raise InvalidBoard(f"{path}: {describe(error)}") from error
    ports = _list_ports()
    if board.port not in ports:
        raise InvalidBoard(f"{path}: port: found {board.port!r}; allowed are {', '.join(ports)}")
    return board


@cache
def _list_ports() -> tuple[str, ...]:
    """Return the folders of firmware/port that have no folder inside, as `port` names them."""
    top = data_folder("firmware") / "port"
    folders = [path for path in top.rglob("*") if path.is_dir()]
    parents = {path.parent for path in folders}
    return tuple(sorted(path.relative_to(top).as_posix() for path in set(folders) - parents))


def _path_of(name: str) -> Path:
    known = list_boards()
    if name in known:
        return data_folder("boards") / f"{name}.toml"
    called = {b.id: (b.title, b.mcu, b.port, b.core.value) for b in boards()}
    hint = did_you_mean(name, called)
    if ":" in name and name.partition(":")[0] in get_args(EcosystemName):
        hint = (
            "boards of other ecosystems go with build, flash, run --port and verify --port only; "
        )
    if _ESP32.match(name):
        hint = f"for other ESP32 chips, export an ESP-IDF component: {_EXPORT}; {hint}"
    raise InvalidBoard(
        f"board {name!r} is not known; {hint}"
        f"Boards: {', '.join(known)}; or give the path of a .toml file"
    )
