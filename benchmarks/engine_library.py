"""Compile the engine once for each board, and link many models with it.

Compiling the engine takes most of the time of a build. Its options are those of `microlut build`,
so the same instructions run. Images have no BIN, HEX or MAP file, and no size of the stack.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from console_image import FIRMWARE, link, write_board_configuration

import microlut
from microlut.machine.tools import CMAKE, NINJA, require_tool


class EngineLibraries:
    """The engine as a library for each board, compiled when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def image(
        self, board: microlut.Board, sources: Mapping[str, str], prefix: str, folder: Path
    ) -> Path:
        """Return the image of a model's sources, linked in a new folder."""
        folder.mkdir(parents=True)
        for name, text in sources.items():
            (folder / name).write_text(text, encoding="utf-8")
        write_board_configuration(board, prefix, folder)
        model = [folder / name for name in sources if name.endswith(".c")]
        return link(board, folder, [*model, self.library(board)])

    def library(self, board: microlut.Board) -> Path:
        """Return the library for a board; several processes may ask for it at once."""
        made = self._folder / board.id
        if not made.exists():
            own = self._folder / f"{board.id}-{os.getpid()}"
            _compile(board, own)
            try:
                own.rename(made)
            except OSError:  # another process was quicker, and the folder is not empty
                return own / "libmicrolut.a"
        return made / "libmicrolut.a"


def _compile(board: microlut.Board, folder: Path) -> None:
    toolchain = board.toolchain
    defines = {
        "CMAKE_MAKE_PROGRAM": require_tool(NINJA),
        "CMAKE_TOOLCHAIN_FILE": FIRMWARE / "cmake" / "bare-metal.cmake",
        "MLUT_COMPILER_PREFIX": toolchain.prefix,
        "MLUT_CORE_FLAGS": ";".join(board.flags),
        "MLUT_SPECS": toolchain.specs,
    }
    configure = [require_tool(CMAKE), "-G", "Ninja", "-S", FIRMWARE, "-B", folder]
    options = [f"-D{name}={value}" for name, value in defines.items()]
    for command in ([*configure, *options], [require_tool(NINJA), "-C", folder]):
        subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)
