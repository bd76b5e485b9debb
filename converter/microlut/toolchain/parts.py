"""Tell what the bytes of an image's flash are for, from the linker's map."""

from __future__ import annotations

import re
from collections import Counter

from microlut.toolchain.image import Image

WEIGHTS, MODEL = "weights and codebooks", "structures of the model"
ENGINE, LIBRARY = "engine", "C library"
APPLICATION, REST = "application and start-up", "gaps and vectors"

# A section of an object among those that were linked: its name may stand on a line of its own.
_SECTION = re.compile(
    r"^ \.(?:text|rodata|data|vectors|isr|init|boot)\S*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$",
    re.MULTILINE,
)


def flash_parts(image: Image) -> tuple[tuple[str, int], ...]:
    """Return the bytes of flash by what they are for; nothing of a program of the host."""
    if image.flash_bytes is None or not image.map.is_file():
        return ()
    text = image.map.read_text(encoding="utf-8", errors="replace")
    _, _, linked = text.partition("Linker script and memory map")
    sizes: Counter[str] = Counter()
    for address, size, source in _SECTION.findall(linked):
        if int(address, 16) or int(size, 16):
            sizes[_part(source)] += int(size, 16)
    sizes[REST] = image.flash_bytes - sum(sizes.values())
    order = (WEIGHTS, MODEL, ENGINE, APPLICATION, LIBRARY, REST)
    return tuple((part, sizes[part]) for part in order if sizes[part] > 0)


def _part(source: str) -> str:
    """Return what an object or the member of an archive is a part of."""
    if "libmicrolut.a(" in source:
        return ENGINE
    if re.search(r"/model/weights\.c\.", source):
        return WEIGHTS
    if "/model/" in source:
        return MODEL
    return LIBRARY if re.search(r"\.a\(|/crt\w*\.o", source) else APPLICATION
