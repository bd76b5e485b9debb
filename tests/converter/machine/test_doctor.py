"""Finding the external programs, and saying how to install those that are missing."""

from __future__ import annotations

import os
import subprocess
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from microlut.errors import ToolMissing
from microlut.machine import doctor, tools
from microlut.machine.doctor import diagnose
from microlut.machine.tools import NEWLIB, PICOLIBC, QEMU, TOOLS, find_tool, require_tool

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "install-tools.sh"


@pytest.fixture
def bare_path(tmp_path, monkeypatch):
    """An empty folder as the only place where programs are looked for."""
    monkeypatch.setattr(tools, "_search_path", lambda: str(tmp_path))
    monkeypatch.setattr(tools, "find_spec", lambda _: None)
    return tmp_path


def test_diagnose_gives_the_version_of_a_package(monkeypatch):
    monkeypatch.setattr(tools, "find_spec", lambda _: ModuleSpec("labwired", None, origin="here"))
    monkeypatch.setattr(doctor, "version", lambda name: f"{name} 9.9")
    (found,) = [status for status in diagnose() if status.name == "labwired"]
    assert (found.path, found.version) == (Path("here"), "labwired 9.9")


def _program(folder: Path, name: str, answer: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_diagnose_reports_every_tool():
    assert [status.name for status in diagnose()] == [tool.name for tool in TOOLS]


def test_diagnose_finds_path_and_version(bare_path):
    path = _program(bare_path, "qemu-system-arm", "QEMU emulator version 9.2.1 (v9.2.1)")
    status = next(status for status in diagnose() if status.name == "qemu-system-arm")
    assert (status.path, status.version) == (path, "9.2.1")


def test_diagnose_survives_a_tool_without_version(bare_path):
    _program(bare_path, "ninja", "no numbers here")
    status = next(status for status in diagnose() if status.name == "ninja")
    assert status.path is not None
    assert status.version is None


def test_diagnose_tells_how_to_install_what_is_missing(bare_path):
    for status in diagnose():
        assert (status.path is None) is (status.name != "uf2")  # a copy, which Python makes
        manager, command = status.install[0]
        start = {"pip": "pip install ", "apt": "sudo apt-get install -y ", "elsewhere": ""}
        assert command.startswith(start[manager])
        assert len(command) > len(start[manager])
        assert status.needed_for


def test_optional_tools_are_those_that_flash_and_emulate_and_of_ecosystems(bare_path):
    optional = {"renode", "labwired", "openocd", "pyocd", "st-flash", "esptool"}
    optional |= {"probe-rs", "dfu-util", "bossac"}
    optional |= {"west", "idf.py", "pio", "arduino-cli", "picotool", "uf2"}
    assert {status.name for status in diagnose() if not status.lacks} == optional


def test_require_tool_names_the_apt_command(bare_path):
    with pytest.raises(ToolMissing, match="sudo apt-get install -y qemu-system-arm"):
        require_tool(QEMU)


def test_newlib_is_missing_if_the_compiler_does_not_know_it(bare_path):
    _program(bare_path, "arm-none-eabi-gcc", "nano.specs")
    assert find_tool(NEWLIB) is None


def test_newlib_is_found_through_the_compiler(bare_path):
    _program(bare_path, "arm-none-eabi-gcc", "/usr/lib/arm/nano.specs")
    assert find_tool(NEWLIB) == Path("/usr/lib/arm/nano.specs")


def test_picolibc_is_found_through_its_own_compiler(bare_path):
    _program(bare_path, "arm-none-eabi-gcc", "/usr/lib/arm/picolibc.specs")
    assert find_tool(PICOLIBC) is None
    _program(bare_path, "riscv64-unknown-elf-gcc", "/usr/lib/riscv/picolibc.specs")
    assert find_tool(PICOLIBC) == Path("/usr/lib/riscv/picolibc.specs")


def _run_script(folder: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", SCRIPT, *arguments], env={"PATH": path, "LOG": str(folder / "log")},
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip


@pytest.fixture
def fake_machine(tmp_path):
    """A folder with stand-ins for all tools; sudo and apt-get only write down their arguments."""
    _program(tmp_path, "arm-none-eabi-gcc", "/usr/lib/arm/nano.specs")
    _program(tmp_path, "riscv64-unknown-elf-gcc", "/usr/lib/riscv/picolibc.specs")
    for name in ("python3", "cc", "c++", "qemu-system-arm", "qemu-system-riscv32"):
        _program(tmp_path, name, "")
    for name, body in (
        ("id", "echo 1000"),
        ("sudo", 'exec "$@"'),
        ("env", 'while [ "${1#*=}" != "$1" ]; do export "$1"; shift; done; exec "$@"'),
        ("apt-get", 'echo "$DEBIAN_FRONTEND $*" >> "$LOG"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_install_script_does_nothing_if_all_is_there(fake_machine):
    result = _run_script(fake_machine, str(fake_machine))
    assert result.returncode == 0
    assert not (fake_machine / "log").exists()


def test_install_script_installs_only_what_is_missing(fake_machine):
    for name in ("qemu-system-arm", "riscv64-unknown-elf-gcc"):
        (fake_machine / name).unlink()
    result = _run_script(fake_machine, str(fake_machine))
    assert result.returncode == 0, result.stderr
    missing = "qemu-system-arm gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf"
    assert (fake_machine / "log").read_text().splitlines() == [
        "noninteractive update",
        f"noninteractive install -y --no-install-recommends {missing}",
    ]


def test_install_script_installs_what_only_tests_need_when_asked(fake_machine):
    result = _run_script(fake_machine, str(fake_machine), "--tests")
    assert result.returncode == 0, result.stderr
    missing = "gcc-xtensa-lx106 openocd stlink-tools clang"
    assert (fake_machine / "log").read_text().endswith(f"recommends {missing}\n")


def test_install_script_without_apt_tells_what_to_install(fake_machine):
    for name in ("apt-get", "arm-none-eabi-gcc"):
        (fake_machine / name).unlink()
    result = _run_script(fake_machine, str(fake_machine))
    assert result.returncode != 0
    assert "gcc-arm-none-eabi libnewlib-arm-none-eabi" in result.stderr
    assert all(word in result.stderr for word in ("dnf", "pacman", "brew"))


def test_install_script_can_be_executed():
    assert os.access(SCRIPT, os.X_OK)


def test_install_script_wants_a_cpp_compiler_too(fake_machine):
    (fake_machine / "c++").unlink()
    result = _run_script(fake_machine, str(fake_machine))
    assert result.returncode == 0, result.stderr
    assert (fake_machine / "log").read_text().endswith("build-essential\n")
