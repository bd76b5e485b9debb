"""Tell how much memory an image lacks on a board."""

from __future__ import annotations

import re
from pathlib import Path

from microlut.board.board import Board
from microlut.board.schema import Region
from microlut.toolchain.image import measure

# Large enough to link any image and measure its size, small enough for every address map.
_UNLIMITED_BYTES = 0x1000_0000
_ELSEWHERE = 0xA000_0000  # other memories may be just behind RAM


def without_limits(board: Board) -> Board:
    """Return a board for which any image can be linked and measured."""
    assert board.memory is not None
    memory = board.memory.model_copy(
        update={
            name: Region(origin=region.origin, size=_UNLIMITED_BYTES)
            for name, region in (("flash", board.memory.flash), ("ram", board.memory.ram))
        }
        | {
            "others": {
                name: other.model_copy(
                    update={"origin": _ELSEWHERE + i * _UNLIMITED_BYTES, "size": _UNLIMITED_BYTES}
                )
                for i, (name, other) in enumerate(board.memory.others.items())
            }
        }
    )
    return board.model_copy(update={"memory": memory})


def shortage(elf: Path, prefix: str, board: Board, messages: str) -> str:
    """Describe the need in all memories; the linker's overflow includes alignment gaps.

    Args:
        elf: The image, linked without limits.
        prefix: The model's name.
        board: The board that it is too large for.
        messages: What the linker said.
    """
    assert board.memory is not None
    sizes = measure(elf, board)
    parts, advice = [], []
    memory, used_others = board.memory, dict(sizes.others)
    helps = {
        "flash": "fewer bits per weight (--flash-budget with {} bytes less than weights and output "
        "stages take now)",
        "ram": "--optimize ram, smaller feature maps",
    }
    others = [
        (name, used_others[name], region, helps[region.kind])
        for name, region in memory.others.items()
        if used_others[name]
    ]
    for name, used, region, help_text in (
        ("flash", sizes.flash_bytes, memory.flash, helps["flash"]),
        ("RAM", sizes.ram_bytes, memory.ram, helps["ram"]),
        *others,
    ):
        overflow = re.search(rf"region `{name.upper()}' overflowed by (\d+) bytes", messages)
        if overflow is None:
            parts.append(f"{name} {used:,} of {region.size:,} bytes")
            continue
        over = int(overflow[1])
        need = region.size + over
        parts.append(f"{name} {need:,} of {region.size:,} bytes ({over:,} too many)")
        told = help_text.format(f"{over:,}")
        advice += [] if told in advice else [told]
    return (
        f"{prefix} does not fit on {board.id}: {', '.join(parts)}; "
        f"use {', '.join(advice)}, a smaller model or a larger board"
    )
