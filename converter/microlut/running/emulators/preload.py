"""Find where an emulator places inputs, and divide inputs into parts that fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from microlut.board.schema import Region
from microlut.errors import InvalidInput, RunFailed
from microlut.running.protocol import BLOCK_HEADER_BYTES, Int8Array


def preload_of(elf: Path) -> Region:
    """Return the region from which an image reads preloaded inputs, as its linker script says.

    It is the board's `memory.preload`, or else the flash that the image leaves free.
    """
    with elf.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        symbols = table if isinstance(table, SymbolTableSection) else None
        found = [
            symbols.get_symbol_by_name(name) if symbols else None
            for name in ("mlut_preload_start", "mlut_preload_bytes")
        ]
    if found[0] is None or found[1] is None:
        raise RunFailed(f"{elf}: does not say where preloaded inputs go; build the firmware again")
    origin, size = (symbol[0]["st_value"] for symbol in found if symbol is not None)
    return Region(origin=origin, size=max(size, 1))


def chunks(inputs: Int8Array, region: Region) -> Iterator[Int8Array]:
    """Yield the inputs [n, input_bytes] in parts that fit into the region."""
    fitting = (region.size - BLOCK_HEADER_BYTES) // inputs.shape[1]
    if fitting < 1:
        raise InvalidInput(
            f"an input has {inputs.shape[1]:,} bytes and the preload region {region.size:,}; "
            "use a board with more flash"
        )
    for start in range(0, len(inputs), fitting):
        yield inputs[start : start + fitting]
