"""The tables of a board file: allowed keys, types and units.

Sizes are bytes, addresses are absolute, clocks and oscillators Hz, serial speeds baud.
"""

from __future__ import annotations

import itertools
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from microlut.support.texts import is_plain
from microlut.support.toml_file import Table


def _checked_text(text: str) -> str:
    if not is_plain(text):
        raise ValueError(
            f"found {text!r}; it must be one line, without control or invisible characters"
        )
    return text


Address = Annotated[int, Field(ge=0, lt=2**32)]
Bytes = Annotated[int, Field(gt=0, le=2**32)]
Hertz = Annotated[int, Field(gt=0, lt=2**32)]
# Texts are for people. Words go into scripts and command lines as an argument or a file name: they
# need no quotes in any language, and cannot be an option, another folder or a second argument.
Text = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_checked_text)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]

UsbIds = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")], ...],
    Field(min_length=1, strict=False),
]

# STM32 PA2, Kinetis PTB16; nRF P0.06; RP2040 GP0, ESP32 GPIO21, and a bare number
_PIN = re.compile(r"PT?([A-K])(\d{1,2})|P(\d)\.(\d{1,2})|(?:GP|GPIO)?(\d{1,2})", re.ASCII)


class Region(Table):
    """A memory region: address of its first byte, size in bytes, and what an access costs.

    Costs are relative: a memory of cost 2 takes two times as long as one of cost 1.
    """

    origin: Address
    size: Bytes
    cost: Annotated[float, Field(gt=0, le=1_000)] = 1.0

    @model_validator(mode="after")
    def _is_addressable(self) -> Self:
        if self.end > 2**32:
            raise ValueError(f"ends at {self.end:#x}; addresses have 32 bits")
        return self

    @property
    def end(self) -> int:
        """Return the address after the last byte."""
        return self.origin + self.size


class OtherMemory(Region):
    """A memory beside flash and ram, for arenas (kind "ram") or for weights (kind "flash").

    It works from reset on, and a flash tool can write the flash.
    """

    kind: Literal["ram", "flash"]


def _checked_name(name: str) -> str:
    if name in _TAKEN:
        raise ValueError(f"{name} has a meaning of its own; choose another name")
    return name


_TAKEN = frozenset({"flash", "ram", "preload", "code", "constants", "bytes"})
# The name is part of sections, symbols and macros, and of an arena's name.
MemoryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,15}$"), AfterValidator(_checked_name)]


class Memory(Table):
    """Memory that the linker may fill (flash, ram), and where an emulator can place inputs.

    With `code_origin`, a loader copies the whole image from flash to RAM. Instruction fetches see
    the first byte of RAM at that address. `others` are memories that only a plan for the board
    uses, by their names.
    """

    flash: Region
    ram: Region
    preload: Region | None = None
    code_origin: Address | None = None
    others: dict[MemoryName, OtherMemory] = Field(default_factory=dict)

    def of_kind(self, kind: Literal["ram", "flash"]) -> dict[str, Region]:
        """Return the memories of a kind by their names, the one for everything else first."""
        main = self.ram if kind == "ram" else self.flash
        return {kind: main, **{n: m for n, m in self.others.items() if m.kind == kind}}

    def size_of(self, kind: Literal["ram", "flash"]) -> int:
        """Return the bytes of all memories of a kind."""
        return sum(region.size for region in self.of_kind(kind).values())

    @model_validator(mode="after")
    def _do_not_overlap(self) -> Self:
        named = [("flash", self.flash), ("ram", self.ram), ("preload", self.preload)]
        named += self.others.items()
        regions = sorted(((r.origin, r.end, n) for n, r in named if r is not None))
        for (_, end, lower), (origin, _, upper) in itertools.pairwise(regions):
            if origin < end:
                raise ValueError(f"{lower} ends at {end:#x}, after the start of {upper}")
        if self.code_origin is not None:
            Region(origin=self.code_origin, size=self.ram.size)  # ram, as fetches see it
            if self.others:
                raise ValueError("others do not go with code_origin: a loader fills ram only")
        return self


class Oscillator(Table):
    """The external clock source: a crystal or, with `bypass`, a clock signal."""

    hz: Hertz
    bypass: bool = False


class Console(Table):
    """The console's serial port, 8N1: UART, pins, and their alternate function."""

    uart: Annotated[
        str, Field(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=64)
    ]  # as the reference manual names it
    baud: Annotated[int, Field(ge=1_200, le=4_000_000)] = 115_200
    tx: str | None = None
    rx: str | None = None
    function: Annotated[int, Field(ge=0, le=31)] | None = None  # alternate function of both pins

    @model_validator(mode="after")
    def _pins_are_pins(self) -> Self:
        if (self.tx is None) is not (self.rx is None):
            raise ValueError("tx and rx come together; give both or neither")
        for key, pin in (("tx", self.tx), ("rx", self.rx)):
            if pin is not None and _PIN.fullmatch(pin) is None:
                raise ValueError(f"{key} is {pin!r}; give a pin like PA2, PTB16, P0.06 or GP0")
        return self

    @property
    def pins(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Return bank (A is 0) and number of the tx and of the rx pin."""
        if self.tx is None or self.rx is None:
            return None
        return _bank_and_number(self.tx), _bank_and_number(self.rx)


def _bank_and_number(pin: str) -> tuple[int, int]:
    """Return a pin's port, counted from 0, and its number in it.

    >>> [_bank_and_number(pin) for pin in ("PA2", "PTB16", "P1.06", "GP21")]
    [(0, 2), (1, 16), (1, 6), (0, 21)]
    """
    found = _PIN.fullmatch(pin)
    assert found is not None
    letter, of_letter, digit, of_digit, alone = found.groups()
    if letter is not None:
        return ord(letter) - ord("A"), int(of_letter)
    return (0, int(alone)) if digit is None else (int(digit), int(of_digit))


EmulatorName = Literal["renode", "qemu", "native", "labwired"]  # fields of `Emulators`
# What the names of boards of other ecosystems begin with, before a colon.
EcosystemName = Literal["zephyr", "idf", "pio", "pico", "arduino"]


class QemuEmulator(Table):
    """The board as a machine of QEMU's system emulator for its core.

    `,firmware=none` after the name keeps QEMU from loading firmware of its own.
    """

    machine: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*(,firmware=none)?$")]


class RenodeEmulator(Table):
    """The board in Renode: `platform` is the NAME of boards/renode/NAME.repl."""

    platform: Word
    mips: Annotated[int, Field(gt=0, le=100_000)] | None = (
        None  # million instructions per virtual second
    )


class NativeEmulator(Table):
    """No emulator: the firmware is a program of this computer."""


class LabwiredEmulator(Table):
    """The board in LabWired: boards/labwired/CHIP.yaml or a chip of its own, and a UART in that."""

    chip: Word
    uart: Word


class Emulators(Table):
    """The emulators that can run the board's firmware."""

    renode: RenodeEmulator | None = None
    qemu: QemuEmulator | None = None
    native: NativeEmulator | None = None
    labwired: LabwiredEmulator | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the board's emulators, the preferred one first."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)


class Uf2(Table):
    """The board takes UF2 files, which must name this family of microcontrollers."""

    family: Address


class Probe(Table):
    """USB ids (VVVV:PPPP) of the board's debug probe or serial port."""

    usb: UsbIds
