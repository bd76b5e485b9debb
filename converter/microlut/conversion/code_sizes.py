"""Estimate the flash and the RAM of an image without compiling it.

`source_sizes.py` counts what a plan takes itself, and the functions of the engine that it names.
`code_sizes.json` says how large each function is on each core and which others it calls, so that
what would be linked is found as a linker does.
The rest is the same for every model: start-up code, console and C library of a board.
`benchmarks/code_sizes.py` measures all of that and writes the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TypedDict

from microlut.board.board import Board
from microlut.conversion.source_sizes import Source
from microlut.integer import QuantizedGraph
from microlut.plan import Plan
from microlut.plan.banks import MAIN
from microlut.plan.buffers import ALIGNMENT

_FILE = Path(__file__).with_name("code_sizes.json")
# Cores on which functions are as large as on another one.
LIKE = {"cortex-m0": "cortex-m0plus", "cortex-m7": "cortex-m4f", "cortex-m33": "cortex-m4f"}
_WORD, _LONG = 4, 8
ARENA_GUARD = 16  # bytes behind each arena, as firmware/cmake/firmware.cmake has it


class CoreSizes(TypedDict):
    """What is known of a core.

    Attributes:
        speed: The engine's functions, compiled for speed: bytes, and names of those referred to.
        size: The same, compiled for size.
        library: Bytes of functions of the C library, without those that count as the board's.
        call: Bytes of a kernel's call.
    """

    speed: dict[str, list[int | str]]
    size: dict[str, list[int | str]]
    library: dict[str, int]
    call: float


class BoardSizes(TypedDict):
    """Bytes of an image beside what its model takes.

    Attributes:
        flash: Start-up code, console and C library.
        ram: Their variables, and the stack.
        before_arena: Where the arena would begin without inputs and without being aligned, modulo
            its alignment.
    """

    flash: int
    ram: int
    before_arena: int


class CodeSizes(TypedDict):
    """The contents of code_sizes.json: bytes of types in C, of cores and of boards."""

    types: dict[str, int]
    cores: dict[str, CoreSizes]
    boards: dict[str, BoardSizes]


def image_sizes(plan: Plan, source: Source, board: Board) -> tuple[int, int]:
    """Return about how many bytes of flash and of RAM the image for a board takes.

    A board that nobody has measured counts as much as the largest one.
    """
    sizes, rest = measured_sizes(), _board_sizes(board)
    flash = model_flash(plan, source, board.core.value, sizes) + rest["flash"]
    in_ram = board.memory is not None and board.memory.code_origin is not None
    return flash, model_ram(plan, rest) + rest["ram"] + (flash if in_ram else 0)


def model_flash(plan: Plan, source: Source, core: str, sizes: CodeSizes) -> int:
    """Return about how many bytes of an image a model takes with the functions that it needs."""
    known = sizes["cores"][LIKE.get(core, core)]
    engine = known["size" if plan.goal.optimize == "size" else "speed"]
    code = sum(
        int(engine[name][0]) if name in engine else known["library"].get(name, 0)
        for name in linked(source.functions, engine)
    )
    arrays = plan.weight_bytes + plan.parameter_bytes
    return arrays + source.data + source.checked + code + round(known["call"] * source.calls)


def linked(roots: Iterable[str], engine: Mapping[str, list[int | str]]) -> frozenset[str]:
    """Return the functions that some functions need, themselves included."""
    found: set[str] = set()
    new = set(roots)
    while new:
        found |= new
        new = {str(other) for name in new for other in engine.get(name, ())[1:]} - found
    return frozenset(found)


def model_ram(plan: Plan, rest: BoardSizes) -> int:
    """Return the bytes of RAM of the console's buffer for the inputs, and of the aligned arena.

    What of the arena is in other memories does not count.
    """
    inputs = input_bytes(plan.graph)
    gap = -(rest["before_arena"] + inputs) % ALIGNMENT
    arenas = [part.bytes + ARENA_GUARD for part in plan.parts if part.memory == MAIN]
    return inputs + gap + -(-sum(arenas) // _WORD) * _WORD


def input_bytes(graph: QuantizedGraph) -> int:
    """Return the bytes of the console's buffer, behind which 64-bit numbers lie."""
    return -(-sum(tensor.bytes for tensor in graph.inputs) // _LONG) * _LONG


def arena_room(board: Board, graph: QuantizedGraph) -> int | None:
    """Return the bytes that the console leaves for an arena; None if they depend on the code."""
    memory = board.memory
    if memory is None or memory.code_origin is not None:
        return None
    taken = _board_sizes(board)["ram"] + input_bytes(graph) + ALIGNMENT + ARENA_GUARD
    return max(0, memory.ram.size - taken)


def _board_sizes(board: Board) -> BoardSizes:
    known = measured_sizes()["boards"]
    if board.id in known:
        return known[board.id]
    return max(known.values(), key=lambda sizes: sizes["flash"])


@cache
def measured_sizes() -> CodeSizes:
    """Return the measured sizes."""
    found: CodeSizes = json.loads(_FILE.read_text(encoding="utf-8"))
    return found
