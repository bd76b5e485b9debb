"""Tell what the bytes of an image's flash are for, from the linker's map."""

from __future__ import annotations

import re
from collections import Counter

from microlut.toolchain.image import ENGINE_OBJECT, Image, linked_sections

WEIGHTS, MODEL = "weights and codebooks", "structures of the model"
ENGINE, LIBRARY = "engine", "C library"
APPLICATION, REST = "application and start-up", "gaps and vectors"

# Sections that lie in flash.
_IN_FLASH = ("text", "rodata", "data", "vectors", "isr", "init", "boot")


def flash_parts(image: Image) -> tuple[tuple[str, int], ...]:
    """Return the bytes of flash by what they are for; nothing of a program of the host."""
    if image.flash_bytes is None or not image.map.is_file():
        return ()
    sizes: Counter[str] = Counter()
    for section, size, source in linked_sections(image.map):
        if section.startswith(_IN_FLASH):
            sizes[_part(source)] += size
    sizes[REST] = image.flash_bytes - sum(sizes.values())
    order = (WEIGHTS, MODEL, ENGINE, APPLICATION, LIBRARY, REST)
    return tuple((part, sizes[part]) for part in order if sizes[part] > 0)


def _part(source: str) -> str:
    """Return what an object or the member of an archive is a part of."""
    if ENGINE_OBJECT in source:
        return ENGINE
    if re.search(r"/model/weights\.c\.", source):
        return WEIGHTS
    if "/model/" in source:
        return MODEL
    return LIBRARY if re.search(r"\.a\(|/crt\w*\.o", source) else APPLICATION
