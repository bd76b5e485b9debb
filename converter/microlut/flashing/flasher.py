"""Types for flash tools: a job to do, and the description of a tool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from microlut.board.flash_tools import FlashTool
from microlut.machine.tools import Tool


@dataclass(frozen=True, slots=True)
class FlashJob:
    """Write one image to one board.

    Attributes:
        program: The tool's program.
        arguments: The table of the board file for this tool.
        elf: The image with its addresses.
        bin: The image as a flat file, from its first byte in flash.
        origin: Address of that byte.
        device: Serial number of the debug probe, serial port, or drive; None for the only one.
        usb: USB id of the probe, if it is known.
    """

    program: Path
    arguments: FlashTool
    elf: Path
    bin: Path
    origin: int
    device: str | None
    usb: str | None = None


@dataclass(frozen=True, slots=True)
class Flasher:
    """A flash tool.

    Attributes:
        tool: The program and how it is installed.
        link: Whether it reaches boards as a device on USB, such as a debug probe, through a serial
            port, or as a drive.
        command: Returns the command line that writes, verifies and starts an image.
        advice: Pairs of a regular expression for the tool's messages and what to check; the first
            match counts.
        flat: Whether it writes the flat file, which has one flash only.
        after: Returns the command line that starts the image, if `command` does not.
    """

    tool: Tool
    link: Literal["probe", "port", "drive"]
    command: Callable[[FlashJob], tuple[str, ...]]
    advice: tuple[tuple[str, str], ...]
    flat: bool = False
    after: Callable[[FlashJob], tuple[str, ...]] | None = None


PERMISSIONS = (
    "permission denied: install the udev rule of docs/guide/flashing.md for the probe, join the "
    "group dialout for a port, and plug the board in again"
)
CABLE = "check that the cable carries data, that the board has power, and try another USB port"
TARGET = (
    "the probe works but the microcontroller does not answer: check its power and the wires of an "
    "external probe, hold reset while starting, and set the boot pins to start from flash"
)
BUSY = "the board is in use: close the debugger, monitor or IDE that has it open"
