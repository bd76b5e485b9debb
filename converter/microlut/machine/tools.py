"""External programs: what each is for, how to install it, and where it is on this machine.

A `Toolchain` names the programs that the cores of one kind need. `require_tool` returns a program's
path or raises `ToolMissing` with the command that installs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from microlut.errors import ToolMissing


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that microlut starts, and what installs it (besides apt: dnf, pacman, brew).

    An optional program is needed for some boards only. Programs on PyPI have only `pip`, whose
    releases support the newest chips. If no package manager has the program, `elsewhere` says how
    to get it. With `compiler` it is a file of a C library, which is not on PATH and which that
    compiler locates. A `program` is a path that is there, a `module` a Python package.
    """

    name: str
    needed_for: str
    apt: str = ""
    dnf: str = ""
    pacman: str = ""
    brew: str = ""
    pip: str = ""
    elsewhere: str = ""
    compiler: str = ""
    program: str = ""
    module: str = ""
    optional: bool = False

    @property
    def apt_command(self) -> str:
        """Return the command line that installs the program on Debian and Ubuntu."""
        return f"sudo apt-get install -y {self.apt}"

    @property
    def install_command(self) -> str:
        """Return the command line that installs the program, on Debian if that matters."""
        if self.elsewhere:
            return self.elsewhere
        return f"pip install {self.pip}" if self.pip else self.apt_command

    @property
    def install_commands(self) -> tuple[tuple[str, str], ...]:
        """Return pairs of a package manager and its command line, pip or apt first."""
        if self.pip:
            return (("pip", self.install_command),)
        if self.elsewhere:
            return (("elsewhere", self.elsewhere),)
        return (
            ("apt", self.apt_command),
            ("dnf", f"sudo dnf install {self.dnf}"),
            ("pacman", f"sudo pacman -S {self.pacman}"),
            ("brew", f"brew install {self.brew}"),
        )


CMAKE = Tool("cmake", "building firmware", "cmake", "cmake", "cmake", "cmake")
NINJA = Tool("ninja", "building firmware", "ninja-build", "ninja-build", "ninja", "ninja")
ARM_GCC = Tool(
    "arm-none-eabi-gcc",
    "building firmware for Cortex-M boards",
    "gcc-arm-none-eabi",
    "arm-none-eabi-gcc-cs",
    "arm-none-eabi-gcc",
    "--cask gcc-arm-embedded",
)
QEMU = Tool(
    "qemu-system-arm",
    "running firmware for Cortex-M boards without hardware",
    "qemu-system-arm",
    "qemu-system-arm",
    "qemu-system-arm",
    "qemu",
)
RENODE = Tool(
    "renode",
    "running firmware for Cortex-M boards in Renode (1.16 or newer)",
    elsewhere="conda install -c conda-forge renode-cli; or unpack a portable release of "
    "github.com/renode/renode/releases and put it on PATH",
    optional=True,
)
LABWIRED = Tool(
    "labwired",
    "running firmware of some boards in LabWired (run --emulator labwired)",
    pip="'microlut[labwired]'",
    module="labwired",
    optional=True,
)
HOST_CC = Tool(
    "cc",
    "host builds and exact instruction counts",
    "build-essential",
    "gcc make",
    "base-devel",
    "gcc",
)
NEWLIB = Tool(
    "nano.specs",
    "building firmware for Cortex-M boards (newlib-nano, the C library)",
    "libnewlib-arm-none-eabi",
    "arm-none-eabi-newlib",
    "arm-none-eabi-newlib",
    "--cask gcc-arm-embedded",
    compiler="arm-none-eabi-gcc",
)
RISCV_GCC = Tool(
    "riscv64-unknown-elf-gcc",
    "building firmware for RISC-V boards",
    "gcc-riscv64-unknown-elf",
    "gcc-riscv64-linux-gnu",
    "riscv64-elf-gcc",
    "riscv-software-src/riscv/riscv-tools",
)
PICOLIBC = Tool(
    "picolibc.specs",
    "building firmware for RISC-V boards (picolibc, the C library)",
    "picolibc-riscv64-unknown-elf",
    "picolibc-riscv64-elf",
    "riscv64-elf-picolibc",
    "picolibc",
    compiler="riscv64-unknown-elf-gcc",
)
QEMU_RISCV = Tool(
    "qemu-system-riscv32",
    "running firmware for RISC-V boards without hardware",
    "qemu-system-misc",
    "qemu-system-riscv",
    "qemu-system-riscv",
    "qemu",
)

OPENOCD = Tool(
    "openocd",
    "flashing boards through a debug probe",
    *("openocd", "openocd", "openocd", "open-ocd"),
    optional=True,
)
PYOCD = Tool(
    "pyocd",
    "flashing boards through a debug probe",
    pip="pyocd",
    optional=True,
)
ST_FLASH = Tool(
    "st-flash",
    "flashing STM32 boards through an ST-Link",
    *("stlink-tools", "stlink", "stlink", "stlink"),
    optional=True,
)
PROBE_RS = Tool(
    "probe-rs",
    "flashing boards through a debug probe",
    elsewhere="the installer of github.com/probe-rs/probe-rs/releases, or cargo install "
    "probe-rs-tools --locked",
    optional=True,
)
DFU_UTIL = Tool(
    "dfu-util",
    "flashing STM32 boards through their USB port",
    *("dfu-util", "dfu-util", "dfu-util", "dfu-util"),
    optional=True,
)
BOSSAC = Tool(
    "bossac",
    "flashing Arduino's boards of Nordic chips through their boot loader",
    elsewhere="arduino-cli core install arduino:mbed_nano, and put its folder "
    "packages/arduino/tools/bossac/VERSION on PATH (others lack the nRF52840)",
    optional=True,
)
ESPTOOL = Tool(
    "esptool",
    "images of ESP32 boards, and flashing them",
    pip="'microlut[flash]'",
    optional=True,
)

WEST = Tool(
    "west",
    "applications of Zephyr (--board zephyr:BOARD)",
    pip="west",
    optional=True,
)
IDF_PY = Tool(
    "idf.py",
    "applications of ESP-IDF (--board idf:CHIP)",
    elsewhere="unpack a release of github.com/espressif/esp-idf, run its install.sh, and in each "
    "shell `. export.sh`",
    optional=True,
)
PIO = Tool(
    "pio",
    "applications of PlatformIO (--board pio:BOARD)",
    pip="platformio",
    optional=True,
)
ARDUINO_CLI = Tool(
    "arduino-cli",
    "applications of Arduino (--board arduino:FQBN)",
    elsewhere="unpack a release of github.com/arduino/arduino-cli/releases and put it on PATH; "
    "brew install arduino-cli on macOS",
    optional=True,
)
PICOTOOL = Tool(
    "picotool",
    "flashing a Raspberry Pi Pico without a debug probe",
    elsewhere="unpack a release of github.com/raspberrypi/pico-sdk-tools/releases and put it on "
    "PATH; brew install picotool on macOS",
    optional=True,
)

COPY = Tool(
    "uf2",
    "flashing boards that show a drive, by a copy of the UF2 file",
    elsewhere="part of microlut",
    program=sys.executable,
    optional=True,
)

TOOLS = (
    *(CMAKE, NINJA, HOST_CC, ARM_GCC, NEWLIB, QEMU, RISCV_GCC, PICOLIBC, QEMU_RISCV),
    *(RENODE, LABWIRED, OPENOCD, PYOCD, PROBE_RS, ST_FLASH, DFU_UTIL, BOSSAC, ESPTOOL),
    *(PICOTOOL, COPY, WEST, IDF_PY, PIO, ARDUINO_CLI),
)


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The programs that build for and emulate cores of one kind.

    Attributes:
        prefix: Common prefix of the cross compiler's programs; empty for this computer's own.
        startup: Files in firmware/startup and firmware/linker, without ending; empty if hosted.
        needs: Compiler and C library.
        specs: GCC's specs file of the C library; empty if hosted.
        qemu: The emulator of the cores, or None.
    """

    prefix: str
    startup: str
    needs: tuple[Tool, ...]
    specs: str = ""
    qemu: Tool | None = None


HOSTED = Toolchain("", "", (HOST_CC,))
CORTEX_M = Toolchain("arm-none-eabi-", "cortex_m", (ARM_GCC, NEWLIB), NEWLIB.name, QEMU)
RISCV = Toolchain("riscv64-unknown-elf-", "riscv", (RISCV_GCC, PICOLIBC), PICOLIBC.name, QEMU_RISCV)


def _search_path() -> str:
    """Return PATH, preceded by the folder of the cmake and ninja wheels' programs."""
    return os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)))


def find_tool(tool: Tool) -> Path | None:
    """Return the path of an installed program (or of a C library's specs), or None."""
    if tool.compiler:
        return _file_of(tool.compiler, tool.name)
    if tool.program:
        return Path(tool.program)
    if tool.module:
        spec = find_spec(tool.module)
        return None if spec is None or spec.origin is None else Path(spec.origin)
    found = shutil.which(tool.name, path=_search_path())
    return Path(found) if found else None


def _file_of(compiler: str, name: str) -> Path | None:
    """Return a library file of a compiler; GCC answers with the bare name if it has none."""
    found = shutil.which(compiler, path=_search_path())
    if found is None:
        return None
    command = [found, f"-print-file-name={name}"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    return Path(answer) if Path(answer).is_absolute() else None


def require_tool(tool: Tool) -> Path:
    """Return the path of an installed program; raise `ToolMissing` if there is none."""
    found = find_tool(tool)
    if found is None:
        raise ToolMissing(
            f"{tool.name} is not installed (needed for {tool.needed_for}); "
            f"install it with: {tool.install_command}"
        )
    return found
