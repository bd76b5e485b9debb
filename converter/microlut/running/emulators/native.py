"""Run a host image as a program of this computer."""

from __future__ import annotations

import tempfile
from pathlib import Path

from microlut.board.board import Board
from microlut.running.emulators.session import OnOutput, run_bulk
from microlut.running.emulators.task import Task
from microlut.running.protocol import OUTPUT, RunResult, input_block, outputs_of


def run(task: Task, on_output: OnOutput) -> RunResult:
    """Run every input of the task; instructions are not counted."""
    with tempfile.TemporaryDirectory(prefix="microlut-") as folder:
        block = Path(folder) / "inputs.bin"
        block.write_bytes(input_block(task.inputs))
        command = (*console_command(task.board, task.elf), str(block))
        lines = run_bulk(command, len(task.inputs), task.timeout_seconds, on_output)
    log = "\n".join(line for line in lines if not line.startswith(OUTPUT))
    return RunResult(outputs_of(lines, len(task.inputs), task.output_bytes), None, log)


def console_command(_board: Board, elf: Path) -> tuple[str, ...]:
    """Return the command line of a program whose console is standard input and output."""
    return (str(elf.resolve()),)
