"""Sizes of firmware: an ELF file enters, bytes of flash and RAM leave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from microlut.boards import Board


@dataclass(frozen=True, slots=True)
class Sizes:
    """Memory of an image in bytes, as `size` prints it (Berkeley format).

    Flash is text + data, RAM is data + bss, or all three where a loader copies the whole image to
    RAM; `sections` has the name and size of each section.
    """

    flash_bytes: int
    ram_bytes: int
    sections: tuple[tuple[str, int], ...]


def measure(elf: Path, board: Board) -> Sizes:
    """Return the sizes of a firmware ELF file that was built for a board."""
    in_ram = board.memory is not None and board.memory.code_origin is not None
    text = data = bss = 0
    sections = []
    with elf.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & SH_FLAGS.SHF_ALLOC or size == 0:
                continue
            sections.append((section.name, size))
            if flags & SH_FLAGS.SHF_EXECINSTR or not flags & SH_FLAGS.SHF_WRITE:
                text += size
            elif section["sh_type"] != "SHT_NOBITS":
                data += size
            else:
                bss += size
    return Sizes(text + data, data + bss + (text if in_ram else 0), tuple(sections))
