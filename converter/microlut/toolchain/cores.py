"""Tell by an ELF file for which core a program of another ecosystem was built."""

from __future__ import annotations

from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import ARMAttributesSection

from microlut.board.board import Core

# Tag_CPU_arch of the ABI of Arm: cores of one architecture run the same code of the engine.
_ARM = {
    10: Core.CORTEX_M3,
    11: Core.CORTEX_M0PLUS,
    12: Core.CORTEX_M0PLUS,
    13: Core.CORTEX_M4F,  # a Cortex-M7, too
    17: Core.CORTEX_M33,
    21: Core.CORTEX_M55,
}


def core_of(elf: Path) -> Core | None:
    """Return a core for which a program was built; None if boards here have no such core."""
    with elf.open("rb") as file:
        image = ELFFile(file)
        if image["e_machine"] == "EM_RISCV":
            return Core.RISCV32IMC if image.elfclass == 32 else None
        attributes = image.get_section_by_name(".ARM.attributes")
        if not isinstance(attributes, ARMAttributesSection):
            return None
        for vendor in attributes.iter_subsections():
            for scope in vendor.iter_subsubsections():
                for attribute in scope.iter_attributes("TAG_CPU_ARCH"):
                    return _ARM.get(attribute.value)
    return None
