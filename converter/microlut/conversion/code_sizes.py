"""Estimate the flash and the RAM of an image without compiling it.

Weights, output stages and arena are known. The rest was measured on real images
(`benchmarks/code_sizes.py`, which writes `code_sizes.json`): start-up code, console and C library
of every board, and what each kernel takes on every core.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TypedDict

from microlut.board.board import Board
from microlut.plan import Plan

_FILE = Path(__file__).with_name("code_sizes.json")
# Cores on which kernels are as large as on another one.
LIKE = {"cortex-m0": "cortex-m0plus", "cortex-m7": "cortex-m4f", "cortex-m33": "cortex-m4f"}
_COMMON = "common"
_PLAIN = ("add", "softmax")  # without weights, and measured everywhere


class BoardSizes(TypedDict):
    """Bytes of an image beside what its model takes; `step` is that of a kernel call."""

    flash: int
    ram: int
    step: float


class CodeSizes(TypedDict):
    """The contents of code_sizes.json: bytes per kind of kernel by core, and of boards."""

    kernels: dict[str, dict[str, int]]
    boards: dict[str, BoardSizes]


def image_sizes(plan: Plan, board: Board) -> tuple[int, int]:
    """Return about how many bytes of flash and of RAM the image for a board takes.

    A kernel that nobody has measured on the core counts as much as the largest one without weights.
    A board that nobody has measured counts as much as the largest one with its core.
    """
    rest = _board_sizes(board)
    steps = [step for step in plan.steps if step.is_called]
    kinds = {step.node.op.kind for step in steps}
    code = kernel_bytes(kinds, board.core.value, measured_sizes()) + round(
        rest["flash"] + rest["step"] * len(steps)
    )
    flash = plan.weight_bytes + plan.parameter_bytes + code
    in_ram = board.memory is not None and board.memory.code_origin is not None
    return flash, model_ram(plan) + rest["ram"] + (flash if in_ram else 0)


def model_ram(plan: Plan) -> int:
    """Return the bytes of RAM of the arena and of the console's buffer for the inputs."""
    return plan.arena_bytes + sum(tensor.bytes for tensor in plan.graph.inputs)


def kernel_bytes(kinds: set[str], core: str, sizes: CodeSizes) -> int:
    """Return the bytes of the engine with kernels of these kinds."""
    known = sizes["kernels"][LIKE.get(core, core)]
    unknown = max(known[kind] for kind in _PLAIN)
    return known[_COMMON] + sum(known.get(kind, unknown) for kind in kinds)


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
