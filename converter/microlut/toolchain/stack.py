"""Compute the deepest stack of a program from the compiler's call graphs and its ELF file.

GCC writes the call graph of each translation unit, with the bytes of every function's frame, to a
`.ci` file (-fcallgraph-info=su). Calls through pointers have no target in it. Such a call may reach
any function whose address is in the image and that is in a part of the program it can reach.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

# Assembly has no frame in the graph. The integer functions of the C library and of libgcc push at
# most 10 registers and call nothing.
ASSEMBLY_BYTES = 48
# Frames of the engine's functions in assembly, for which the graph has no frame.
NAKED_BYTES = {
    "mlut_v6m_tile": 44,
    "mlut_v6m_lookup4": 44,
    "mlut_v6m_dot4": 40,
    "mlut_v7m_tile": 64,
    "mlut_v7m_lookup4": 52,
    "mlut_dsp_tile": 60,
    "mlut_dsp_rows_signed": 96,
    "mlut_dsp_rows_positive": 96,
    "mlut_dsp_rows_2_signed": 96,
    "mlut_dsp_rows_2_positive": 96,
    "mlut_dsp_lookup4": 52,
    "mlut_dsp_words4": 52,
    "mlut_dsp_windows_2_6": 52,
    "mlut_dsp_windows_3_6": 52,
    "mlut_dsp_levels_5": 52,
    "mlut_dsp_levels_6": 52,
    "mlut_dsp_levels_7": 52,
    "mlut_mve_dense_fours_4": 44,
    "mlut_mve_dense_fours_8": 44,
    "mlut_mve_tile": 72,
}
_ROOTS = ("mlut_start", "mlut_reset")  # the first C function; RISC-V's mlut_reset is assembly
_INDIRECT = "__indirect_call"
_NODE = re.compile(r'node: \{ title: "([^"]+)" label: "([^"]*)"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"')
_FRAME = re.compile(r"^([^\\]+)\\n(.+?):\d+:\d+\\n(\d+) bytes \((\w+)")


@dataclass(frozen=True, slots=True)
class _Function:
    """A C function: its name, its part of the program, and the bytes of its frame."""

    name: str
    part: str
    frame_bytes: int


@dataclass(slots=True)
class _Graph:
    """Functions and calls by title: the name or, for static functions, file and name."""

    functions: dict[str, _Function] = field(default_factory=dict)
    calls: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def worst_stack_bytes(graphs: Iterable[str], elf: Path) -> int:
    """Return the worst-case stack of the program in bytes, from reset on, without exceptions.

    No function of the firmware recurses. A call that seems to return to an active function can only
    come from the treatment of pointers, and is not followed.

    Args:
        graphs: The texts of all `.ci` files.
        elf: The linked program, which may lack functions of the graphs.
    """
    graph = _Graph()
    for text in graphs:
        _add(graph, text)
    root = next(name for name in _ROOTS if name in graph.functions)
    return _depth(graph, root, (), _addressed(elf))


def _add(graph: _Graph, text: str) -> None:
    for title, label in _NODE.findall(text):
        found = _FRAME.match(label)
        if found is not None:
            name, file, size, _ = found.groups()
            graph.functions[title] = _Function(name, _part(file), NAKED_BYTES.get(name, int(size)))
    for source, target in _EDGE.findall(text):
        graph.calls[source].add(target)


def _part(file: str) -> str:
    """Return the part of the program that a file belongs to."""
    if file.endswith(("/model.c", "/inference.c")):
        return "model"  # inference.c calls the model through its structure
    if file.endswith(("/segment.c", "_band.c")):
        return "bands"  # a segment calls layers through its structure, and these call no bands
    return "engine" if "/firmware/src/" in file else "application"


def _depth(graph: _Graph, title: str, above: tuple[str, ...], addressed: frozenset[str]) -> int:
    """Return the bytes of a function's frame and of the deepest call that it makes."""
    function = graph.functions.get(title)
    if function is None:
        return ASSEMBLY_BYTES
    targets = graph.calls[title] - {_INDIRECT}
    if _INDIRECT in graph.calls[title]:
        targets |= {
            other
            for other, found in graph.functions.items()
            if found.part == function.part and found.name in addressed
        }
    path = (*above, title)
    deepest = max((_depth(graph, t, path, addressed) for t in targets if t not in path), default=0)
    return function.frame_bytes + deepest


def _addressed(elf: Path) -> frozenset[str]:
    """Return the functions whose address, including the Thumb bit, is a word in the image."""
    words: set[int] = set()
    names: Mapping[str, int] = {}
    with elf.open("rb") as file:
        for section in ELFFile(file).iter_sections():
            if isinstance(section, SymbolTableSection):
                names = {
                    s.name: s["st_value"]
                    for s in section.iter_symbols()
                    if s["st_info"]["type"] == "STT_FUNC"
                }
            elif section["sh_flags"] & SH_FLAGS.SHF_ALLOC and section["sh_type"] == "SHT_PROGBITS":
                data = section.data()
                words.update(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))
    return frozenset(name for name, address in names.items() if address in words)
