"""External programs: what each is for, how to install it, and where it is on this machine.

Enters: a program's name. Leaves: its path, or `ToolMissing` with the command that installs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from microlut.errors import ToolMissing


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that microlut starts, and what installs it (other than apt: dnf, pacman, brew)."""

    name: str
    needed_for: str
    apt: str
    dnf: str
    pacman: str
    brew: str

    @property
    def apt_command(self) -> str:
        """Return the command line that installs the program on Debian and Ubuntu."""
        return f"sudo apt-get install -y {self.apt}"

    @property
    def install_commands(self) -> tuple[tuple[str, str], ...]:
        """Return pairs of a package manager's name and its command line, apt first."""
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
HOST_CC = Tool(
    "cc",
    "host builds and exact instruction counts",
    "build-essential",
    "gcc make",
    "base-devel",
    "gcc",
)

NEWLIB = Tool(  # found through the compiler, not on PATH
    "nano.specs",
    "building firmware for Cortex-M boards (newlib-nano, the C library)",
    "libnewlib-arm-none-eabi",
    "arm-none-eabi-newlib",
    "arm-none-eabi-newlib",
    "--cask gcc-arm-embedded",
)

TOOLS = (CMAKE, NINJA, HOST_CC, ARM_GCC, NEWLIB, QEMU)


def _search_path() -> str:
    """Return PATH, preceded by where the cmake and ninja wheels put their programs."""
    return os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)))


def find_tool(tool: Tool) -> Path | None:
    """Return the path of an installed program (or of newlib's specs), or None."""
    if tool is NEWLIB:
        return _file_of_arm_gcc(tool.name)
    found = shutil.which(tool.name, path=_search_path())
    return Path(found) if found else None


def _file_of_arm_gcc(name: str) -> Path | None:
    """Return a library file of the Arm compiler; GCC answers with the bare name if it has none."""
    compiler = find_tool(ARM_GCC)
    if compiler is None:
        return None
    command = [str(compiler), f"-print-file-name={name}"]
    answer = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    return Path(answer) if Path(answer).is_absolute() else None


def require_tool(tool: Tool) -> Path:
    """Return the path of an installed program; raise `ToolMissing` if there is none."""
    found = find_tool(tool)
    if found is None:
        raise ToolMissing(
            f"{tool.name} is not installed (needed for {tool.needed_for}); "
            f"install it with: {tool.apt_command}"
        )
    return found
