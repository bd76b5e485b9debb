"""Find out which external programs this machine has."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from microlut.machine.tools import TOOLS, Tool, find_tool


@dataclass(frozen=True, slots=True)
class ToolStatus:
    """What is known about one external program.

    Attributes:
        name: The program's name.
        path: Where it is, or None if it is not installed.
        version: The version it reports, or None if it is missing or reports none.
        needed_for: What it is needed for.
        install: Pairs of a package manager (pip, apt, dnf, pacman, brew) and its command line.
        optional: Whether only some boards need it.
    """

    name: str
    path: Path | None
    version: str | None
    needed_for: str
    install: tuple[tuple[str, str], ...]
    optional: bool = False

    @property
    def lacks(self) -> bool:
        """Return whether a required program is missing."""
        return self.path is None and not self.optional

    def as_json(self) -> dict[str, object]:
        """Return the state as JSON values."""
        return {
            "name": self.name,
            "path": self.path and str(self.path),
            "version": self.version,
            "needed_for": self.needed_for,
            "install": dict(self.install),
            "optional": self.optional,
        }


def diagnose() -> tuple[ToolStatus, ...]:
    """Return the state of every program that microlut may start."""
    return tuple(_status_of(tool) for tool in TOOLS)


def _status_of(tool: Tool) -> ToolStatus:
    path = find_tool(tool)
    found = None if path is None or tool.compiler else _version_of(tool, path)
    return ToolStatus(tool.name, path, found, tool.needed_for, tool.install_commands, tool.optional)


def _version_of(tool: Tool, program: Path) -> str | None:
    """Return a package's version, or the first version number in the answer to `--version`."""
    if tool.module:
        return version(tool.module)
    try:
        answer = subprocess.run(
            [str(program), "--version"], check=False, capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+\.\d+(\.\d+)?", answer.stdout)
    return found[0] if found else None
