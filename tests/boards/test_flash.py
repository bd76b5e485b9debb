"""Flashing without hardware: stand-ins for tools, probes and ports; all refusals and commands."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fake_images import FAKE_MODEL

from microlut.board.board import Board, load_board
from microlut.board.flash_tools import (
    Bossac,
    DfuUtil,
    Esptool,
    Openocd,
    Picotool,
    ProbeRs,
    Pyocd,
    StFlash,
    Uf2Drive,
)
from microlut.board.schema import Memory, Probe, Region
from microlut.errors import DeviceFailed, DoesNotFit, InvalidBoard, InvalidInput, ToolMissing
from microlut.flashing import find_device
from microlut.machine import tools
from microlut.machine.serial_port import PortInfo
from microlut.machine.tools import ARM_GCC, NEWLIB, find_tool
from microlut.machine.usb import UsbDevice
from microlut.project import Project
from microlut.toolchain.build import build
from microlut.toolchain.record import BuildRecord, write_record
from microlut.workflow import flash as flashing
from microlut.workflow.flash import flash

ST_LINK = UsbDevice("0483:374b", "066BFF51", "STM32 STLink")
OTHER = UsbDevice("1d6b:0002", None, "root hub")
PORT = PortInfo("/dev/null", 0x303A, 0x1001, None, "USB JTAG/serial debug unit")
TOOLS = (
    Pyocd(name="pyocd", target="stm32f407vg"),
    Openocd(name="openocd", config=("interface/stlink.cfg", "target/stm32f4x.cfg")),
    StFlash(name="st-flash"),
)
ESP = Esptool(name="esptool", chip="esp32c3", address=0)


def board_with(*flash_tools: object, usb: tuple[str, ...] = ("0483:374b",)) -> Board:
    probe = Probe(usb=usb) if usb else None
    board = load_board("mps2-an386")
    return board.model_copy(update={"flash_tools": flash_tools or TOOLS, "probe": probe})


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """A project with the fake model and its image for the board, not to be changed."""
    for tool in (ARM_GCC, NEWLIB):
        if find_tool(tool) is None:
            pytest.skip(f"flashing not tested: {tool.name} is missing ({tool.apt_command})")
    folder = tmp_path_factory.mktemp("flash") / "model"
    shutil.copytree(FAKE_MODEL, folder)
    build(folder, "fake", board_with(), folder / "build" / "mps2-an386")
    return folder


@pytest.fixture
def project(built, tmp_path) -> Project:
    folder = shutil.copytree(built, tmp_path / "model")
    return Project(folder, "fake", None, {"optimize": "speed"})


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with one ST-Link, one port and, as they are installed, tools that write a log."""
    monkeypatch.setattr(tools, "_search_path", lambda: str(tmp_path / "bin"))
    monkeypatch.setattr(find_device, "usb_devices", lambda: (ST_LINK, OTHER))
    monkeypatch.setattr(find_device, "ports", lambda: (PORT,))
    (tmp_path / "bin").mkdir()
    return tmp_path


def install(machine: Path, name: str, script: str = "") -> Path:
    path = machine / "bin" / name
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{machine / "log"}"\n{script}\n')
    path.chmod(0o755)
    return path


def calls(machine: Path) -> list[str]:
    log = machine / "log"
    return log.read_text().splitlines() if log.exists() else []


def record_of(project: Project) -> Path:
    return project.build_folder("mps2-an386") / "fake.json"


def record(project: Project, board: Board) -> None:
    """Say of the image, which has no part that differs, that it was built for another board."""
    files = project.build_folder("mps2-an386").glob("fake.[!j]*")
    write_record(record_of(project), BuildRecord.of(board, files))


# --- commands


def test_flash_with_openocd(project, machine):
    program = install(machine, "openocd")
    result = flash(project, board_with())
    elf = str(project.build_folder("mps2-an386") / "fake.elf")
    assert calls(machine) == list(result.command[1:])
    assert result.command[0] == str(program)
    assert result.command[1:5] == ("-f", "interface/stlink.cfg", "-f", "target/stm32f4x.cfg")
    assert result.command[5:] == (
        *("-c", "adapter serial 066BFF51"),
        *("-c", f"program {elf} verify reset exit"),
    )
    assert (result.tool, result.device, result.written) == ("openocd", "066BFF51", True)
    assert result.bytes == (project.build_folder("mps2-an386") / "fake.bin").stat().st_size


def test_flash_with_openocd_quotes_paths_for_tcl(project, machine):
    install(machine, "openocd")
    folder = shutil.copytree(project.path, machine / "a {b} $c [d]")
    moved = Project(folder, "fake", None, project.report)
    text = flash(moved, board_with()).command[-1]
    assert r"a\ \{b\}\ \$c\ \[d\]/build" in text


def test_flash_with_pyocd(project, machine):
    install(machine, "pyocd")
    result = flash(project, board_with())
    assert calls(machine)[:6] == [
        *("load", "--no-wait", "--target", "stm32f407vg", "--uid", "066BFF51")
    ]
    assert calls(machine)[6].endswith("fake.elf")
    assert result.tool == "pyocd"


def test_flash_with_st_flash(project, machine):
    install(machine, "st-flash")
    flash(project, board_with())
    assert calls(machine)[:4] == ["--serial", "066BFF51", "--reset", "write"]
    assert calls(machine)[4].endswith("fake.bin")
    assert calls(machine)[5] == "0x00000000"


def test_flash_with_esptool(project, machine):
    install(machine, "esptool")
    board = board_with(ESP, usb=("303a:1001",))
    record(project, board)
    result = flash(project, board)
    assert calls(machine)[:6] == [
        *("--chip", "esp32c3", "--port", "/dev/null", "write-flash", "0x0")
    ]
    assert calls(machine)[6].endswith("fake.bin")
    assert result.device == "/dev/null"


def test_flash_with_probe_rs_starts_the_image_by_a_second_command(project, machine):
    install(machine, "probe-rs")
    board = board_with(ProbeRs(name="probe-rs", chip="STM32F407VG"))
    record(project, board)
    result = flash(project, board)
    options = ["--non-interactive", "--chip", "STM32F407VG", "--probe", "0483:374b:066BFF51"]
    elf = str(project.build_folder("mps2-an386") / "fake.elf")
    assert calls(machine) == ["download", *options, "--verify", elf, "reset", *options]
    assert list(result.command[1:]) == ["download", *options, "--verify", elf]


def test_flash_with_dfu_util_looks_for_the_loader_and_not_for_the_probe(
    project, machine, monkeypatch
):
    install(machine, "dfu-util")
    loader = UsbDevice("0483:df11", "3566355E3333", "STM32 BOOTLOADER")
    monkeypatch.setattr(find_device, "usb_devices", lambda: (ST_LINK, loader))
    board = board_with(DfuUtil(name="dfu-util", usb=("0483:df11",)))
    record(project, board)
    assert flash(project, board).device == "3566355E3333"
    assert calls(machine) == [
        *("-d", "0483:df11", "-S", "3566355E3333", "-a", "0", "-s", "0x00000000:leave", "-D"),
        str(project.build_folder("mps2-an386") / "fake.bin"),
    ]
    monkeypatch.setattr(find_device, "usb_devices", lambda: (ST_LINK,))
    with pytest.raises(DeviceFailed, match="no probe 0483:df11 on USB"):
        flash(project, board)


def test_flash_with_bossac(project, machine):
    install(machine, "bossac")
    board = board_with(Bossac(name="bossac", usb=("2341:005a", "303a:1001")), usb=())
    record(project, board)
    assert flash(project, board).device == "/dev/null"
    binary = str(project.build_folder("mps2-an386") / "fake.bin")
    assert calls(machine) == ["-d", "--port=/dev/null", "-U", "-i", "-e", "-w", binary, "-R"]


def test_flash_with_picotool(project, machine, monkeypatch):
    install(machine, "picotool")
    boot = UsbDevice("2e8a:0003", "E0C9125B0D9B", "RP2 Boot")
    monkeypatch.setattr(find_device, "usb_devices", lambda: (boot, OTHER))
    board = board_with(Picotool(name="picotool", usb=("2e8a:0003",)))
    record(project, board)
    flash(project, board)
    elf = str(project.build_folder("mps2-an386") / "fake.elf")
    assert calls(machine) == ["load", "-v", "-x", elf, "--ser", "E0C9125B0D9B"]


@pytest.fixture
def drives(tmp_path, monkeypatch):
    """Two drives that boards show, and a stick."""
    found = {"pico": "RPI-RP2", "xiao": "nRF52840-SeeedXiaoSense-v1", "stick": ""}
    for name, board in found.items():
        (tmp_path / "media" / name).mkdir(parents=True)
        if board:
            info = f"UF2 Bootloader v3.0\r\nModel: x\r\nBoard-ID: {board}\r\n"
            (tmp_path / "media" / name / "INFO_UF2.TXT").write_text(info)
    monkeypatch.setattr("microlut.machine.drives._MOUNTS", (str(tmp_path / "media"), "/nowhere"))
    return tmp_path / "media"


def uf2_board(project: Project, name: str) -> Board:
    (project.build_folder("mps2-an386") / "fake.uf2").write_bytes(bytes(512) * 3)
    board = board_with(Uf2Drive(name="uf2", drive=name), usb=())
    record(project, board)
    return board


def test_flash_by_a_copy_to_the_drive_of_the_board(project, machine, drives):
    board = uf2_board(project, "nRF52840-SeeedXiao")
    told = flash(project, board, dry_run=True)
    assert (told.device, told.tool, told.note) == (str(drives / "xiao"), "uf2", "")
    assert not (drives / "xiao" / "fake.uf2").exists()
    assert flash(project, board).written
    assert (drives / "xiao" / "fake.uf2").read_bytes() == bytes(512) * 3
    assert not (drives / "pico" / "fake.uf2").exists()


def test_drives_that_are_refused(project, machine, drives):
    board = uf2_board(project, "RP2350")
    with pytest.raises(DeviceFailed, match=r"no drive of a board RP2350; here: .*pico RPI-RP2"):
        flash(project, board)
    with pytest.raises(DeviceFailed, match=r"stick \(no board\); start the boot loader"):
        flash(project, board, port=str(drives / "stick"))
    (drives / "stick" / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2\n")
    board = uf2_board(project, "RPI-RP2")
    with pytest.raises(DeviceFailed, match=r"2 drives; .*choose one with --port"):
        flash(project, board)
    assert flash(project, board, port=str(drives / "stick")).device == str(drives / "stick")


def test_drive_that_cannot_be_written_says_why(project, machine, drives):
    board = uf2_board(project, "RPI-RP2")
    (drives / "pico" / "fake.uf2").mkdir()
    with pytest.raises(DeviceFailed, match=r"uf2: .*fake\.uf2: Is a directory"):
        flash(project, board)


def test_first_tool_that_is_installed_is_taken(project, machine):
    for name in ("st-flash", "openocd"):
        install(machine, name)
    assert flash(project, board_with()).tool == "openocd"
    assert flash(project, board_with(), tool="st-flash").tool == "st-flash"


def test_dry_run_runs_nothing(project, machine, monkeypatch):
    install(machine, "openocd")
    result = flash(project, board_with(), dry_run=True)
    assert (result.written, result.note, result.device) == (False, "", "066BFF51")
    monkeypatch.setattr(find_device, "usb_devices", lambda: (OTHER,))
    result = flash(project, board_with(), dry_run=True)
    assert result.note.startswith("mps2-an386: no probe 0483:374b on USB")
    assert "program" in result.command_text
    assert calls(machine) == []
    assert json.dumps(result.as_json())


def test_image_that_is_not_there_is_built(project, built, machine, monkeypatch):
    install(machine, "openocd")
    asked = []

    def build_again(project: Project, board: Board, *, profile: bool) -> None:
        folder = project.build_folder(board.id, profile)
        asked.append(folder.name)
        shutil.copytree(built / "build" / board.id, folder)

    monkeypatch.setattr(flashing, "build", build_again)
    assert flash(project, board_with()).written
    shutil.rmtree(project.path / "build")
    assert flash(project, board_with()).written
    assert flash(project, board_with(), profile=True).written
    assert asked == ["mps2-an386", "mps2-an386-profile"]


# --- refusals; nothing is ever written


def refused(project, machine, board=None, target=None, message="", kind=DeviceFailed) -> None:
    with pytest.raises(kind, match=message) as error:
        flash(project, board or board_with(), **(target or {}))
    assert "\n" not in str(error.value)
    assert calls(machine) == []


def test_board_that_cannot_be_flashed(project, machine):
    board = load_board("mps2-an386")
    refused(project, machine, board, None, "has no flash_tools", InvalidBoard)


def test_tool_that_the_board_does_not_name(project, machine):
    message = "found no esptool; it can be flashed with pyocd, openocd, st-flash"
    refused(project, machine, None, {"tool": "esptool"}, message, InvalidBoard)


def test_no_tool_is_installed(project, machine):
    message = "pyocd: pip install pyocd; or openocd: sudo apt-get install -y openocd; or st-flash"
    refused(project, machine, None, None, message, ToolMissing)


def test_image_for_another_board(project, machine):
    install(machine, "openocd")
    record(project, load_board("mps2-an385"))
    message = r"built for mps2-an385 \(cortex-m3\) and not for mps2-an386 \(cortex-m4f\)"
    refused(project, machine, None, None, message, InvalidInput)


def test_board_file_changed_since_the_build(project, machine):
    install(machine, "openocd")
    board = board_with().model_copy(update={"clock_hz": 24_000_000})
    refused(project, machine, board, None, "board file has changed since", InvalidInput)


@pytest.mark.parametrize("name", ["fake.elf", "fake.bin"])
def test_image_changed_since_the_build(name, project, machine):
    install(machine, "openocd")
    (project.build_folder("mps2-an386") / name).write_bytes(b"other")
    refused(project, machine, None, None, f"{name}: is missing or was changed", InvalidInput)


def test_image_without_record(project, machine):
    install(machine, "openocd")
    record_of(project).unlink()
    message = "does not say what it was built for .*build again: microlut build"
    refused(project, machine, None, None, message, InvalidInput)


@pytest.mark.parametrize("text", ["", "{}", '{"board": 3}'])
def test_damaged_record(text, project, machine):
    install(machine, "openocd")
    record_of(project).write_text(text)
    refused(project, machine, None, None, "fake.json: is damaged", InvalidInput)


def test_image_outside_the_flash(project, machine):
    install(machine, "openocd")
    board = board_with()
    memory = Memory(flash=Region(origin=0x0800_0000, size=0x1_0000), ram=board.memory.ram)
    board = board.model_copy(update={"memory": memory})
    record(project, board)
    message = "holds bytes for 0x0 to .* and mps2-an386 has 0x8000000 to 0x8010000; build it"
    refused(project, machine, board, None, message, DoesNotFit)


def esp_with_a_loader() -> Board:
    """Return a board whose loader copies code to 0x0, where the fake image has it, and data."""
    board = board_with(ESP, usb=("303a:1001",))
    memory = Memory(
        flash=Region(origin=0x4000_0000, size=0x40_0000),
        ram=Region(origin=0x2000_0000, size=0x40_0000),
        code_origin=0,
    )
    return board.model_copy(update={"memory": memory})


def test_image_that_a_loader_copies_has_its_place_in_ram(project, machine):
    install(machine, "esptool")
    board = esp_with_a_loader()
    record(project, board)
    assert flash(project, board).written
    board = board.model_copy(
        update={"memory": board.memory.model_copy(update={"code_origin": 0x3000_0000})}
    )
    record(project, board)
    with pytest.raises(DoesNotFit, match="has 0x20000000 to 0x20400000 or 0x30000000 to 0x304000"):
        flash(project, board)


def test_no_probe(project, machine, monkeypatch):
    install(machine, "openocd")
    monkeypatch.setattr(find_device, "usb_devices", lambda: (OTHER,))
    refused(project, machine, message="no probe 0483:374b on USB; check that the cable")


def test_several_probes(project, machine, monkeypatch):
    install(machine, "openocd")
    second = UsbDevice("0483:374b", "0670FF48", "STM32 STLink")
    monkeypatch.setattr(find_device, "usb_devices", lambda: (ST_LINK, second))
    refused(project, machine, message=r"2 probes; .*066BFF51.*0670FF48.*choose one with --probe")
    assert flash(project, board_with(), probe="0670FF48").device == "0670FF48"


def test_unknown_probe(project, machine):
    install(machine, "openocd")
    target = {"probe": "123"}
    refused(project, machine, None, target, "no probe with serial number 123; here: 0483:374b")


def test_forbidden_probe(project, machine, monkeypatch):
    install(machine, "openocd")
    forbidden = UsbDevice("0483:374b", None, "STM32 STLink", forbidden=True)
    monkeypatch.setattr(find_device, "usb_devices", lambda: (forbidden,))
    refused(project, machine, message=r"permission denied: install the udev rule of docs/guide")


def test_board_without_usb_ids_leaves_the_probe_to_the_tool(project, machine):
    install(machine, "st-flash")
    board = board_with(usb=())
    record(project, board)
    assert flash(project, board).device is None
    assert flash(project, board, probe="123").command[1:3] == ("--serial", "123")


def test_port_for_a_probe_and_probe_for_a_port(project, machine):
    install(machine, "openocd")
    install(machine, "esptool")
    refused(project, machine, None, {"port": "/dev/x"}, "by its probe", InvalidInput)
    board = board_with(ESP, usb=("303a:1001",))
    record(project, board)
    refused(project, machine, board, {"probe": "1"}, "by its port", InvalidInput)


@pytest.mark.parametrize(
    ("here", "named", "message"),
    [
        ((), None, "no serial port of 303a:1001; here: none; check that the cable"),
        ((PORT, PORT), None, r"2 boards; here: /dev/null 303a:1001, .* choose one with --port"),
        ((PORT,), "/dev/x", "no serial port /dev/x; here: /dev/null 303a:1001"),
        (
            (PortInfo("/dev/ttyS0", None, None, None, ""),),
            "/dev/ttyS0",
            "/dev/ttyS0 is no USB, the board's is 303a:1001",
        ),
        (
            (PortInfo("/dev/absent", 0x303A, 0x1001, None, ""),),
            None,
            "/dev/absent: permission denied: .*dialout",
        ),
    ],
    ids=["none", "several", "absent", "other", "forbidden"],
)
def test_ports_that_are_refused(here, named, message, project, machine, monkeypatch):
    install(machine, "esptool")
    monkeypatch.setattr(find_device, "ports", lambda: here)
    board = board_with(ESP, usb=("303a:1001",))
    record(project, board)
    refused(project, machine, board, {"port": named}, message)


# --- what tools say when they fail


def board_of_tool(project: Project, name: str) -> Board:
    """Return a board that only this tool flashes, through what is plugged in."""
    ids = ST_LINK.id, f"{PORT.vid:04x}:{PORT.pid:04x}"
    more = {
        "probe-rs": ProbeRs(name="probe-rs", chip="STM32F407VG"),
        "dfu-util": DfuUtil(name="dfu-util", usb=ids),
        "picotool": Picotool(name="picotool", usb=ids),
        "bossac": Bossac(name="bossac", usb=ids),
    }
    board = board_with(more[name]) if name in more else board_with()
    record(project, board)
    return board


@pytest.mark.parametrize(
    ("name", "said", "advice"),
    [
        ("openocd", "Error: open failed", "no probe answers: check that the cable"),
        ("openocd", "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS", "udev rule"),
        ("openocd", "Error: init mode failed (unable to connect to the target)", "boot pins"),
        ("openocd", "Can't find target/stm32x.cfg", "lacks a configuration file"),
        ("pyocd", "No connected debug probes", "no probe answers"),
        ("pyocd", "Target type stm32f407vg not recognized.", "pyocd pack install"),
        ("pyocd", "usb.core.USBError: [Errno 13] Access denied (insufficient perm", "udev rule"),
        ("st-flash", "Couldn't find any ST-Link devices", "no ST-Link answers"),
        ("st-flash", "Failed to connect to target", "boot pins"),
        ("st-flash", "something new", "see docs/guide/flashing.md"),
        ("st-flash", "", "exit status 3; see docs/guide/flashing.md"),
        ("probe-rs", "Error: No connected probes were found.", "no probe answers"),
        (
            "probe-rs",
            "Error: The chip 'x' was not found in the database.",
            "does not know the chip",
        ),
        ("bossac", "No device found on ttyACM0", "press RESET twice"),
        ("bossac", "Error: unsupported device", "take Arduino's own bossac"),
        ("dfu-util", "dfu-util: No DFU capable USB device available", "hold BOOT0 while"),
        ("picotool", "No accessible RP-series devices in BOOTSEL mode were found.", "hold BOOTSEL"),
    ],
)
def test_failed_tool_says_what_to_check(name, said, advice, project, machine):
    install(machine, name, f'echo "first"; echo "{said}" >&2; exit 3' if said else "exit 3")
    with pytest.raises(DeviceFailed, match=advice) as error:
        flash(project, board_of_tool(project, name))
    assert str(error.value).startswith(f"{name}: {said or 'exit status 3'}; ")
    assert f"by hand: {machine / 'bin' / name} " in str(error.value)


def test_esptool_that_gets_no_answer_tells_of_the_boot_mode(project, machine):
    said = "A fatal error occurred: Failed to connect to ESP32-C3: No serial data received."
    install(machine, "esptool", f"echo '{said}'; exit 2")
    board = board_with(ESP, usb=("303a:1001",))
    record(project, board)
    with pytest.raises(DeviceFailed, match="hold the BOOT button, press and release RESET"):
        flash(project, board)


def test_tool_that_hangs_is_stopped(project, machine, monkeypatch):
    install(machine, "openocd", "exec sleep 20")
    monkeypatch.setattr(flashing, "_TIMEOUT_SECONDS", 0.5)
    with pytest.raises(DeviceFailed, match=r"took longer than 0.5 s and was stopped"):
        flash(project, board_with())
