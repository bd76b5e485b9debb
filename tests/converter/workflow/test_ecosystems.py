"""Boards of other ecosystems, with programs in the place of these ecosystems' tools.

Each records how it was called, and leaves an ELF file where the real one does, or fails with a
message of the real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import microlut
from command_line import call  # noqa: F401 (a fixture)
from digits_example import TEST, conversion
from microlut.errors import (
    BuildFailed,
    DeviceFailed,
    DoesNotFit,
    InvalidBoard,
    InvalidInput,
    ToolMissing,
)
from microlut.flashing import FLASHERS
from microlut.machine import tools
from microlut.machine.doctor import diagnose
from microlut.machine.tools import ARM_GCC, HOST_CC, find_tool
from microlut.running.emulators import offer_image
from microlut.toolchain.cores import core_of
from microlut.toolchain.ecosystems import ECOSYSTEMS, Folders, foreign_board
from microlut.toolchain.image import measure
from microlut.toolchain.uf2_image import drive_of_application, uf2_of_application

PROGRAM = f"""#!{sys.executable}
import json, os, pathlib, shutil, sys
told = json.loads(pathlib.Path({{settings!r}}).read_text())
with open(told["record"], "a") as file:
    given = {{k: os.environ[k] for k in ("IDF_TARGET", "PLATFORMIO_BUILD_DIR") if k in os.environ}}
    file.write(json.dumps([pathlib.Path(sys.argv[0]).name, sys.argv[1:], given]) + "\\n")
print(told["says"])
if told["status"]:
    sys.exit(told["status"])
if told["elf"]:
    place = pathlib.Path(told["place"])
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(told["elf"], place)
""".replace("{{k: ", "{k: ").replace("os.environ}}", "os.environ}")

# board: where the tool leaves the ELF file, file of the application
BOARDS = {
    "zephyr:nrf52840dk/nrf52840": ("zephyr/zephyr.elf", "prj.conf"),
    "idf:esp32s3": ("digits.elf", "main/port.c"),
    "pio:teensy41": ("teensy41/firmware.elf", "platformio.ini"),
    "pico:pico2": ("digits.elf", "CMakeLists.txt"),
    "arduino:arduino:mbed_nano:nano33ble": ("digits.ino.elf", "digits/digits.ino"),
}
PATH = tools._search_path()
TOOL_NAMES = ("west", "idf.py", "pio", "arduino-cli", "picotool", "cmake", "ninja")


@pytest.fixture(scope="module")
def elf(tmp_path_factory) -> Path:
    """An ELF file with code, constants, variables and zeros."""
    compiler = find_tool(HOST_CC)
    if compiler is None:
        pytest.skip(f"no ELF file: {HOST_CC.name} is missing ({HOST_CC.apt_command})")
    folder = tmp_path_factory.mktemp("elf")
    (folder / "a.c").write_text(
        "const int c[100] = {1}; int v[200] = {1}; int z[300];\n"
        "int _start(void); int _start(void) { return c[v[z[0]]]; }\n"
    )
    command = [compiler, "-nostdlib", "-static", "-Wl,--build-id=none", "-o", "a.elf", "a.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "a.elf"


def test_code_that_runs_from_ram_and_a_heap_are_counted_there(tmp_path):
    """pico-sdk's sections of both have the flags of constants."""
    compiler = find_tool(HOST_CC)
    if compiler is None:
        pytest.skip(f"no ELF file: {HOST_CC.name} is missing ({HOST_CC.apt_command})")
    (tmp_path / "a.c").write_text(
        '__asm__(".section .text,\\"ax\\"\\n.space 96\\n.section .fast,\\"ax\\"\\n.space 48\\n"\n'
        '".section .heap,\\"a\\",%nobits\\n.space 2048\\n.text");\n'
    )
    (tmp_path / "a.ld").write_text(
        "MEMORY { FLASH (rx) : ORIGIN = 0x100000, LENGTH = 64K\n"
        "RAM (rwx) : ORIGIN = 0x200000, LENGTH = 64K }\n"
        "SECTIONS { .text : { *(.text) } >FLASH\n.fast : { *(.fast) } >RAM AT>FLASH\n"
        ".heap (NOLOAD) : { *(.heap) } >RAM\n/DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) } }\n"
    )
    options = ("-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-T,a.ld", "-Wl,-e,0")
    subprocess.run([compiler, *options, "-o", "a.elf", "a.c"], cwd=tmp_path, check=True)
    sizes = measure(tmp_path / "a.elf")
    assert (sizes.flash_bytes, sizes.ram_bytes) == (96 + 48, 48 + 2048)


class Tools:
    """The programs of all ecosystems in a folder of their own, and what they do."""

    def __init__(self, folder: Path, elf: Path) -> None:
        self.folder, self.elf, self.record = folder, elf, folder / "record"
        self.settings = folder / "settings.json"
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        for name in TOOL_NAMES:
            file = self.bin / name
            file.write_text(PROGRAM.replace("{settings!r}", repr(str(self.settings))))
            file.chmod(0o755)

    def answer(self, place: Path | None, says: str = "", status: int = 0) -> None:
        told = {"record": str(self.record), "says": says, "status": status}
        told |= {"elf": str(self.elf) if place else "", "place": str(place)}
        self.settings.write_text(json.dumps(told))
        self.record.unlink(missing_ok=True)

    @property
    def calls(self) -> list:
        if not self.record.exists():
            return []
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def fake(tmp_path, elf, monkeypatch) -> Tools:
    made = Tools(tmp_path / "fake", elf)
    monkeypatch.setattr(tools, "_search_path", lambda: str(made.bin))
    for ecosystem in ECOSYSTEMS.values():
        if ecosystem.folder_variable:
            monkeypatch.setenv(ecosystem.folder_variable, str(tmp_path))
    return made


@pytest.fixture
def project(tmp_path):
    return microlut.write(conversion(), tmp_path / "out")


def work_of(project, text: str) -> Path:
    return project.build_folder(foreign_board(text).id).resolve() / "build"


@pytest.mark.parametrize("text", BOARDS)
def test_application_is_exported_and_built_by_the_ecosystems_tool(project, fake, elf, text):
    place, file = BOARDS[text]
    work = work_of(project, text)
    fake.answer(work / place)
    image = microlut.build(project, text)
    assert (image.board_id, image.elf) == (text, work / place)
    sizes = measure(elf)
    assert (image.flash_bytes, image.ram_bytes) == (sizes.flash_bytes, sizes.ram_bytes)
    assert sizes.ram_bytes >= 4 * 500
    assert sizes.flash_bytes >= 4 * 300
    app = work.parent / "app"
    assert (app / file).is_file()
    assert (image.uf2 is not None) is text.startswith("pico:")
    name, at = text.partition(":")[2], (str(app), str(work))
    settings = f"SDKCONFIG={work / 'sdkconfig'}"
    pico = f"-DPICO_BOARD={name}", "-DPICO_NO_PICOTOOL=1", "-DCMAKE_BUILD_TYPE=Release"
    # Without these, it installs what all boards of the settings need, or chooses a framework.
    alone = "--no-install-dependencies", "-O", "framework=arduino"
    expected = {
        "zephyr": [["west", ["build", "-b", name, "-d", at[1], at[0]], {}]],
        "idf": [
            ["idf.py", ["-C", at[0], "-B", at[1], "-D", settings, "build"], {"IDF_TARGET": name}]
        ],
        "pio": [
            ["pio", ["project", "init", "-d", at[0], "--board", name, *alone]],
            ["pio", ["run", "-d", at[0], "-e", name]],
        ],
        "pico": [
            ["cmake", ["-G", "Ninja", "-S", at[0], "-B", at[1], *pico], {}],
            ["cmake", ["--build", at[1]], {}],
        ],
        "arduino": [
            [
                "arduino-cli",
                ["compile", "--fqbn", name, "--build-path", at[1], str(app / "digits")],
                {},
            ]
        ],
    }[text.partition(":")[0]]
    if text.startswith("pio:"):
        expected = [[*call, {"PLATFORMIO_BUILD_DIR": at[1]}] for call in expected]
    assert fake.calls == expected


def test_console_on_usb_is_asked_for(project, fake):
    text = "zephyr:xiao_ble/nrf52840,usb"
    work = work_of(project, text)
    fake.answer(work / "zephyr" / "zephyr.elf")
    assert microlut.build(project, text).board_id == text
    assert work != work_of(project, "zephyr:xiao_ble/nrf52840")
    ((_, given, _),) = fake.calls
    assert given[:5] == ["build", "-b", "xiao_ble/nrf52840", "-S", "cdc-acm-console"]
    text = "idf:esp32c3,usb"
    work = work_of(project, text)
    fake.answer(work / "digits.elf")
    microlut.build(project, text)
    ((_, given, variables),) = fake.calls
    app = work.parent / "app"
    files = f"{app / 'sdkconfig.defaults'};{app / 'sdkconfig.usb'}"
    assert given[-3:] == ["-D", f"SDKCONFIG_DEFAULTS={files}", "build"]
    assert variables == {"IDF_TARGET": "esp32c3"}
    assert "CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG=y" in (app / "sdkconfig.usb").read_text()
    told = microlut.flash(project, text, dry_run=True)
    assert told.command[-3:] == ("-D", f"SDKCONFIG_DEFAULTS={files}", "flash")


@pytest.mark.parametrize("text", ["zephyr:x,cdc", "idf:esp32c3,", "idf:esp32c3,usb,usb"])
def test_other_words_after_a_comma_are_refused(text):
    with pytest.raises(InvalidBoard, match=r"after the comma; usb, for a console on the board's"):
        foreign_board(text)


@pytest.mark.parametrize("text", ["idf:esp32,usb", "idf:esp32c2,usb"])
def test_chip_without_usb_is_told(text):
    with pytest.raises(InvalidBoard, match="has no USB port; leave ,usb out"):
        foreign_board(text)


def test_platformio_takes_an_environment_that_is_there(project, fake):
    fake.answer(work_of(project, "pio:pico") / "pico" / "firmware.elf")
    microlut.build(project, "pio:pico")
    assert [arguments[0] for _, arguments, _ in fake.calls] == ["run"]


def test_only_changed_files_are_written_again(project, fake):
    text = "zephyr:qemu_cortex_m3"
    work = work_of(project, text)
    fake.answer(work / "zephyr" / "zephyr.elf")
    microlut.build(project, text)
    app = work.parent / "app"
    kept, changed, old = app / "prj.conf", app / "CMakeLists.txt", app / "src" / "old.c"
    os.utime(kept, (1, 1))
    changed.write_text("edited")
    old.write_text("of an earlier model")
    microlut.build(project, text)
    assert kept.stat().st_mtime == 1
    assert changed.read_text() != "edited"
    assert not old.exists()
    microlut.write(conversion(), project.path.with_name("again"))
    microlut.project.check_replaceable(project.path)  # what was built is nobody's work


FAILURES = [
    ("zephyr:nope", "ERROR: No board named 'nope' found.", InvalidBoard, "No board named 'nope'"),
    (
        "idf:esp9",
        "CMake Error\n  Toolchain file\n  /i/x.cmake not found",
        InvalidBoard,
        "not found",
    ),
    ("pio:nope", "UnknownBoard: Unknown board ID 'nope'", InvalidBoard, "Unknown board ID 'nope'"),
    (
        *("pico:nope", "Unable to find definition of board 'nope' (specified by PICO_BOARD)"),
        *(InvalidBoard, "Unable to find definition"),
    ),
    (
        *("arduino:a:b:c", "Error during build: Platform 'a:b' not found: platform not installed"),
        *(InvalidBoard, "Platform 'a:b' not found"),
    ),
    (
        *("pico:pico", "ld: region `FLASH' overflowed by 1234 bytes\nninja: build stopped"),
        *(DoesNotFit, "region `FLASH' overflowed by 1234 bytes"),
    ),
    (
        *("zephyr:x", "[1/9] Building\na.c:3:1: error: no such thing\nninja: build stopped"),
        *(BuildFailed, "west: a.c:3:1: error: no such thing; all messages: "),
    ),
    ("pio:pico", "something\nlast words", BuildFailed, "pio: last words"),
    ("pio:pico", "", BuildFailed, "pio: no message"),
    ("pio:pico", "HTTPClientError: ", BuildFailed, "HTTPClientError; it could not download"),
]

# What real tools said (docs/measurements/ecosystems.md), with shorter paths.
REAL = [
    (
        "zephyr:x",
        "-- Board: x\nCMake Error at /z/cmake/compiler/gcc/generic.cmake:9 (message):\n"
        "  Zephyr was unable to find the toolchain.  Is the environment misconfigured?\n\n"
        "  User-configuration:\n\n-- Configuring incomplete, errors occurred!\nFATAL ERROR: x",
        BuildFailed,
        "west: Zephyr was unable to find the toolchain. Is the environment misconfigured?; all",
    ),
    (
        "zephyr:x",
        "Merged configuration 'prj.conf'\n\nwarning: FREQ_HZ (defined at Kconfig:24) defined "
        "without a type\n\nerror: Aborting due to Kconfig warnings\n\nCMake Error at "
        "/z/kconfig.cmake:357 (message):\n  command failed with return code: 1\nCall Stack\n",
        BuildFailed,
        "west: warning: FREQ_HZ (defined at Kconfig:24) defined without a type; all",
    ),
    (
        "zephyr:x",
        "Parsing /z/Kconfig\n/z/kconfig.py: Kconfig:15: 'Kconfig.swo' not found\nCMake Error at "
        "/z/kconfig.cmake:357 (message):\n  command failed with return code: 1\nCall Stack\n",
        BuildFailed,
        "west: /z/kconfig.py: Kconfig:15: 'Kconfig.swo' not found; all",
    ),
    (
        "pico:pico",
        "TinyUSB available\nCMake Error at /p/src/rp2_common/tinyusb/CMakeLists.txt:29 (include):\n"
        "  include could not find requested file:\n\n    /p/lib/tinyusb/family_support.cmake\n\n\n"
        "-- Configuring incomplete, errors occurred!\n",
        BuildFailed,
        "cmake: include could not find requested file: /p/lib/tinyusb/family_support.cmake; all",
    ),
    (
        *("zephyr:x", 'usage: west [-h]\nwest: unknown command "build"; are you in a workspace?'),
        *(BuildFailed, 'x: west: unknown command "build"; are you in a workspace?; all'),
    ),
    (
        "zephyr:x",
        "/usr/lib/gcc/a/bin/ld.bfd: zephyr_pre0.elf section `noinit' will not fit in region `RAM'\n"
        "/usr/lib/gcc/a/bin/ld.bfd: region `RAM' overflowed by 3472 bytes\n",
        DoesNotFit,
        "west: region `RAM' overflowed by 3472 bytes; all",
    ),
    (
        "zephyr:x",
        "/usr/lib/gcc/r/bin/ld.bfd: /usr/lib/gcc/r/libgcc.a(div.o): ABI is incompatible\n"
        "collect2: error: ld returned 1 exit status\n",
        BuildFailed,
        "west: /usr/lib/gcc/r/libgcc.a(div.o): ABI is incompatible; all",
    ),
    (
        "pio:pico",
        "Processing pico\nTool Manager: Installing platformio/tool-scons @ ~4.41101.0\n"
        "HTTPClientError: ",
        BuildFailed,
        "pio: HTTPClientError; it could not download platformio/tool-scons @ ~4.41101.0: check",
    ),
]


@pytest.mark.parametrize(("text", "says", "kind", "told"), [*FAILURES, *REAL])
def test_failure_of_a_tool_is_one_line(project, fake, text, says, kind, told):
    fake.answer(None, says, status=1)
    with pytest.raises(kind) as failed:
        microlut.build(project, text)
    message = str(failed.value)
    assert told in message
    assert message.startswith(f"{text}: ")
    assert "\n" not in message
    log = project.build_folder(f"{foreign_board(text).id}-build.log")
    assert says in log.read_text()
    assert str(log) in message


def test_start_that_failed_is_begun_anew(project, fake):
    """CMake keeps a compiler that was not there, and would not look again."""
    work = work_of(project, "zephyr:x")
    cache = work / "CMakeCache.txt"
    fake.answer(cache, "no compiler")
    with pytest.raises(BuildFailed, match=r"made no ELF file"):
        microlut.build(project, "zephyr:x")
    assert cache.is_file()
    fake.answer(work / "zephyr" / "zephyr.elf")
    microlut.build(project, "zephyr:x")
    assert not cache.exists()
    cache.touch()
    (work / "build.ninja").touch()
    microlut.build(project, "zephyr:x")
    assert cache.exists()  # it had begun: only what has changed is built


def test_tool_that_leaves_no_elf_file_has_failed(project, fake):
    fake.answer(None)
    with pytest.raises(BuildFailed, match=r"west made no ELF file .*zephyr\.elf"):
        microlut.build(project, "zephyr:x")


@pytest.mark.parametrize("text", BOARDS)
def test_tool_that_is_missing_is_named_with_its_installation(project, fake, text):
    tool = ECOSYSTEMS[text.partition(":")[0]].tool
    (fake.bin / tool.name).unlink()
    with pytest.raises(ToolMissing) as missing:
        microlut.build(project, text)
    assert f"{tool.name} is not installed" in str(missing.value)
    assert tool.install_command in str(missing.value)
    assert not project.build_folder(foreign_board(text).id).exists()


@pytest.mark.parametrize(
    ("text", "variable"),
    [("pico:pico", "PICO_SDK_PATH"), ("zephyr:x", "ZEPHYR_BASE"), ("idf:esp32", "IDF_PATH")],
)
def test_folder_of_an_ecosystem_that_is_not_known_is_asked_for(
    project, fake, monkeypatch, text, variable
):
    monkeypatch.setenv(variable, "/nowhere")
    with pytest.raises(ToolMissing, match=f"{variable} is '/nowhere', which is no folder"):
        microlut.build(project, text)
    monkeypatch.delenv(variable)
    with pytest.raises(ToolMissing, match=f"{text}: {variable} is not set"):
        microlut.build(project, text)


@pytest.mark.parametrize("text", ["pico:", "pico:-x", "pio:a b", "zephyr:$(x)", "idf:x;y"])
def test_name_that_could_be_more_than_a_name_is_refused(project, text):
    with pytest.raises(InvalidBoard, match="is no board's name; after"):
        microlut.build(project, text)


def test_verbs_that_need_an_emulator_say_so(project):
    with pytest.raises(
        InvalidBoard, match="go with build, flash, run --port and verify --port only"
    ):
        microlut.verify(project, TEST, ["pico:pico"])


@pytest.mark.parametrize("boards", [None, [], ["host", "mps2-an386"]])
def test_verify_at_a_port_needs_to_know_the_board(project, boards):
    with pytest.raises(InvalidInput, match="port is given; give one board, the one that is there"):
        microlut.verify(project, TEST, boards, port="/dev/ttyACM0")


@pytest.mark.parametrize("text", ["other:board", "mps2-an386", "x.toml", None])
def test_other_texts_are_no_boards_of_ecosystems(text):
    assert foreign_board(text) is None


FLASHED = {
    "zephyr:nrf52840dk/nrf52840": ["west", "flash", "-d", "{work}", "--dev-id", "PORT"],
    "idf:esp32s3": ["idf.py", "-C", "{app}", "-B", "{work}", "-D", "{sdk}", "-p", "PORT", "flash"],
    "pio:teensy41": [
        *("pio", "run", "-d", "{app}", "-e", "teensy41", "-t", "upload"),
        *("--upload-port", "PORT"),
    ],
    "pico:pico2": ["picotool", "load", "-v", "-x", "{work}/digits.elf"],
    "arduino:arduino:mbed_nano:nano33ble": [
        *("arduino-cli", "upload", "--fqbn", "arduino:mbed_nano:nano33ble"),
        *("--input-dir", "{work}", "--port", "PORT", "{app}/digits"),
    ],
}


@pytest.mark.parametrize("text", BOARDS)
def test_application_is_flashed_by_the_ecosystems_tool(project, fake, text):
    work = work_of(project, text)
    fake.answer(work / BOARDS[text][0])
    told = microlut.flash(project, text, port="PORT", dry_run=True)
    built = len(fake.calls)
    assert not told.written
    done = microlut.flash(project, text, port="PORT")
    places = {"work": work, "app": work.parent / "app", "sdk": f"SDKCONFIG={work}/sdkconfig"}
    name, *arguments = [part.format(**places) for part in FLASHED[text]]
    assert done.written
    assert done.command == told.command == (str(fake.bin / name), *arguments)
    assert len(fake.calls) == 2 * built + 1
    assert fake.calls[-1][:2] == [name, arguments]


@pytest.mark.parametrize(
    ("runner", "port", "given"),
    [
        ("bossac", "/dev/ttyACM0", ["--bossac-port", "/dev/ttyACM0"]),
        ("esp32", "COM3", ["--esp-device", "COM3"]),
        ("stm32flash", "/dev/ttyUSB1", ["--device", "/dev/ttyUSB1"]),
        ("openocd", "/dev/ttyACM0", []),
        ("jlink", "COM3", []),
        ("jlink", "683012345", ["--dev-id", "683012345"]),
    ],
)
def test_west_takes_a_port_by_the_option_of_the_flash_tool(tmp_path, runner, port, given):
    """Debug probes have numbers; west refuses a serial port for them."""
    told = tmp_path / "zephyr" / "runners.yaml"
    told.parent.mkdir()
    told.write_text(f"runners:\n- jlink\n\nflash-runner: {runner}\n\ndebug-runner: jlink\n")
    folders = Folders(tmp_path / "app", tmp_path, "digits")
    arguments = ECOSYSTEMS["zephyr"].flash(folders, "x", port)
    assert arguments == ("flash", "-d", str(tmp_path), *given)


def test_flash_tool_that_fails_says_why(project, fake, monkeypatch):
    work = work_of(project, "zephyr:x")
    fake.answer(work / "zephyr" / "zephyr.elf")
    microlut.build(project, "zephyr:x")
    fake.answer(None, "ERROR: no debugger found", status=1)
    image = type("Built", (), {"flash_bytes": 1, "uf2": None})()
    monkeypatch.setattr("microlut.workflow.flash.build_application", lambda *_: image)
    with pytest.raises(DeviceFailed, match=r"west: ERROR: no debugger found; .*; by hand: "):
        microlut.flash(project, "zephyr:x")


def test_pico_without_picotool_gets_its_file_by_a_copy(project, fake, tmp_path, monkeypatch):
    media = tmp_path / "media"
    monkeypatch.setattr("microlut.machine.drives._MOUNTS", (str(media),))
    (fake.bin / "picotool").unlink()
    fake.answer(work_of(project, "pico:pico2") / "digits.elf")
    with pytest.raises(
        DeviceFailed, match=r"^pico:pico2: no drive .* RP2350; .* BOOTSEL .*; or install picotool: "
    ):
        microlut.flash(project, "pico:pico2")
    told = microlut.flash(project, "pico:pico2", dry_run=True)
    assert (told.tool, told.device, told.command[-1]) == ("uf2", None, "DRIVE")
    assert "no drive" in told.note
    for name in ("RP2350", "RPI-RP2"):
        (media / name).mkdir(parents=True)
        (media / name / "INFO_UF2.TXT").write_text(f"Board-ID: {name}\n")
    done = microlut.flash(project, "pico:pico2")
    assert (done.written, done.device) == (True, str(media / "RP2350"))
    (file,) = media.rglob("*.uf2")
    assert file.parent.name == "RP2350"
    file.unlink()
    file.mkdir()
    with pytest.raises(DeviceFailed, match=r"uf2: .*digits\.uf2: Is a directory; .*; by hand: "):
        microlut.flash(project, "pico:pico2")


@pytest.mark.parametrize(("boot2", "drive"), [(256, "RPI-RP2"), (0, "RP2350")])
def test_drive_is_that_of_the_chip(tmp_path, boot2, drive):
    compiler = find_tool(HOST_CC)
    if compiler is None:
        pytest.skip(f"no ELF file: {HOST_CC.name} is missing ({HOST_CC.apt_command})")
    (tmp_path / "a.c").write_text(
        f'__asm__(".section .boot2,\\"ax\\"\\n.space {boot2}\\n.text\\n.space 16");\n'
    )
    options = ("-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-e,0")
    subprocess.run([compiler, *options, "-o", "a.elf", "a.c"], cwd=tmp_path, check=True)
    assert drive_of_application(uf2_of_application(tmp_path / "a.elf")) == drive


@pytest.mark.parametrize(
    ("verb", "options", "told"),
    [
        ("build", {"profile": True}, "takes no --profile"),
        ("flash", {"tool": "openocd"}, "takes no --tool"),
        ("flash", {"probe": "1"}, "takes no --probe"),
        ("run", {"inputs": TEST, "emulator": "qemu"}, "takes no --emulator"),
        ("run", {"inputs": TEST, "port": "x", "count": "layers"}, "takes no --profile"),
    ],
)
def test_option_of_other_boards_is_refused(project, verb, options, told):
    with pytest.raises(InvalidInput, match=told):
        getattr(microlut, verb)(project, "pico:pico", **options)


CORES = {"m0": "m0plus", "m0plus": "m0plus", "m3": "m3", "m4": "m4f", "m7": "m4f"}
CORES |= {"m33": "m33", "m55": "m55"}


def arm_elf(folder: Path, cpu: str) -> Path:
    compiler = find_tool(ARM_GCC)
    if compiler is None:
        pytest.skip(f"no ELF file: {ARM_GCC.name} is missing ({ARM_GCC.apt_command})")
    (folder / "arm.c").write_text("int main(void) { return 0; }\n")
    options = (f"-mcpu=cortex-{cpu}", "-mthumb", "-nostdlib", "-Wl,-e,0")
    subprocess.run([compiler, *options, "-o", "arm.elf", "arm.c"], cwd=folder, check=True)
    return folder / "arm.elf"


@pytest.mark.parametrize("cpu", CORES)
def test_core_of_an_application_is_read_from_its_elf_file(tmp_path, cpu):
    assert core_of(arm_elf(tmp_path, cpu)) == f"cortex-{CORES[cpu]}"


@pytest.mark.qemu
def test_application_without_a_port_is_measured_on_the_same_core(project, fake, monkeypatch):
    place = work_of(project, "zephyr:x") / "zephyr" / "zephyr.elf"
    monkeypatch.setattr(tools, "_search_path", lambda: f"{fake.bin}{os.pathsep}{PATH}")
    fake.elf = arm_elf(fake.folder, "m33")
    fake.answer(place)
    for name in ("cmake", "ninja"):  # those that build for the machine
        (fake.bin / name).unlink()
    outcome = microlut.run(project, "zephyr:x", TEST, limit=3)
    assert outcome.bit_exact
    assert (outcome.image.board_id, outcome.measured_on) == ("zephyr:x", "mps2-an505")
    assert "the same code (cortex-m33), since no emulator here has zephyr:x" in outcome.note


def test_application_whose_core_no_emulator_has_needs_a_port(project, fake):
    fake.answer(work_of(project, "idf:esp32") / "digits.elf")  # one of this computer
    with pytest.raises(InvalidInput, match=r"no emulator here has its core, .* give --port"):
        microlut.run(project, "idf:esp32", TEST)


def test_application_runs_through_a_port(project, fake, monkeypatch):
    monkeypatch.undo()
    host = microlut.build(project, "host")
    monkeypatch.setattr(tools, "_search_path", lambda: str(fake.bin))
    fake.answer(work_of(project, "pio:pico") / "pico" / "firmware.elf")
    with offer_image(microlut.load_board("host"), host.elf) as offered:
        outcome = microlut.run(project, "pio:pico", TEST, limit=3, port=offered.port)
        verified = microlut.verify(project, TEST, "pio:pico", limit=3, port=offered.port)
    assert outcome.bit_exact
    assert outcome.image.board_id == "pio:pico"
    assert outcome.measured_on == offered.port
    assert verified.bit_exact
    assert verified.forms[-1].form == f"pio:pico at {offered.port}"
    assert verified.forms[-1].samples == 3


def test_command_line_builds_flashes_and_explains(project, fake, call):  # noqa: F811
    text = "pico:pico2"
    fake.answer(work_of(project, text) / "digits.elf")
    built = call("build", project.path, "--board", text)
    assert built.code == 0
    assert built.out.startswith("pico:pico2: flash ")
    assert "digits.elf (and .uf2)" in built.out
    told = call("build", project.path, "--board", text, "--json")
    assert told.json["board"] == text
    assert told.json["flash_bytes"] > 0
    flashed = call("flash", project.path, "--board", text, "--dry-run")
    assert flashed.code == 0
    assert "picotool load -v -x" in flashed.out
    offered = call("run", project.path, "--board", text, "--pty")
    assert (offered.code, "no emulator has it" in offered.err) == (InvalidInput.exit_code, True)
    fake.answer(None, "a.c:1: error: x", status=1)
    for board, status, kind in ((text, 1, BuildFailed), ("pico:-x", 1, InvalidBoard)):
        failed = call("build", project.path, "--board", board)
        assert failed.code == kind.exit_code, status
        assert failed.err.count("\n") == 1


def test_doctor_lists_the_tools_of_ecosystems_and_of_flashing():
    found = {tool.name: tool for tool in diagnose()}
    assert {*FLASHERS} <= {*found}
    assert found["uf2"].path is not None
    for name in ("west", "idf.py", "pio", "arduino-cli", "picotool"):
        assert found[name].optional
        assert found[name].install
