"""Boards of other ecosystems: how each ecosystem's own tool builds and flashes an application.

A board is `ECOSYSTEM:NAME`, and the ecosystem knows what the name means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from microlut.board.schema import EcosystemName
from microlut.errors import InvalidBoard
from microlut.machine.tools import ARDUINO_CLI, CMAKE, IDF_PY, PICOTOOL, PIO, WEST, Tool

# Zephyr has qualifiers (/), Arduino options (:, =), both have commas; none can be an option.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/=,@-]{0,99}", re.ASCII)
# The first one that is found is told: how much is too much comes before what.
_TOO_LARGE = (
    r"region [`'].*[`'] overflowed by \d+ bytes",
    r"section [`'].*[`'] will not fit in region",
    r"Sketch too big",
    r"The program size \(.*\) is greater than maximum",
)

# What may follow a board's name after a comma, where the ecosystem leaves the console open.
_USB = "usb"
_WITH_USB = ("zephyr", "idf")
_CHIPS_WITHOUT_USB = ("esp32", "esp32c2")

_SERIAL_RUNNERS = {"bossac": "--bossac-port", "esp32": "--esp-device", "stm32flash": "--device"}


@dataclass(frozen=True, slots=True)
class Folders:
    """Where an application lies, where its tool works, and its name."""

    sources: Path
    work: Path
    name: str


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """How an ecosystem's tool is called.

    Attributes:
        format: The format of `export --app`.
        title: Its name for people.
        tool: The program that builds.
        flasher: The program that flashes.
        folder_variable: The environment's variable that must name the ecosystem's folder.
        build: From folders and a board's name to the command lines, each without the program.
        flash: From those and a serial port to the command line without the program.
        elf: Where the ELF file is, relative to the folder where the tool works.
        variables: What the tool finds in its environment, by a board's name and the folders.
        unknown: Patterns of messages that say that the board is not known.
        too_large: Patterns of messages that say that the application does not fit.
    """

    format: str
    title: str
    tool: Tool
    flasher: Tool
    folder_variable: str
    build: Callable[[Folders, str], tuple[tuple[str, ...], ...]]
    flash: Callable[[Folders, str, str | None], tuple[str, ...]]
    elf: str
    unknown: tuple[str, ...]
    variables: Callable[[Folders, str], Mapping[str, str]] = lambda _folders, _name: {}
    too_large: tuple[str, ...] = _TOO_LARGE


def _console(name: str) -> tuple[str, bool]:
    """Return a board's name by itself, and whether its console is to be the USB port."""
    plain, _, asked = name.partition(",")
    return plain, asked == _USB


def _zephyr_build(at: Folders, name: str) -> tuple[tuple[str, ...], ...]:
    plain, is_usb = _console(name)
    snippet = ("-S", "cdc-acm-console") if is_usb else ()
    return (("build", "-b", plain, *snippet, "-d", str(at.work), str(at.sources)),)


def _zephyr_flash(at: Folders, _name: str, port: str | None) -> tuple[str, ...]:
    """Return the call of west; a serial port is only for flash tools that use one."""
    call = ("flash", "-d", str(at.work))
    if not port:
        return call
    told = at.work / "zephyr" / "runners.yaml"
    text = told.read_text(encoding="utf-8") if told.is_file() else ""
    runner = re.search(r"^flash-runner: *(\S+)", text, re.MULTILINE)
    option = _SERIAL_RUNNERS.get(runner[1] if runner else "")
    if option is not None:
        return (*call, option, port)
    is_number = re.fullmatch(r"(?!COM\d)[0-9A-Za-z]+", port)  # of a debug probe
    return (*call, "--dev-id", port) if is_number else call


def _idf(at: Folders, name: str) -> tuple[str, ...]:
    settings = [f"SDKCONFIG={at.work / 'sdkconfig'}"]
    if _console(name)[1]:
        files = (str(at.sources / f"sdkconfig.{end}") for end in ("defaults", "usb"))
        settings.append(f"SDKCONFIG_DEFAULTS={';'.join(files)}")
    given = (part for setting in settings for part in ("-D", setting))
    return ("-C", str(at.sources), "-B", str(at.work), *given)


def _idf_build(at: Folders, name: str) -> tuple[tuple[str, ...], ...]:
    return ((*_idf(at, name), "build"),)


def _idf_flash(at: Folders, name: str, port: str | None) -> tuple[str, ...]:
    return (*_idf(at, name), *(("-p", port) if port else ()), "flash")


def _pio_build(at: Folders, name: str) -> tuple[tuple[str, ...], ...]:
    run = ("run", "-d", str(at.sources), "-e", name)
    settings = (at.sources / "platformio.ini").read_text(encoding="utf-8")
    if f"[env:{name}]" in settings:
        return (run,)
    # PlatformIO knows which platform the board is of, and adds it to the settings. Left alone, it
    # would install what all boards of the settings need.
    alone = ("--no-install-dependencies", "-O", "framework=arduino")
    return (("project", "init", "-d", str(at.sources), "--board", name, *alone), run)


def _pio_flash(at: Folders, name: str, port: str | None) -> tuple[str, ...]:
    upload = ("--upload-port", port) if port else ()
    return ("run", "-d", str(at.sources), "-e", name, "-t", "upload", *upload)


def _pico_build(at: Folders, name: str) -> tuple[tuple[str, ...], ...]:
    # Without picotool the SDK would download and build one; the UF2 file is microlut's then.
    settings = (f"-DPICO_BOARD={name}", "-DPICO_NO_PICOTOOL=1", "-DCMAKE_BUILD_TYPE=Release")
    configure = ("-G", "Ninja", "-S", str(at.sources), "-B", str(at.work), *settings)
    return configure, ("--build", str(at.work))


def _pico_flash(at: Folders, _name: str, _port: str | None) -> tuple[str, ...]:
    return ("load", "-v", "-x", str(at.work / f"{at.name}.elf"))


def _arduino_build(at: Folders, name: str) -> tuple[tuple[str, ...], ...]:
    sketch = str(at.sources / at.name)
    return (("compile", "--fqbn", name, "--build-path", str(at.work), sketch),)


def _arduino_flash(at: Folders, name: str, port: str | None) -> tuple[str, ...]:
    place = ("--port", port) if port else ()
    sketch = str(at.sources / at.name)
    return ("upload", "--fqbn", name, "--input-dir", str(at.work), *place, sketch)


ECOSYSTEMS: Mapping[EcosystemName, Ecosystem] = {
    "zephyr": Ecosystem(
        *("zephyr", "Zephyr", WEST, WEST, "ZEPHYR_BASE", _zephyr_build, _zephyr_flash),
        "zephyr/zephyr.elf",
        (r"No board named", r"[Ii]nvalid BOARD", r"Board qualifiers? .* not found"),
    ),
    "idf": Ecosystem(
        *("esp-idf", "ESP-IDF", IDF_PY, IDF_PY, "IDF_PATH", _idf_build, _idf_flash),
        "{name}.elf",
        (r"Toolchain\s+file\s+\S+\s+not\s+found",),
        lambda _at, name: {"IDF_TARGET": _console(name)[0]},
    ),
    "pio": Ecosystem(
        *("platformio", "PlatformIO", PIO, PIO, "", _pio_build, _pio_flash),
        "{board}/firmware.elf",
        (r"Unknown board ID", r"Unknown environment names", r"UnknownBoard"),
        lambda at, _name: {"PLATFORMIO_BUILD_DIR": str(at.work)},
    ),
    "pico": Ecosystem(
        *("pico-sdk", "pico-sdk", CMAKE, PICOTOOL, "PICO_SDK_PATH", _pico_build, _pico_flash),
        "{name}.elf",
        (r"Unable to find definition of board",),
    ),
    "arduino": Ecosystem(
        *("arduino", "Arduino", ARDUINO_CLI, ARDUINO_CLI, "", _arduino_build, _arduino_flash),
        "{name}.ino.elf",
        (r"Invalid FQBN", r"[Pp]latform .* (is )?not (found|installed)", r"[Bb]oard .* not found"),
    ),
}


@dataclass(frozen=True, slots=True)
class ForeignBoard:
    """A board of an ecosystem, by the name it has there."""

    ecosystem: EcosystemName
    name: str

    @property
    def of(self) -> Ecosystem:
        """Return the ecosystem."""
        return ECOSYSTEMS[self.ecosystem]

    @property
    def text(self) -> str:
        """Return the board as users write it."""
        return f"{self.ecosystem}:{self.name}"

    @property
    def id(self) -> str:
        """Return a name for its folder."""
        return f"{self.ecosystem}-{re.sub('[^A-Za-z0-9_.]', '-', self.name)}"


def foreign_board(text: object) -> ForeignBoard | None:
    """Return the board of an ecosystem that a text names; None if it names none.

    Raises:
        InvalidBoard: What follows the ecosystem is not a board's name.
    """
    if not isinstance(text, str):
        return None
    ecosystem, colon, name = text.partition(":")
    known = next((each for each in ECOSYSTEMS if each == ecosystem), None)
    if not colon or known is None:
        return None
    if _NAME.fullmatch(name) is None:
        raise InvalidBoard(
            f"board {text!r}: {name!r} is no board's name; after {known}: comes the name that "
            f"{ECOSYSTEMS[known].title} has for it: letters, digits and any of _ . : / = , @ -"
        )
    if known in _WITH_USB and "," in name:
        _check_console(text, known, name)
    return ForeignBoard(known, name)


def _check_console(text: str, ecosystem: EcosystemName, name: str) -> None:
    """Raise InvalidBoard unless a console on the board's USB port can be meant."""
    plain, is_usb = _console(name)
    if not is_usb:
        raise InvalidBoard(
            f"board {text!r}: found {name.partition(',')[2]!r} after the comma; {_USB}, for a "
            "console on the board's own USB port, is all that may stand there"
        )
    if ecosystem == "idf" and plain in _CHIPS_WITHOUT_USB:
        raise InvalidBoard(
            f"board {text!r}: this chip has no USB port; leave ,{_USB} out for a console on a UART"
        )
