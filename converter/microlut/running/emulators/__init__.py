"""Run firmware images in emulators, or natively."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from microlut.board.board import Board
from microlut.errors import InvalidBoard, InvalidInput
from microlut.machine.tools import RENODE, find_tool
from microlut.running.emulators import labwired, native, qemu, renode
from microlut.running.emulators.pseudo_terminal import Offered, offered
from microlut.running.emulators.session import OnOutput
from microlut.running.emulators.task import Task
from microlut.running.protocol import RunResult

__all__ = [
    "EMULATORS",
    "Offered",
    "Task",
    "choose_emulator",
    "emulators_of",
    "offer_image",
    "run_image",
]

# The function that runs an image, for each table of a board's `emulators`.
EMULATORS: dict[str, Callable[[Task, OnOutput], RunResult]] = {
    "renode": renode.run,
    "qemu": qemu.run,
    "native": native.run,
    "labwired": labwired.run,
}

# Runs only where it is asked for: it counts no instructions, and its time is not the board's.
_ON_REQUEST = "labwired"

# Command lines with the console on standard input and output.
_CONSOLES: dict[str, Callable[[Board, Path], tuple[str, ...]]] = {
    "qemu": qemu.console_command,
    "native": native.console_command,
}


def emulators_of(board: Board) -> tuple[str, ...]:
    """Return the names of the emulators that may be chosen for the board, the preferred one first.

    LabWired is none of them: it has to be asked for.
    """
    return tuple(name for name in board.emulators.names if name != _ON_REQUEST)


def choose_emulator(board: Board, name: str | None = None) -> str:
    """Return which emulator runs the board's firmware.

    Args:
        board: The board.
        name: Name of one of its emulators; by default Renode if it is on PATH, else QEMU or native.

    Raises:
        InvalidBoard: The board does not have that emulator, or none at all.
    """
    names, named = emulators_of(board), board.emulators.names
    if not named or (name is None and not names):
        raise InvalidBoard(
            f"{board.id}: has no emulator to run inputs in; choose a board that `microlut boards` "
            "says runs in one, or only build for this one"
        )
    if name is not None and name not in named:
        raise InvalidBoard(f"{board.id}: emulator: found '{name}'; it runs in {', '.join(named)}")
    if name is None and names[0] == "renode" and len(names) > 1 and find_tool(RENODE) is None:
        return names[1]
    return name or names[0]


def offer_image(
    board: Board, elf: Path, emulator: str | None = None
) -> AbstractContextManager[Offered]:
    """Start an image with its console at a pseudo-terminal, in QEMU or as a program.

    Raises:
        InvalidBoard: The board has neither, or not the named one.
        ToolMissing: The emulator is not installed.
    """
    names = [known for known in board.emulators.names if known in _CONSOLES]
    if not names or emulator not in (None, *names):
        raise InvalidBoard(
            f"{board.id}: cannot be offered as a serial port in {emulator or 'any emulator'}; it "
            f"can in {', '.join(names) or 'none'}: choose a board that runs in QEMU"
        )
    return offered(_CONSOLES[emulator or names[0]](board, elf))


def run_image(task: Task, on_output: OnOutput = lambda: None) -> RunResult:
    """Run a firmware image on all inputs, in the emulator that the task names.

    Args:
        task: The image, its board and the inputs.
        on_output: Called once after each inference, to show progress.

    Raises:
        InvalidBoard: The board does not have that emulator.
        InvalidInput: The inputs are not an int8 array [n, input_bytes] with n >= 1.
        ToolMissing: The emulator is not installed.
        RunFailed: The firmware failed, was silent for too long, or gave a wrong number of outputs.
    """
    inputs = task.inputs
    if inputs.dtype != np.int8 or inputs.ndim != 2 or 0 in inputs.shape:
        raise InvalidInput(
            f"inputs: found {inputs.dtype} of shape {inputs.shape}; give int8 [n, input_bytes]"
        )
    return EMULATORS[choose_emulator(task.board, task.emulator)](task, on_output)
