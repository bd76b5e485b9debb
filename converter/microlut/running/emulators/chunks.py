"""Run inputs in parts if they do not fit into the image's preload region at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from microlut.running.emulators.preload import chunks, preload_of
from microlut.running.emulators.task import Task
from microlut.running.protocol import Int8Array, RunResult


def run_in_chunks(task: Task, run_chunk: Callable[[Int8Array], RunResult]) -> RunResult:
    """Run every input of the task, in as few parts as the image's preload region allows.

    Args:
        task: What to run.
        run_chunk: Starts the emulator once, with inputs that fit.
    """
    results = [run_chunk(chunk) for chunk in chunks(task.inputs, preload_of(task.elf))]
    counts = [result.instructions for result in results if result.instructions is not None]
    return RunResult(
        outputs=np.concatenate([result.outputs for result in results]),
        instructions=tuple(n for part in counts for n in part) if counts else None,
        log="\n".join(result.log for result in results),
        pieces=tuple(piece for result in results for piece in result.pieces),
        stack_bytes=max((result.stack_bytes or 0 for result in results), default=0) or None,
    )
