"""Run every executable form of a model and compare their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from numpy.typing import ArrayLike

from microlut.board.board import Board, Core, board_of
from microlut.errors import DoesNotFit
from microlut.importers.samples import Inputs, as_samples
from microlut.integer.stream import runs_per_sample
from microlut.project import Model, project_of
from microlut.running.emulators.machines import (
    Machine,
    available_boards,
    check_machine,
    choose_machine,
)
from microlut.support.arguments import PathLike, integer
from microlut.support.progress import Progress, check_progress, silent
from microlut.verification.compare import INTERPRETER, FormResult, compare, compare_runtimes
from microlut.verification.reference import make_reference
from microlut.verification.runtimes import TFLITE_MICRO
from microlut.workflow.build import build
from microlut.workflow.outcomes import VerifyOutcome
from microlut.workflow.run import run_task, task_of

DEFAULT_EMULATOR_LIMIT = 50


def verify(  # noqa: PLR0913 (the user's options, by name)
    model: Model,
    inputs: Inputs,
    boards: Board | PathLike | Sequence[Board | PathLike] | None = None,
    *,
    labels: PathLike | ArrayLike | None = None,
    limit: int | None = None,
    emulator_limit: int = DEFAULT_EMULATOR_LIMIT,
    progress: Progress = silent,
) -> VerifyOutcome:
    """Run every executable form and compare all outputs with the integer interpreter's.

    Args:
        model: The folder of a converted model, a project, or a conversion.
        inputs: An .npz with array `x`, an .npy, or an array [n, ...]; the interpreter, the runtimes
            and the host run all of them.
        boards: One or several, each as `run` takes it; by default the host and every emulated board
            that this machine can build for and that the model fits on.
        labels: Class numbers [n], for the accuracy; by default array `y` of the inputs' file.
        limit: Use only the first so many inputs.
        emulator_limit: How many of the inputs emulated boards run; of a streamed model, in
            how many runs about.
        progress: Called with (form, done, total).

    Raises:
        DoesNotFit: One of `boards` is too small.
    """
    emulator_limit = integer("emulator_limit", emulator_limit, 1)
    check_progress(progress)
    project = project_of(model)
    samples = as_samples(inputs, project.inputs, labels, limit)
    machines, skipped = _machines(_boards(boards))
    total = len(samples)
    progress(INTERPRETER, 0, total)
    reference = make_reference(project, samples)
    forms = [FormResult(INTERPRETER, len(reference.inputs), 0, None, True)]
    tflite = project.tflite
    if tflite is None:
        lacks = f"TensorFlow Lite has no {project.graph.tflite_lacks()}"
        skipped = ((TFLITE_MICRO, lacks), *skipped)
    else:
        forms += compare_runtimes(
            project.graph, tflite, reference.inputs, reference.outputs, progress
        )
    for machine in machines:
        board = machine.board
        most = max(1, emulator_limit // runs_per_sample(project.graph))
        count = total if board.core is Core.HOST else min(most, total)
        try:
            image = build(project, board)
        except DoesNotFit:
            if boards is not None:
                raise
            skipped = (*skipped, (board.id, "is too small for the model"))
            continue
        few = reference.first(count)
        task = replace(task_of(image, machine, few), count_instructions=False)
        _, result = run_task(task, image, few, progress)
        forms.append(compare(board.id, result.outputs, reference.outputs))
    return VerifyOutcome(total, tuple(forms), skipped, reference.top1, reference.findings)


def _boards(
    boards: Board | PathLike | Sequence[Board | PathLike] | None,
) -> tuple[Board, ...] | None:
    if boards is None:
        return None
    return tuple(map(board_of, boards if isinstance(boards, list | tuple) else (boards,)))


def _machines(
    boards: Sequence[Board] | None,
) -> tuple[tuple[Machine, ...], tuple[tuple[str, str], ...]]:
    """Return what is to run, each once, and why some boards do not themselves."""
    if boards is None:
        available, skipped = available_boards()
        return tuple(choose_machine(board) for board in available), skipped
    asked = {board.id: choose_machine(board) for board in boards}
    machines = {machine.board.id: machine for machine in asked.values()}
    for machine in machines.values():
        check_machine(machine)
    others = ((name, machine) for name, machine in asked.items() if machine.why)
    return tuple(machines.values()), tuple(
        (name, f"{machine.why}; {machine.board.id} has the same core") for name, machine in others
    )
