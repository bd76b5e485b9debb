"""Board files: the shipped ones load, and wrong ones are refused in one clear line."""

from __future__ import annotations

import pytest

from microlut.board.board import CORE_FLAGS, CORE_TOOLCHAINS, Core, list_boards, load_board
from microlut.errors import InvalidBoard

OTHER = """[memory.others.ccm]
origin = 0x1000_0000
size = 8_192
kind = "ram"
"""
VALID = f"""
title = "Test"
mcu = "none"
core = "cortex-m3"
port = "mps2"
clock_hz = 25_000_000
stack_bytes = 2_048
[memory]
flash = {{ origin = 0x0000_0000, size = 65_536 }}
ram = {{ origin = 0x2000_0000, size = 16_384 }}
{OTHER}
[console]
uart = "USART2"
tx = "PA2"
rx = "PA3"
[emulators.qemu]
machine = "mps2-an385"
[probe]
usb = ["0483:374b"]
[[flash_tools]]
name = "openocd"
config = ["interface/stlink.cfg"]
[[flash_tools]]
name = "pyocd"
target = "stm32f446re"
"""


@pytest.fixture
def board_file(tmp_path):
    def write(text: str):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", list_boards())
def test_load_board_knows_every_shipped_board(name):
    assert load_board(name).id == name


def test_list_boards_has_the_documented_boards():
    emulated = {"host", "mps2-an385", "mps2-an386", "mps2-an500", "mps2-an505", "mps3-an547"}
    emulated |= {"microbit", "netduinoplus2", "stm32vldiscovery", "riscv-virt"}
    real = {"stm32f4-discovery", "nucleo-f446re", "stm32f746g-discovery", "nucleo-h743zi"}
    real |= {"nucleo-l4r5zi", "bluepill-f103c8", "stm32f072b-discovery", "nucleo-u575zi"}
    real |= {"nucleo-g0b1re", "esp32-c3-devkitm-1"}
    real |= {"nrf52840-dk", "frdm-k64f", "raspberry-pi-pico", "raspberry-pi-pico2"}
    real |= {"microbit-v2", "nano33ble", "xiao-nrf52840", "blackpill-f411ce"}
    real |= {"nucleo-g474re", "nucleo-h563zi", "nrf54l15-dk", "esp32-c6-devkitc-1"}
    real |= {"nucleo-n657x0"}
    assert set(list_boards()) >= emulated | real


@pytest.mark.parametrize("name", list_boards())
def test_board_of_a_vendor_says_how_it_is_flashed_and_found(name):
    board = load_board(name)
    alone = [tool for tool in board.flash_tools if hasattr(tool, "usb") or tool.name == "uf2"]
    assert (board.probe is None) is (list(board.flash_tools) == alone)
    if board.probe is not None:
        assert board.console.pins is not None
        assert board.memory.preload is None


def test_load_board_takes_a_path(board_file):
    board = load_board(board_file(VALID))
    assert (board.id, board.memory.ram.end) == ("mine", 0x2000_4000)


def test_memories_of_a_kind_begin_with_the_one_for_everything(board_file):
    memory = load_board(board_file(VALID)).memory
    assert list(memory.of_kind("ram")) == ["ram", "ccm"]
    assert memory.size_of("ram") == 16_384 + 8_192
    assert list(memory.of_kind("flash")) == ["flash"]
    assert memory.others["ccm"].cost == 1


def test_load_board_knows_memory_that_fetches_see_elsewhere(board_file):
    text = VALID.replace(OTHER, "").replace("[memory]", "[memory]\ncode_origin = 0x4000_0000")
    assert load_board(board_file(text)).memory.code_origin == 0x4000_0000


def test_load_board_takes_tools_in_their_order(board_file):
    board = load_board(board_file(VALID))
    assert [tool.name for tool in board.flash_tools] == ["openocd", "pyocd"]
    assert board.flash_tools[0].config == ("interface/stlink.cfg",)
    assert board.console.pins == ((0, 2), (0, 3))


def test_load_board_takes_a_path_as_text(board_file):
    assert load_board(str(board_file(VALID))).core is Core.CORTEX_M3


def test_every_core_has_flags_and_toolchain():
    assert set(CORE_FLAGS) == set(CORE_TOOLCHAINS) == set(Core)


def test_board_cannot_be_changed():
    board = load_board("host")
    with pytest.raises(ValueError, match="frozen"):
        board.title = "other"


def test_load_board_names_close_matches():
    with pytest.raises(InvalidBoard, match=r"'mps2-an38' is not known; did you mean mps2-an38"):
        load_board("mps2-an38")


ESP_IDF = "microlut export DIR --to esp-idf"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("pico", "raspberry-pi-pico"),
        ("Pi Pico W", "raspberry-pi-pico"),
        ("RP2040", "raspberry-pi-pico"),
        ("STM32F4", "nucleo-f446re"),
        ("stm32f4", "stm32f4-discovery"),
        ("F446", "nucleo-f446re"),
        ("STM32F446RETX", "nucleo-f446re"),
        ("nucleo", "nucleo-g0b1re"),
        ("NUCLEO-F401RE", "nucleo-f446re"),
        ("micro:bit", "microbit"),
        ("blue pill", "bluepill-f103c8"),
        ("nRF52", "nrf52840-dk"),
        ("K64F", "frdm-k64f"),
        ("cortex-m4", "mps2-an386"),
        ("MPS2-AN386", "mps2-an386"),
        ("RISC-V", "riscv-virt"),
        ("esp32-c3", "esp32-c3-devkitm-1"),
        ("ESP32", ESP_IDF),
        ("esp32-s3", ESP_IDF),
        ("esp32s3-devkitc", ESP_IDF),
    ],
)
def test_board_that_people_call_otherwise_is_suggested(name, meant):
    with pytest.raises(InvalidBoard) as refused:
        load_board(name)
    hints, _, listed = str(refused.value).partition("Boards: ")
    assert meant in hints
    assert "did you mean" in hints
    assert listed


@pytest.mark.parametrize("name", ["zzz", "", "..", "qwertzuiop 9000"])
def test_nothing_is_suggested_for_a_name_like_none(name):
    with pytest.raises(InvalidBoard, match="is not known; Boards: "):
        load_board(name)


def test_load_board_lists_the_known_boards():
    with pytest.raises(InvalidBoard, match=f"Boards: {', '.join(list_boards())}; or give"):
        load_board("zzz")


def test_load_board_refuses_a_missing_file(tmp_path):
    with pytest.raises(InvalidBoard, match="No such file"):
        load_board(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'mcu = "none"',
            'mcu = "none"\ncolour = 1',
            "colour: is not a known key; .*llowed are tit",
        ),
        ("size = 65_536 }", "size = 65_536, x = 1 }", "memory.flash.x: is not .* origin, size"),
        (
            'machine = "mps2-an385"',
            'machine = "mps2-an385"\ncpu = "a"',
            "emulators.qemu.cpu: .* machine",
        ),
        ("[emulators.qemu]", "[emulators.simics]", "emulators.simics: .* renode, qemu, native"),
        ('rx = "PA3"', "", "console: tx and rx come together"),
        ('"PA3"', '"PA333"', "console: rx is 'PA333'; give a pin like PA2"),
        ('uart = "USART2"', "uart = 2", "console.uart: found 2"),
        ('"openocd"', '"avrdude"', "flash_tools.0: found .*'openocd', 'pyocd', 'probe-rs'"),
        ('"pyocd"', '"openocd"', "flash_tools.1.openocd.target: .* name, config"),
        ('["interface/stlink.cfg"]', "[]", "flash_tools.0.openocd.config: found .*at least 1"),
        ("0483:374b", "0483", "probe.usb.0: found '0483'"),
        ('mcu = "none"', 'id = "none"', "id: is the file name"),
        ('title = "Test"', "", "title: is missing"),
        ('title = "Test"', "title = 3", "title: found 3"),
        ("25_000_000", '"25 MHz"', "clock_hz: found '25 MHz'; it has to be a valid integer"),
        ("25_000_000", "0", "clock_hz: found 0; it has to be greater than 0"),
        (
            "cortex-m3",
            "cortex-m99",
            "core: found 'cortex-m99'; it has to be 'host', 'cortex-m0', 'cortex-m0plus'",
        ),
        ('port = "mps2"', 'port = "mps9"', "port: found 'mps9'; .*host, mk64f12, mps2.*stm32/f4"),
        ('port = "mps2"', 'port = "../app"', "port: found '../app'"),
        ("2_048", "2_044", "stack_bytes: found 2044; .* multiple of 8"),
        ("stack_bytes = 2_048", "", "core cortex-m3 needs stack_bytes"),
        ("2_048\n", "2_048\ninterrupts = 241\n", "cortex-m3 takes up to 240 interrupts; found 241"),
        (
            "2_048\n",
            "2_048\ninterrupts = 0\n",
            "interrupts: found 0; .* greater than or equal to 1",
        ),
        ("cortex-m3", "host", "core host does not take clock_hz, stack_bytes, memory, console"),
        ("0x2000_0000", "0x0000_8000", "flash ends at 0x10000, after the start of ram"),
        ("0x2000_0000", "-1", "memory.ram.origin: found -1"),
        ("[memory]", "[memory", "is not TOML"),
        (OTHER, f"{OTHER}wait = 1\n", "memory.others.ccm.wait: is not .* origin, size, cost, kind"),
        ("[memory.others.ccm]", "[memory.others.CCM]", "memory.others.CCM.*'CCM'"),
        ("[memory.others.ccm]", "[memory.others.flash]", "flash has a meaning of its own"),
        ('kind = "ram"', 'kind = "rom"', "memory.others.ccm.kind: found 'rom'; .*'ram' or 'flash'"),
        ('kind = "ram"', 'kind = "ram"\ncost = 0', "ccm.cost: found 0; .* greater than 0"),
        ("0x1000_0000", "0x2000_1000", "ram ends at 0x20004000, after the start of ccm"),
        ("[memory]", "[memory]\ncode_origin = 0x4000_0000", "others do not go with code_origin"),
        (
            'kind = "ram"',
            'kind = "flash"\n[uf2]\nfamily = 1',
            "uf2 files hold one flash only; leave out the other one, or uf2",
        ),
    ],
)
def test_load_board_refuses(board_file, old, new, message):
    assert old in VALID
    path = board_file(VALID.replace(old, new))
    with pytest.raises(InvalidBoard, match=message) as caught:
        load_board(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
