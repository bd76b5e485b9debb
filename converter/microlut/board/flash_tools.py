"""The tables of flash tools in a board file: what each needs to know of the board."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from microlut.board.schema import Address, UsbIds, Word
from microlut.support.toml_file import Table

FlashToolName = Literal[  # `name` of each `FlashTool`
    "openocd",
    "pyocd",
    "probe-rs",
    "st-flash",
    "esptool",
    "dfu-util",
    "bossac",
    "picotool",
    "uf2",
]
_ConfigFile = Annotated[
    str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]*/)*[A-Za-z0-9_][A-Za-z0-9_.-]*\.cfg$")
]


class Openocd(Table):
    """OpenOCD, with the configuration files (.cfg) that it reads, in order."""

    name: Literal["openocd"]
    config: Annotated[tuple[_ConfigFile, ...], Field(min_length=1, strict=False)]


class Pyocd(Table):
    """PyOCD; `target` is one of `pyocd list --targets` or of an installed CMSIS pack."""

    name: Literal["pyocd"]
    target: Word


class StFlash(Table):
    """The stlink project's st-flash, which writes to the start of `memory.flash`."""

    name: Literal["st-flash"]


class Esptool(Table):
    """Espressif's esptool; `address` is where in the flash chip the image goes."""

    name: Literal["esptool"]
    chip: Word
    address: Address


class ProbeRs(Table):
    """probe-rs; `chip` is one of `probe-rs chip list`."""

    name: Literal["probe-rs"]
    chip: Word


class DfuUtil(Table):
    """The dfu-util program, through the loader in an STM32's ROM: the id that it has on USB."""

    name: Literal["dfu-util"]
    usb: UsbIds


class Bossac(Table):
    """Arduino's bossac, through the boot loader of a board: the ids of its serial port."""

    name: Literal["bossac"]
    usb: UsbIds


class Picotool(Table):
    """Raspberry Pi's picotool, through the loader in the ROM: the id that it has on USB."""

    name: Literal["picotool"]
    usb: UsbIds


class Uf2Drive(Table):
    """A drive that takes UF2 files: what the Board-ID in its INFO_UF2.TXT begins with."""

    name: Literal["uf2"]
    drive: Word


FlashTool = Annotated[
    Openocd | Pyocd | ProbeRs | StFlash | Esptool | DfuUtil | Bossac | Picotool | Uf2Drive,
    Field(discriminator="name"),
]
