"""The real flash tools, without hardware: they know the boards' targets and accept the commands.

Each test starts a real tool. If it is missing, the test is skipped with its install command.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from microlut.board.board import list_boards, load_board
from microlut.board.flash_tools import DfuUtil, Esptool, Openocd, Pyocd, StFlash
from microlut.errors import DeviceFailed
from microlut.flashing import FLASHERS, FlashJob
from microlut.flashing.openocd import configuration
from microlut.machine.tools import find_tool
from microlut.workflow import flash as flashing

BOARDS = [load_board(name) for name in list_boards()]
ARGUMENTS = [(b.id, arguments) for b in BOARDS for arguments in b.flash_tools]
SAMPLES = {
    "openocd": Openocd(name="openocd", config=("interface/stlink.cfg", "target/stm32f4x.cfg")),
    "pyocd": Pyocd(name="pyocd", target="nrf52840"),
    "st-flash": StFlash(name="st-flash"),
    "esptool": Esptool(name="esptool", chip="esp32c3", address=0),
    "dfu-util": DfuUtil(name="dfu-util", usb=("0483:df11",)),
}


def of_boards(name: str) -> list:
    return [pytest.param(a, id=board) for board, a in ARGUMENTS if a.name == name]


def program(name: str) -> Path:
    found = find_tool(FLASHERS[name].tool)
    if found is None:
        pytest.skip(f"{name} not tested: install it: {FLASHERS[name].tool.install_command}")
    return found


@pytest.mark.parametrize("arguments", [SAMPLES["openocd"], *of_boards("openocd")])
def test_openocd_reads_its_configuration_files(arguments):
    command = [program("openocd"), *configuration(arguments), "-c", "shutdown"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def pyocd_targets() -> set[str]:
    command = [program("pyocd"), "list", "--targets"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    return set(re.findall(r"^\s+(\w+)\s", text, re.MULTILINE))


@pytest.mark.parametrize("arguments", [SAMPLES["pyocd"], *of_boards("pyocd")])
def test_pyocd_knows_its_target(arguments, pyocd_targets):
    if arguments.target not in pyocd_targets:
        pytest.skip(f"{arguments.target} not tested: pyocd pack install {arguments.target}")
    assert arguments.target in pyocd_targets


@pytest.mark.parametrize(
    ("name", "device", "said"),
    [
        ("openocd", "123", "Error: open failed; no probe answers"),
        ("pyocd", "123", "; no probe answers"),
        ("st-flash", "123", "Couldn't find any ST-Link devices; no ST-Link answers"),
        ("dfu-util", "123", "No DFU capable USB device available; no loader answers"),
        ("esptool", "/dev/ttyNONE", "the port is busy or doesn't exist.; close what has the port"),
    ],
)
def test_tool_takes_the_command_and_misses_the_board(name, device, said, tmp_path):
    """All but the hardware is there: any fault of the command line would be said first."""
    for file in ("a.elf", "a.bin"):
        (tmp_path / file).write_bytes(bytes(64))
    job = FlashJob(
        program(name), SAMPLES[name], tmp_path / "a.elf", tmp_path / "a.bin", 0x0800_0000, device
    )
    with pytest.raises(DeviceFailed, match=re.escape(said)):
        flashing._execute(FLASHERS[name], FLASHERS[name].command(job))
