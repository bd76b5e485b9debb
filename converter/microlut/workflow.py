"""What the later verbs do with a converted model: build, run, verify, and the whole line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from microlut import project as projects
from microlut.boards.board import Board, Core
from microlut.conversion.pipeline import Conversion, source_hash
from microlut.errors import BuildFailed, DoesNotFit, InvalidInput, ToolMissing
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.samples import Samples, load_samples
from microlut.outcomes import DeployOutcome, RunOutcome, VerifyOutcome
from microlut.project import Project
from microlut.running.emulators import Task, run_image
from microlut.running.emulators.machines import (
    Machine,
    available_boards,
    check_machine,
    choose_machine,
)
from microlut.running.profile import make_profile
from microlut.support.progress import Progress, silent
from microlut.toolchain.build import build as build_image
from microlut.toolchain.build import check_tools
from microlut.toolchain.image import Image
from microlut.verification.accuracy import float_top1, top1
from microlut.verification.compare import INTERPRETER, FormResult, compare, compare_runtimes
from microlut.verification.reference import Reference, make_reference

DEFAULT_EMULATOR_LIMIT = 50

Count = Literal["nothing", "inferences", "layers"]


def build(project: Project, board: Board, *, profile: bool = False) -> Image:
    """Build the firmware into the project's folder for that board.

    With `profile` it is one that times every kernel call, for `run_on_board` to ask.
    """
    folder, optimize = project.build_folder(board.id, profile), project.report["optimize"]
    return build_image(project.path, project.prefix, board, folder, optimize, profile=profile)


def run(
    project: Project,
    board: Board,
    samples: Samples,
    count: Count = "inferences",
    emulator: str | None = None,
    progress: Progress = silent,
) -> RunOutcome:
    """Build the firmware and run it on samples, in an emulator or natively.

    Args:
        project: The converted model.
        board: What to build for.
        samples: Inputs.
        count: What to count the instructions of; "layers" are those of the first inference.
        emulator: "renode", "qemu" or "native"; None takes what `choose_machine` says.
        progress: Called with (board, done, total).
    """
    machine = choose_machine(board, emulator, calls=count == "layers")
    check_tools(board)
    check_machine(machine)
    reference = make_reference(project, samples)
    image = build(project, board)
    task = _task(
        _image_for(machine, image, lambda other: build(project, other)), machine, reference
    )
    if count == "layers":
        task = replace(task, caller=f"{project.prefix}_run")
    else:
        task = replace(task, count_instructions=count != "nothing")
    outcome, pieces = _run_task(task, image, reference, progress)
    outcome = replace(outcome, note=machine.note)
    if not pieces:
        return outcome
    return replace(outcome, profile=make_profile(project.report["layers"], pieces[0]))


def _image_for(machine: Machine, image: Image, build_for: Callable[[Board], Image]) -> Image:
    """Return what runs on a machine: the board's own image, or one that is built for the machine.

    Raises:
        ToolMissing: It cannot run here.
        DoesNotFit: The machine is too small for what fits on the board.
    """
    try:
        check_machine(machine)
        return build_for(machine.board) if machine.why else image
    except (ToolMissing, DoesNotFit) as error:
        if not machine.why:
            raise
        raise type(error)(f"{machine.why}, and {error}") from error


def _task(image: Image, machine: Machine, reference: Reference) -> Task:
    inputs, output_bytes = reference.flat_inputs, reference.outputs.shape[1]
    return Task(image.elf, machine.board, inputs, output_bytes, emulator=machine.emulator)


def _run_task(
    task: Task, image: Image, reference: Reference, progress: Progress
) -> tuple[RunOutcome, tuple[tuple[int, ...], ...]]:
    """Return what a run gave, and the pieces of its inferences if the task asks for them."""
    board, samples, done = task.board, len(reference.inputs), 0

    def on_output() -> None:
        nonlocal done
        done += 1
        progress(board.id, done, samples)

    result = run_image(task, on_output)
    compared = compare(board.id, result.outputs, reference.outputs)
    counts = result.instructions
    outcome = RunOutcome(
        image=image,
        measured_on=board.id,
        samples=samples,
        outputs=result.outputs,
        bit_exact=compared.agrees,
        first_difference=compared.first,
        top1=top1(result.outputs, reference.labels),
        instructions=None if not counts else (round(np.mean(counts)), min(counts), max(counts)),
        stack_bytes=result.stack_bytes,
    )
    return outcome, result.pieces


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
        task = replace(_task(image, machine, few), count_instructions=False)
        outcome, _ = _run_task(task, image, few, progress)
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


def deploy(
    conversion: Conversion,
    board: Board,
    output: Path | str,
    samples: Samples | None = None,
    *,
    progress: Progress = silent,
) -> DeployOutcome:
    """Write a conversion, build its firmware and run it.

    `output` appears when all of that is done, also if the firmware's outputs then differ; after an
    error it is what it was before.
    """
    output = Path(output)
    machine = None if samples is None else choose_machine(board)
    with projects.staged(output) as folder:
        staged = projects.write(conversion, folder)
        progress("build", 0, 1)
        image = _build_staged(staged, board, output)
        progress("build", 1, 1)
        outcome = DeployOutcome(staged, image, None, None, None)
        if samples is not None and machine is not None:
            reference = make_reference(staged, samples)
            outcome = replace(
                outcome,
                integer_top1=reference.top1,
                float_top1=float_top1(conversion.graph, samples),
            )
            try:
                run = _run_staged(outcome, machine, reference, output, progress)
                outcome = replace(outcome, run=run)
            except (ToolMissing, DoesNotFit) as error:
                if not machine.why:
                    raise
                outcome = replace(outcome, not_measured=str(error))
        _add_to_report(outcome)
    image = image.moved(folder, output)
    moved = outcome.run and replace(outcome.run, image=image)
    return replace(outcome, project=projects.read(output), image=image, run=moved)


def _run_staged(
    built: DeployOutcome,
    machine: Machine,
    reference: Reference,
    output: Path,
    progress: Progress,
) -> RunOutcome:
    """Run a deployed model; ToolMissing or DoesNotFit may say why that machine cannot."""
    staged, image = built.project, built.image
    ran = _image_for(machine, image, lambda other: _build_staged(staged, other, output))
    outcome, _ = _run_task(_task(ran, machine, reference), image, reference, progress)
    return replace(outcome, note=machine.note)


def _build_staged(staged: Project, board: Board, output: Path) -> Image:
    """Build in a folder that will not stay; the compiler's messages stay, beside `output`."""
    try:
        return build(staged, board)
    except BuildFailed as error:
        log = staged.build_folder(f"{board.id}-build.log")
        kept = output.absolute().with_name(f"{output.name}-build.log")
        shutil.move(log, kept)
        raise BuildFailed(str(error).replace(str(log), str(kept))) from error


def _add_to_report(outcome: DeployOutcome) -> None:
    """Add what building and running told to report.json."""
    project = outcome.project
    projects.write_report(replace(project, report=project.report | outcome.as_json()))


def checked_original(model: Path, project: Project) -> Graph:
    """Return the float network of the original model, after checking that it was converted."""
    graph = run_passes(import_model(model))
    if project.report["source_sha256"] not in ("", source_hash(model)):
        raise InvalidInput(
            f"{model}: is not the model that was converted, {project.report['source']}, "
            "or has changed since; give that one"
        )
    return graph


__all__ = [
    "DeployOutcome",
    "RunOutcome",
    "VerifyOutcome",
    "build",
    "deploy",
    "float_top1",
    "load_samples",
    "run",
    "top1",
    "verify",
]
