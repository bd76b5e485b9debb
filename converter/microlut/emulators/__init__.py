"""Run firmware without hardware: a built image and int8 inputs enter, a `RunResult` leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from microlut.console import RunResult
from microlut.emulators import native, qemu
from microlut.emulators.session import OnOutput
from microlut.emulators.task import Task
from microlut.errors import InvalidBoard, InvalidInput

__all__ = ["EMULATORS", "Task", "run_image"]

# Names that a board's `emulator.name` may have.
EMULATORS: dict[str, Callable[[Task, OnOutput], RunResult]] = {
    "qemu": qemu.run,
    "native": native.run,
}


def run_image(task: Task, on_output: OnOutput = lambda: None) -> RunResult:
    """Run a firmware image on all inputs, on its board's emulator.

    Args:
        task: The image, its board and the inputs.
        on_output: Called once after each inference, to show progress.

    Raises:
        InvalidBoard: The board has no emulator.
        InvalidInput: The inputs are not an int8 array [n, input_bytes] with n >= 1.
        ToolMissing: The emulator is not installed.
        RunFailed: The firmware failed, said nothing for too long, or gave other outputs than asked.
    """
    inputs = task.inputs
    if inputs.dtype != np.int8 or inputs.ndim != 2 or 0 in inputs.shape:
        raise InvalidInput(
            f"inputs: found {inputs.dtype} of shape {inputs.shape}; give int8 [n, input_bytes]"
        )
    if task.board.emulator is None:
        raise InvalidBoard(f"{task.board.id}: emulator: is missing; choose a board that has one")
    return EMULATORS[task.board.emulator.name](task, on_output)
