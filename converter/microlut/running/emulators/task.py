"""The task of an emulator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from microlut.board.board import Board
from microlut.running.protocol import Int8Array


@dataclass(frozen=True, slots=True)
class Task:
    """Infer all inputs with the firmware in `elf`.

    Attributes:
        elf: The image, built for `board`.
        board: The machine to run it on.
        inputs: int8 array [n, input_bytes], n >= 1.
        output_bytes: Bytes of one output.
        count_instructions: Whether to count executed instructions, if the emulator can.
        caller: A function whose calls are to be counted one by one.
        blocks: Text file for the executed blocks, if instructions are counted; see insn_count.c.
            It grows by some hundred lines per call, so use it with few inputs.
        emulator: One of the board's emulators; None for the choice of `choose_emulator`.
        timeout_seconds: Longest time without any sign of progress.
    """

    elf: Path
    board: Board
    inputs: Int8Array
    output_bytes: int
    count_instructions: bool = True
    caller: str | None = None
    blocks: Path | None = None
    emulator: str | None = None
    timeout_seconds: float = 60.0
