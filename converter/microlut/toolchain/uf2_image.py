"""Seal the boot stage of an RP2040 image, and write BIN and UF2 files.

Boards that appear as a USB drive accept UF2 files: https://github.com/microsoft/uf2.
"""

from __future__ import annotations

import struct
from pathlib import Path

from elftools.elf.elffile import ELFFile

from microlut.board.schema import Uf2
from microlut.errors import BuildFailed

RP2040_FAMILY = 0xE48B_FF56
RP2350_FAMILY = 0xE48B_FF59  # for its Arm cores, in the secure state
BOOT2_BYTES = 256
_POLYNOMIAL = 0x04C1_1DB7

_MAGIC = (0x0A32_4655, 0x9E5D_5157, 0x0AB1_6F30)
_FAMILY_IS_GIVEN = 0x2000
_PAYLOAD_BYTES = 256
_BLOCK_BYTES = 512
_HEADER = struct.Struct("<8I")


def boot2_checksum(code: bytes) -> int:
    """Return the checksum of the first 252 bytes of flash (RP2040 Datasheet 2.8.1.3.1).

    CRC-32, most significant bit first, initial value all ones, no final inversion.
    """
    checksum = 0xFFFF_FFFF
    for byte in code:
        checksum ^= byte << 24
        for _ in range(8):
            carry = checksum >> 31
            checksum = (checksum << 1 & 0xFFFF_FFFF) ^ (_POLYNOMIAL if carry else 0)
    return checksum


def uf2_blocks(data: bytes, address: int, family: int) -> bytes:
    """Return a flat image as UF2: blocks of 512 bytes, each with 256 bytes of the image."""
    count = -(-len(data) // _PAYLOAD_BYTES)
    blocks = []
    for number in range(count):
        start = number * _PAYLOAD_BYTES
        payload = data[start : start + _PAYLOAD_BYTES]
        head = (*_MAGIC[:2], _FAMILY_IS_GIVEN, address + start, _PAYLOAD_BYTES, number, count)
        block = _HEADER.pack(*head, family) + payload
        blocks.append(block.ljust(_BLOCK_BYTES - 4, b"\0") + _MAGIC[2].to_bytes(4, "little"))
    return b"".join(blocks)


def write_uf2_image(elf: Path, table: Uf2) -> None:
    """Write NAME.bin and NAME.uf2 beside an ELF file; of an RP2040, it gets its checksum before.

    Raises:
        BuildFailed: An RP2040's ELF file does not begin with a boot stage of 256 bytes.
    """
    if table.family == RP2040_FAMILY:
        _seal(elf)
    address, data = _flat_image(elf)
    elf.with_suffix(".bin").write_bytes(data)
    elf.with_suffix(".uf2").write_bytes(uf2_blocks(data, address, table.family))


def uf2_of_application(elf: Path) -> Path:
    """Write the UF2 file of an application of pico-sdk beside its ELF file, and return its path."""
    with elf.open("rb") as file:
        boot2 = ELFFile(file).get_section_by_name(".boot2")
    family = RP2040_FAMILY if boot2 is not None and boot2["sh_size"] > 0 else RP2350_FAMILY
    address, data = _flat_image(elf)
    target = elf.with_suffix(".uf2")
    target.write_bytes(uf2_blocks(data, address, family))
    return target


def drive_of_application(uf2: Path) -> str:
    """Return what the Board-ID of the drive begins with that takes such a file."""
    with uf2.open("rb") as file:
        family = _HEADER.unpack(file.read(_HEADER.size))[7]
    return "RPI-RP2" if family == RP2040_FAMILY else "RP2350"


def _seal(elf: Path) -> None:
    with elf.open("r+b") as file:
        section = ELFFile(file).get_section_by_name(".boot2")
        if section is None or section["sh_size"] != BOOT2_BYTES:
            raise BuildFailed(f"{elf.name}: has no section .boot2 of {BOOT2_BYTES} bytes")
        checksum = boot2_checksum(section.data()[:-4])
        file.seek(section["sh_offset"] + BOOT2_BYTES - 4)
        file.write(checksum.to_bytes(4, "little"))


def _flat_image(elf: Path) -> tuple[int, bytes]:
    """Return the address of an ELF file's first byte in flash, and its contents from there."""
    with elf.open("rb") as file:
        loaded = [
            (segment["p_paddr"], segment.data())
            for segment in ELFFile(file).iter_segments("PT_LOAD")
            if segment["p_filesz"] > 0
        ]
    start = min(address for address, _ in loaded)
    image = bytearray(max(address + len(data) for address, data in loaded) - start)
    for address, data in loaded:
        image[address - start : address - start + len(data)] = data
    return start, bytes(image)
