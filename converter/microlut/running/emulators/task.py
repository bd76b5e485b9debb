"""What an emulator is asked to do: the type that every emulator takes."""

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
        board: Which machine to run it on.
        inputs: int8 array [n, input_bytes], n >= 1.
        output_bytes: Bytes of one output.
        count_instructions: Whether to count executed instructions, if the emulator can.
        caller: A function whose calls are to be counted one by one.
        blocks: Where to write what was executed, if instructions are counted; see insn_count.c.
            For a few inputs: it grows by some hundred lines for each call.
        emulator: Which of the board's emulators; None for the one that `choose_emulator` prefers.
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
