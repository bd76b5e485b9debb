"""Run every executable form of a model and compare their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from numpy.typing import ArrayLike

from microlut.board.board import Board, Core, board_of
from microlut.errors import DoesNotFit, InvalidInput, RunFailed, UnsupportedModel
from microlut.importers.samples import Inputs, as_samples
from microlut.integer.stream import runs_per_sample
from microlut.project import Model, Project, project_of
from microlut.running.emulators.machines import (
    Machine,
    available_boards,
    check_machine,
    choose_machine,
)
from microlut.support.arguments import PathLike, check_text, integer, path_of
from microlut.support.progress import Progress, check_progress, silent
from microlut.verification.compare import INTERPRETER, FormResult, compare, compare_runtimes
from microlut.verification.original import ORIGINAL, compare_original
from microlut.verification.reference import Reference, make_reference
from microlut.verification.runtimes import TFLITE_MICRO, tflite_micro_lacks
from microlut.workflow.build import build
from microlut.workflow.on_board import run_at_port
from microlut.workflow.originals import is_original, original_file, original_lacks
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
    original: PathLike | None = None,
    port: str | None = None,
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
        original: The .tflite file of integers that was converted at 8 bits, which tflite-micro runs
            too; by default the file of its name, beside the folder or in the current one.
        port: Serial port of a real board, which `boards` then names alone; all inputs run there. It
            may be one of another ecosystem, such as "pico:pico2".
        progress: Called with (form, done, total).

    Raises:
        DoesNotFit: One of `boards` is too small.
        InvalidInput: `original` is not the file that was converted, its integers are not kept, or
            `port` is given without one board.
    """
    check_text("port", port, "a serial port's name")
    emulator_limit = integer("emulator_limit", emulator_limit, 1)
    check_progress(progress)
    project = project_of(model)
    file = _original(project, original)
    samples = as_samples(inputs, project.inputs, labels, limit)
    real = None if port is None else _only(boards)
    machines, skipped = _machines(_boards(boards)) if real is None else ((), ())
    total = len(samples)
    progress(INTERPRETER, 0, total)
    reference = make_reference(project, samples)
    forms = [FormResult(INTERPRETER, len(reference.inputs), 0, None, True)]
    tflite, lacks = project.tflite, tflite_micro_lacks()
    if tflite is None:
        lacks = f"TensorFlow Lite has no {project.graph.tflite_lacks()}"
    else:
        forms += compare_runtimes(
            project.graph, tflite, reference.inputs, reference.outputs, progress
        )
    if lacks is not None:
        skipped = ((TFLITE_MICRO, lacks), *skipped)
    if _keeps_file(project):
        try:
            forms.append(_compare_file(project, file, reference, progress))
        except (RunFailed, UnsupportedModel) as error:
            skipped = ((ORIGINAL, str(error)), *skipped)
    if port is not None and real is not None:
        found = run_at_port(project, real, samples, port, progress)
        where = f"{found.image.board_id} at {port}"
        forms.append(compare(where, found.outputs, reference.outputs))
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


def _keeps_file(project: Project) -> bool:
    """Return whether a network has all integers of the file that it was made of."""
    return project.report.get("file_integers") == "kept"


def _original(project: Project, given: PathLike | None) -> Path | None:
    """Return the file that was converted, if it is given or found and has the same integers."""
    if given is None:
        return original_file(project) if _keeps_file(project) else None
    path = path_of("original", given)
    if not _keeps_file(project):
        raise InvalidInput(
            f"{path}: only a .tflite file of integers, converted at 8 bits, has the bytes of the "
            "network; leave it out, or use `microlut compare`"
        )
    if not path.is_file() or not is_original(path, project):
        raise InvalidInput(
            f"{path}: is not the file that was converted, {project.report['source']}, or has "
            "changed since; give that one"
        )
    return path


def _compare_file(
    project: Project, file: Path | None, reference: Reference, progress: Progress
) -> FormResult:
    if file is None:
        raise UnsupportedModel(original_lacks(project))
    found = reference.inputs, reference.outputs
    return compare_original(project.graph, file.read_bytes(), *found, progress)


def _boards(
    boards: Board | PathLike | Sequence[Board | PathLike] | None,
) -> tuple[Board, ...] | None:
    if boards is None:
        return None
    return tuple(map(board_of, boards if isinstance(boards, list | tuple) else (boards,)))


def _only(boards: Board | PathLike | Sequence[Board | PathLike] | None) -> Board | PathLike:
    """Return the board at a port."""
    named = boards if isinstance(boards, list | tuple) else (boards,)
    if len(named) != 1 or named[0] is None:
        raise InvalidInput("port is given; give one board, the one that is there")
    board: Board | PathLike = named[0]
    return board


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
