"""UF2 files and the checksum of the RP2040's boot stage."""

from __future__ import annotations

import binascii
import struct

import numpy as np
import pytest

from microlut.board.schema import Uf2
from microlut.errors import BuildFailed
from microlut.toolchain.uf2_image import boot2_checksum, uf2_blocks, write_uf2_image

FAMILY = 0xE48B_FF56


def reversed_bits(value: int, bits: int) -> int:
    return int(f"{value:0{bits}b}"[::-1], 2)


def test_checksum_is_that_of_the_catalogue():
    assert boot2_checksum(b"123456789") == 0x0376_E6E7  # CRC-32/MPEG-2
    assert boot2_checksum(b"") == 0xFFFF_FFFF


def test_checksum_is_the_usual_one_with_its_bits_reversed():
    code = np.random.default_rng(5).bytes(252)
    usual = binascii.crc32(bytes(reversed_bits(byte, 8) for byte in code))
    assert boot2_checksum(code) == reversed_bits(usual ^ 0xFFFF_FFFF, 32)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 1000])
def test_blocks_hold_the_image_and_say_where_it_goes(size):
    data = np.random.default_rng(size).bytes(size)
    blocks = uf2_blocks(data, 0x1000_0000, FAMILY)
    count = (size + 255) // 256
    assert len(blocks) == 512 * count
    image = b""
    for number in range(count):
        block = blocks[512 * number : 512 * number + 512]
        assert struct.unpack("<8I", block[:32]) == (
            *(0x0A324655, 0x9E5D5157, 0x2000, 0x1000_0000 + 256 * number),
            *(256, number, count, FAMILY),
        )
        assert block[-4:] == bytes.fromhex("306fb10a")
        assert not any(block[288:508])
        image += block[32:288]
    assert image == data + bytes(256 * count - size)


def test_image_without_a_boot_stage_is_refused(fake_elf):
    with pytest.raises(BuildFailed, match=r"no section \.boot2 of 256 bytes"):
        write_uf2_image(fake_elf, Uf2(family=FAMILY))


@pytest.fixture
def fake_elf(tmp_path):
    """An ELF file without sections."""
    path = tmp_path / "empty.elf"
    ident = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
    path.write_bytes(
        ident + struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0, 0, 0, 0, 52, 32, 0, 40, 0, 0)
    )
    return path
