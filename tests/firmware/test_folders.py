"""Which folders of the firmware use which."""

import json
import re
from pathlib import Path

import pytest
from engine_batch import require, run

from microlut.board.board import CORE_FLAGS, Core
from microlut.support.resources import data_folder

FIRMWARE = data_folder("firmware")
USES = {  # beside themselves
    "include": set(),
    "src": {"include"},
    "port": {"startup"},  # what starts a core has more that ports may ask for
    "common": {"port"},
    "startup": {"port", "common"},
    "app": {"port", "common", "include", "profile"},
    "profile": {"port", "common", "include"},
}
MADE = {"board_config.h", "app_config.h", "model.h", "microlut_config.h"}  # for each build


def folder_of(name: str, beside: Path) -> str:
    """Return the folder of the firmware that an included file lies in."""
    if (beside.parent / name).is_file():
        return (beside.parent / name).resolve().relative_to(FIRMWARE.resolve()).parts[0]
    found = {path.relative_to(FIRMWARE).parts[0] for path in FIRMWARE.rglob(name)}
    assert len(found) == 1, (beside, name)
    return found.pop()


@pytest.mark.parametrize("folder", USES)
def test_folder_includes_from_those_below_it_alone(folder: str):
    files = sorted((FIRMWARE / folder).rglob("*.[ch]"))
    assert files
    for file in files:
        names = set(re.findall(r'^#include "(.*)"', file.read_text(encoding="utf-8"), re.M)) - MADE
        assert {folder_of(name, file) for name in names} <= USES[folder] | {folder}, file


@pytest.mark.parametrize(("core", "mve"), [(Core.CORTEX_M4F, False), (Core.CORTEX_M55, True)])
def test_cmake_compiles_the_kernels_of_the_core(core: Core, mve: bool, tmp_path: Path):
    require("arm-none-eabi-gcc")
    options = {
        "CMAKE_TOOLCHAIN_FILE": FIRMWARE / "cmake" / "bare-metal.cmake",
        "CMAKE_EXPORT_COMPILE_COMMANDS": "ON",
        "MLUT_COMPILER_PREFIX": "arm-none-eabi-",
        "MLUT_CORE_FLAGS": ";".join(CORE_FLAGS[core]),
    }
    values = [word for key, value in options.items() for word in ("-D", f"{key}={value}")]
    run(require("cmake"), "-S", FIRMWARE, "-B", tmp_path, *values)
    commands = json.loads((tmp_path / "compile_commands.json").read_text())
    built = {Path(command["file"]).stem for command in commands}
    everything = {path.stem for path in (FIRMWARE / "src").rglob("*.c")}
    own = {name for name in everything if name.startswith("mve_")}
    replaced = {name.removeprefix("mve_") for name in own} & everything
    assert {"add", "conv2d", "unpack"} < replaced
    assert built == everything - (replaced if mve else own)
