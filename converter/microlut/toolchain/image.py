"""Measure built firmware: bytes of flash, RAM, stack and engine, from its ELF and map files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from microlut.board.board import Board
from microlut.support.shown import Shown

OTHER_SECTION = ".mlut_"  # before the name of a memory that is neither flash nor ram
ENGINE_OBJECT = "libmicrolut.a("  # before the name of one of the engine's objects in a map
# A section of an object among those that were linked: its name may stand on a line of its own.
_LINKED = re.compile(
    r"^ \.(\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Memory of an image in bytes, as `size` prints it (Berkeley format).

    `size` takes a heap that is not writable and code that runs from RAM for text; both are in RAM.
    Flash is text + data, RAM is data + bss, or all three where a loader copies the whole image to
    RAM; `sections` has the name and size of each section. What is in one of the board's other
    memories counts only in `others`, by its name.
    """

    flash_bytes: int
    ram_bytes: int
    sections: tuple[tuple[str, int], ...]
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Stack(Shown):
    """Bytes of an image's stack: the computed worst case, and the reserved memory."""

    used: int
    reserved: int


@dataclass(frozen=True, slots=True, repr=False)
class Image(Shown):
    """Built firmware. A host program has only an ELF file and a map, and no measured sizes.

    `engine_code_bytes` are the engine's code and constants, without those of the C library.
    `others` has the bytes in each of the board's other memories, which flash and RAM lack.
    """

    board_id: str
    elf: Path
    map: Path
    bin: Path | None = None
    hex: Path | None = None
    uf2: Path | None = None
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    sections: tuple[tuple[str, int], ...] = ()
    engine_code_bytes: int | None = None
    stack: Stack | None = None
    others: tuple[tuple[str, int], ...] = ()

    def moved(self, old: Path, new: Path) -> Image:
        """Return the image after its folder `old` has become `new`."""

        def move(path: Path | None) -> Path | None:
            return None if path is None else new / path.relative_to(old)

        elf, map_file = new / self.elf.relative_to(old), new / self.map.relative_to(old)
        others = replace(self, bin=move(self.bin), hex=move(self.hex), uf2=move(self.uf2))
        return replace(others, elf=elf, map=map_file)


def measure(elf: Path, board: Board | None = None) -> Sizes:
    """Return the sizes of an ELF file, of a board's firmware or of another ecosystem."""
    memory = None if board is None else board.memory
    in_ram = memory is not None and memory.code_origin is not None
    others = dict.fromkeys(memory.others if memory is not None else (), 0)
    text = data = bss = 0
    sections = []
    with elf.open("rb") as file:
        image = ELFFile(file)
        for section in image.iter_sections():
            flags, size = section["sh_flags"], section["sh_size"]
            if not flags & SH_FLAGS.SHF_ALLOC or size == 0:
                continue
            sections.append((section.name, size))
            other = section.name.removeprefix(OTHER_SECTION)
            if section.name.startswith(OTHER_SECTION) and other in others:
                others[other] += size
            elif section["sh_type"] == "SHT_NOBITS":
                bss += size
            elif _is_data(flags) or (board is None and _is_copied(image, section["sh_addr"])):
                data += size
            else:
                text += size
    ram = data + bss + (text if in_ram else 0)
    return Sizes(text + data, ram, tuple(sections), tuple(others.items()))


def _is_data(flags: int) -> bool:
    """Return whether a section of these flags is written, and no code."""
    return bool(flags & SH_FLAGS.SHF_WRITE) and not flags & SH_FLAGS.SHF_EXECINSTR


def _is_copied(image: ELFFile, address: int) -> bool:
    """Return whether start-up code copies what is at an address from where it was flashed."""
    return any(
        segment["p_type"] == "PT_LOAD"
        and 0 <= address - segment["p_vaddr"] < segment["p_filesz"]
        and segment["p_paddr"] != segment["p_vaddr"]
        for segment in image.iter_segments()
    )


def engine_code_bytes(map_file: Path) -> int:
    """Return the bytes of the engine's linked objects in a linker's map."""
    kinds = ("text", "rodata", "data", "bss")
    return sum(
        size
        for section, size, source in linked_sections(map_file)
        if ENGINE_OBJECT in source and section.startswith(kinds)
    )


def linked_sections(map_file: Path) -> Iterator[tuple[str, int, str]]:
    """Yield name, bytes and object of each section that a linker's map says was linked."""
    text = map_file.read_text(encoding="utf-8", errors="replace")
    _, _, linked = text.partition("Linker script and memory map")
    for section, size, source in _LINKED.findall(linked):
        yield section, int(size, 16), source
