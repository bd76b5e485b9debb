"""Run an image in QEMU."""

from __future__ import annotations

import tempfile
from pathlib import Path

from microlut.board.board import Board
from microlut.errors import RunFailed
from microlut.machine.tools import require_tool
from microlut.running.emulators.chunks import run_in_chunks
from microlut.running.emulators.counter import counter_plugin, plugin_option
from microlut.running.emulators.preload import preload_of
from microlut.running.emulators.session import OnOutput, run_bulk
from microlut.running.emulators.task import Task
from microlut.running.protocol import (
    OUTPUT,
    Int8Array,
    RunResult,
    input_block,
    outputs_of,
    stack_bytes_of,
)


def run(task: Task, on_output: OnOutput) -> RunResult:
    """Run every input of the task; start QEMU several times if they do not fit at once."""
    emulator = task.board.toolchain.qemu
    assert emulator is not None
    qemu = require_tool(emulator)
    with tempfile.TemporaryDirectory(prefix="microlut-") as folder:
        plugin = counter_plugin(qemu, Path(folder)) if task.count_instructions else None
        return run_in_chunks(task, lambda inputs: _run_chunk(plugin, task, inputs, on_output))


def _run_chunk(
    plugin: Path | None, task: Task, inputs: Int8Array, on_output: OnOutput
) -> RunResult:
    with tempfile.TemporaryDirectory(prefix="microlut-") as folder:
        block = Path(folder) / "inputs.bin"
        counts = Path(folder) / "counts.txt"
        block.write_bytes(input_block(inputs))
        command = _command(task, block)
        if plugin is not None:
            command += plugin_option(plugin, task.elf, counts, task.caller, task.blocks)
        lines = run_bulk(command, len(inputs), task.timeout_seconds, on_output)
        pieces = () if plugin is None else _pieces(counts)
    if plugin is not None and len(pieces) != len(inputs):
        raise RunFailed(f"qemu: counted {len(pieces)} of {len(inputs)} inferences")
    return RunResult(
        outputs=outputs_of(lines, len(inputs), task.output_bytes),
        instructions=None if plugin is None else tuple(map(sum, pieces)),
        log="\n".join(line for line in lines if not line.startswith(OUTPUT)),
        pieces=pieces if task.caller is not None else (),
        stack_bytes=stack_bytes_of(lines),
    )


def _pieces(counts: Path) -> tuple[tuple[int, ...], ...]:
    """Return the numbers of each line of a text file."""
    lines = counts.read_text(encoding="ascii").splitlines()
    return tuple(tuple(map(int, line.split())) for line in lines)


def console_command(board: Board, elf: Path) -> tuple[str, ...]:
    """Return QEMU's command line: console on standard input and output, no monitor, no window."""
    machine, emulator = board.emulators.qemu, board.toolchain.qemu
    assert machine is not None
    assert emulator is not None
    return (
        *(str(require_tool(emulator)), "-machine", machine.machine),
        *("-display", "none", "-monitor", "none", "-serial", "stdio"),
        *("-kernel", str(elf)),
    )


def _command(task: Task, block: Path) -> tuple[str, ...]:
    """Return the command line that also places the inputs."""
    file, address = str(block).replace(",", ",,"), preload_of(task.elf).origin
    loader = ("-device", f"loader,file={file},addr={address:#x},force-raw=on")
    return (*console_command(task.board, task.elf), *loader)
