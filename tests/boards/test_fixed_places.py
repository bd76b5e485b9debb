"""Data that chips read at fixed addresses in flash, in every file of the image."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from microlut.toolchain.uf2_image import boot2_checksum

VECTORS = {
    "nrf52840-dk": 0x0,
    "frdm-k64f": 0x0,
    "raspberry-pi-pico": 0x1000_0100,
    "raspberry-pi-pico2": 0x1000_0000,
    "nrf54l15-dk": 0x0,
    "nucleo-n657x0": 0x3418_0400,
    "nano33ble": 0x1_0000,
    "xiao-nrf52840": 0x2_7000,
}
UF2 = ("raspberry-pi-pico", "raspberry-pi-pico2", "xiao-nrf52840")


def flash_of(elf: Path, origin: int) -> bytes:
    """Return flash from its start on, as a programmer that reads the ELF file fills it."""
    image = bytearray()
    with elf.open("rb") as file:
        for segment in ELFFile(file).iter_segments("PT_LOAD"):
            if segment["p_filesz"] == 0:
                continue
            start, data = segment["p_paddr"] - origin, segment.data()
            image.extend(bytes(max(0, start + len(data) - len(image))))
            image[start : start + len(data)] = data
    return bytes(image)


@pytest.mark.parametrize("board_id", VECTORS)
def test_vectors_are_where_the_chip_reads_them(fake_image, board_id):
    board, image = fake_image(board_id)
    flash, ram = board.memory.flash, board.memory.ram
    content = flash_of(image.elf, flash.origin)
    assert image.bin.read_bytes() == content
    offset = VECTORS[board_id] - flash.origin
    stack, reset, *others = struct.unpack("<16I", content[offset : offset + 64])
    assert stack == ram.origin + board.stack_bytes
    assert reset & 1
    assert all(flash.origin <= entry < flash.end for entry in (reset, *filter(None, others)))
    with image.elf.open("rb") as file:
        elf = ELFFile(file)
        assert elf.get_section_by_name(".isr_vector")["sh_addr"] == VECTORS[board_id]
        assert elf["e_entry"] == reset


def test_k64_is_never_locked(fake_image):
    _, image = fake_image("frdm-k64f")
    content = image.bin.read_bytes()
    assert content[0x400:0x40C] == b"\xff" * 12  # no key, nothing protected
    security, options = content[0x40C], content[0x40D]
    assert security & 3 == 2  # not secured
    assert security >> 4 & 3 == 3  # mass erase stays allowed
    assert options & 1 == 1  # starts with the dividers that the clock code expects
    assert content[0x40E:0x410] == b"\xff\xff"
    assert bytes.fromhex("FFFFFFFEFBFFFF").hex().upper() in _hex_data(image.hex)


def _hex_data(path: Path) -> str:
    """Return the data of all records of an Intel HEX file."""
    records = path.read_text().split()
    return "".join(record[9:-2] for record in records if record[7:9] == "00")


def test_rp2040_boot_stage_is_accepted_by_the_rom(fake_image):
    _, image = fake_image("raspberry-pi-pico")
    stage = image.bin.read_bytes()[:256]
    assert int.from_bytes(stage[252:], "little") == boot2_checksum(stage[:252])
    assert stage[1] == 0x4B  # ldr r3, [pc, #...]: code from the first byte on
    assert image.hex is None


def test_rp2350_rom_finds_an_image_in_the_first_4_kilobytes(fake_image):
    """As the SDK's embedded_start_block.inc.S makes it, alone in its loop."""
    _, image = fake_image("raspberry-pi-pico2")
    words = struct.unpack("<1024I", image.bin.read_bytes()[:4096])
    start = words.index(0xFFFFDED3)
    assert start == 16 + 52  # behind the vectors
    assert words[start + 1] == 0x10210142  # executable, secure, Arm, RP2350
    assert words[start + 2 : start + 5] == (0x000001FF, 0, 0xAB123579)


@pytest.mark.parametrize("board_id", UF2)
def test_uf2_holds_the_image(fake_image, board_id):
    board, image = fake_image(board_id)
    content, blocks = image.bin.read_bytes(), image.uf2.read_bytes()
    count, origin = len(blocks) // 512, board.memory.flash.origin
    heads = [struct.unpack("<8I", blocks[512 * n : 512 * n + 32]) for n in range(count)]
    assert [head[3] for head in heads] == [origin + 256 * n for n in range(count)]
    assert {head[7] for head in heads} == {board.uf2.family}
    data = b"".join(blocks[512 * n + 32 : 512 * n + 288] for n in range(count))
    assert data == content + bytes(len(data) - len(content))
    assert 0 <= len(data) - len(content) < 256


def test_image_for_a_boot_loader_of_the_board_leaves_it_alone(fake_image):
    for board_id, end in (("nano33ble", 0x10_0000), ("xiao-nrf52840", 0xE_D000)):
        board, image = fake_image(board_id)
        assert board.memory.flash.end == end
        with image.elf.open("rb") as file:
            loaded = [s for s in ELFFile(file).iter_segments("PT_LOAD") if s["p_filesz"] > 0]
        assert min(segment["p_paddr"] for segment in loaded) == board.memory.flash.origin
