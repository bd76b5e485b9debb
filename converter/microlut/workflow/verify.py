"""Run every executable form of a model and compare their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from microlut.board.board import Board, Core
from microlut.errors import DoesNotFit, InvalidInput
from microlut.importers.samples import Samples
from microlut.project import Project
from microlut.running.emulators.machines import (
    Machine,
    available_boards,
    check_machine,
    choose_machine,
)
from microlut.support.progress import Progress, silent
from microlut.verification.compare import INTERPRETER, FormResult, compare, compare_runtimes
from microlut.verification.reference import make_reference
from microlut.workflow.build import build
from microlut.workflow.outcomes import VerifyOutcome
from microlut.workflow.run import run_task, task_of

DEFAULT_EMULATOR_LIMIT = 50


def verify(
    project: Project,
    samples: Samples,
    boards: Sequence[Board] | None = None,
    *,
    emulator_limit: int = DEFAULT_EMULATOR_LIMIT,
    progress: Progress = silent,
) -> VerifyOutcome:
    """Run every executable form and compare all outputs with the integer interpreter's.

    Args:
        project: The converted model.
        samples: Inputs; the interpreter, the runtimes and the host run all of them.
        boards: By default the host and every emulated board that this machine can build for and
            that the model fits on.
        emulator_limit: How many of the inputs emulated boards run.
        progress: Called with (form, done, total).

    Raises:
        DoesNotFit: One of `boards` is too small.
    """
    if emulator_limit < 1:
        raise InvalidInput(f"emulator_limit is {emulator_limit}; give at least 1")
    machines, skipped = _machines(boards)
    total = len(samples)
    progress(INTERPRETER, 0, total)
    reference = make_reference(project, samples)
    forms = [FormResult(INTERPRETER, total, 0, None, True)]
    forms += compare_runtimes(
        project.graph, project.tflite, reference.inputs, reference.outputs, progress
    )
    for machine in machines:
        board = machine.board
        count = total if board.core is Core.HOST else min(emulator_limit, total)
        try:
            image = build(project, board)
        except DoesNotFit:
            if boards is not None:
                raise
            skipped = (*skipped, (board.id, "is too small for the model"))
            continue
        few = reference.first(count)
        task = replace(task_of(image, machine, few), count_instructions=False)
        outcome, _ = run_task(task, image, few, progress)
        forms.append(compare(board.id, outcome.outputs, reference.outputs))
    return VerifyOutcome(total, tuple(forms), skipped, reference.top1)


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
