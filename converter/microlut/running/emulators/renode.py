"""Run a Cortex-M image in Renode.

Renode exits with status 0 whatever happened. Therefore a run counts only if the console shows the
whole protocol, and the log shows no error and no access outside the board's memory.
"""

from __future__ import annotations

import math
from pathlib import Path

import jinja2
from elftools.elf.elffile import ELFFile

from microlut.board.board import Board
from microlut.errors import InvalidBoard, InvalidInput, RunFailed
from microlut.machine.tools import RENODE, require_tool
from microlut.running.emulators.chunks import run_in_chunks
from microlut.running.emulators.counter import probes_of
from microlut.running.emulators.preload import preload_of
from microlut.running.emulators.renode_session import problem_of, watch
from microlut.running.emulators.session import OnOutput
from microlut.running.emulators.task import Task
from microlut.running.protocol import (
    OUTPUT,
    READY,
    Int8Array,
    RunResult,
    bulk_command,
    input_block,
    outputs_of,
    stack_bytes_of,
)
from microlut.support.files import plain_folder
from microlut.support.resources import data_folder

# Without --console Renode would open a network port; with it, and no input, it ends.
_OPTIONS = ("--plain", "--disable-gui", "--console", "--hide-analyzers")


def run(task: Task, on_output: OnOutput) -> RunResult:
    """Run every input of the task; start Renode several times if they do not fit at once.

    Renode's log is kept beside the image, as NAME.renode.log.
    """
    if task.caller is not None or task.blocks is not None:
        raise InvalidInput(
            f"{task.board.id}: Renode does not count call by call; use QEMU (--emulator qemu) and "
            "a board that it has"
        )
    renode = require_tool(RENODE)
    return run_in_chunks(task, lambda inputs: _run_chunk(renode, task, inputs, on_output))


def platform_of(board: Board) -> Path:
    """Return the description of the board's machine, one of boards/renode/*.repl."""
    emulator = board.emulators.renode
    assert emulator is not None
    path = data_folder("boards") / "renode" / f"{emulator.platform}.repl"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.repl")))
        raise InvalidBoard(
            f"{board.id}: emulators.renode.platform: found {emulator.platform!r}; "
            f"allowed are {known}"
        )
    return path


def _run_chunk(renode: Path, task: Task, inputs: Int8Array, on_output: OnOutput) -> RunResult:
    with plain_folder() as folder:
        _prepare(folder, task, inputs)
        command = (str(renode), *_OPTIONS, str(folder / "run.resc"))
        session = watch(command, folder / "console.txt", task.timeout_seconds, on_output)
        counts = _counts(folder / "counts.txt") if task.count_instructions else None
    kept = task.elf.with_suffix(".renode.log")
    kept.write_text(session.log, encoding="utf-8")
    problem = problem_of(session)
    if problem is None and counts is not None and len(counts) != len(inputs):
        problem = f"counted {len(counts)} of {len(inputs)} inferences"
    if problem is not None:
        raise RunFailed(f"renode: {problem}; its log is {kept}")
    return RunResult(
        outputs=outputs_of(session.lines, len(inputs), task.output_bytes),
        instructions=counts,
        log="\n".join(line for line in session.lines if not line.startswith(OUTPUT)),
        stack_bytes=stack_bytes_of(session.lines),
    )


def _counts(file: Path) -> tuple[int, ...]:
    """Return the numbers that the script wrote; none if it did not get that far."""
    text = file.read_text(encoding="ascii") if file.is_file() else ""
    return tuple(int(line) for line in text.split())


def _prepare(folder: Path, task: Task, inputs: Int8Array) -> None:
    """Put everything that Renode reads into a folder whose path needs no quotes."""
    (folder / "platform.repl").symlink_to(platform_of(task.board))
    (folder / "firmware.elf").symlink_to(task.elf.resolve())
    (folder / "inputs.bin").write_bytes(input_block(inputs))
    (folder / "run.resc").write_text(script_of(folder, task, len(inputs)), encoding="utf-8")


def script_of(folder: Path, task: Task, count: int) -> str:
    """Return the Renode script of one run over files in `folder`, a `plain_folder`."""
    templates = jinja2.Environment(  # nosec B701 # makes a script, not HTML
        loader=jinja2.FileSystemLoader(data_folder("templates")),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return templates.get_template("renode.resc.j2").render(
        board=task.board,
        folder=folder,
        preload=preload_of(task.elf).origin,
        vectors=vectors_of(task.elf),
        probes=probes_of(task.elf) if task.count_instructions else None,
        ready=READY,
        command=bulk_command(count).decode("ascii"),
        silence_seconds=math.ceil(task.timeout_seconds),
    )


def vectors_of(elf: Path) -> int:
    """Return the address of the vector table; Renode guesses wrong if a boot stage precedes it."""
    with elf.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".isr_vector")
        if section is None:
            raise RunFailed(f"{elf}: has no section .isr_vector; build the firmware again")
        return int(section["sh_addr"])
