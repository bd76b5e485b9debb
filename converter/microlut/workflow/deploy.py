"""Write a conversion, build its firmware and run it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from numpy.typing import ArrayLike

from microlut import project as projects
from microlut.board.board import Board, board_of
from microlut.conversion.conversion import Conversion
from microlut.conversion.options import ConvertOptions, options_of
from microlut.conversion.pipeline import convert_with
from microlut.conversion.room import check_budget, check_room
from microlut.conversion.settings import budget_in_force
from microlut.errors import BuildFailed, DoesNotFit, InvalidInput, ToolMissing
from microlut.graph.ir import Graph
from microlut.importers.samples import Inputs, Samples
from microlut.project import Project
from microlut.quantize.ranges.choose import Ends
from microlut.running.emulators.machines import Machine, check_measurable, choose_machine
from microlut.support.arguments import PathLike, check_flag, path_of
from microlut.support.progress import Progress, check_progress, silent
from microlut.toolchain.build import check_tools
from microlut.toolchain.image import Image
from microlut.verification.accuracy import float_outputs, top1
from microlut.verification.answers import (
    FLOAT,
    answers,
    firmware_answers,
    integer_answers,
    known,
)
from microlut.verification.reference import LaterInputs, Reference, make_reference
from microlut.workflow.build import build
from microlut.workflow.outcomes import DeployOutcome, RunOutcome
from microlut.workflow.run import image_for, run_task, task_of


def deploy(  # noqa: PLR0913 (the user's options, by name)
    model: Conversion | PathLike | object,
    board: Board | PathLike,
    output: PathLike,
    inputs: Inputs | None = None,
    *,
    labels: PathLike | ArrayLike | None = None,
    limit: int | None = None,
    calibration: Inputs | None = None,
    name: str | None = None,
    force: bool = False,
    progress: Progress = silent,
    **options: Unpack[ConvertOptions],
) -> DeployOutcome:
    """Convert a model, write it, build its firmware and run it: the whole line.

    `output` appears once all of that is done, even if the firmware's outputs differ. After an error
    it is unchanged.

    Args:
        model: A .keras or .h5 file, a SavedModel folder, a `keras.Model`, or what `convert`
            returned.
        board: A board, its id, or the path of its .toml file.
        output: Folder to write.
        inputs: What to run: an .npz with array `x`, an .npy, or an array [n, ...].
        labels: Class numbers [n], for the accuracy; by default array `y` of the inputs' file.
        limit: Run only the first so many inputs.
        calibration: As `convert` takes it.
        name: Name of the model.
        force: Whether to replace an earlier result of which files have been changed since.
        progress: Called with (what, done, total).
        **options: Those of `convert`; a conversion takes none.

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong with the inputs.
    """
    target, output = board_of(board), path_of("output", output)
    check_progress(progress)
    check_flag("force", force)
    if inputs is None and (labels is not None or limit is not None):
        raise InvalidInput("labels or a limit are given without inputs; give inputs too")
    later = None if inputs is None else LaterInputs(inputs, labels, limit)
    if isinstance(model, Conversion):
        if options or not (calibration is None and name is None):
            raise InvalidInput(
                "model is a conversion, which takes no calibration inputs and options any more; "
                "give them to microlut.convert, or give a model's file"
            )
        if later is not None:
            later.check(model.graph, None)
        return _deploy(model, target, (output, force), later, progress)
    check_tools(target)
    if inputs is not None:
        check_measurable(target)
    chosen = options_of(**options, core=target.core.value)
    budget, bits = budget_in_force(chosen.settings, chosen.overrides), chosen.overrides.bits
    check_budget(target, budget, chosen.goal.max_ram)
    projects.check_replaceable(output, force=force)  # before minutes are spent

    def check(graph: Graph, limits: Mapping[str, tuple[Ends, ...]] | None) -> None:
        check_room(target, graph, bits, chosen.stream is not None)
        if later is not None:
            later.check(graph, limits)

    conversion = convert_with(model, calibration, chosen, name, progress, check, target)
    return _deploy(conversion, target, (output, force), later, progress)


def _deploy(
    conversion: Conversion,
    board: Board,
    place: tuple[Path, bool],
    later: LaterInputs | None,
    progress: Progress,
) -> DeployOutcome:
    output, force = place
    samples = None if later is None else later.samples
    machine = None if samples is None else choose_machine(board)
    with projects.staged(output, force=force) as folder:
        staged = projects.write(conversion, folder)
        progress("build", 0, 1)
        image = _build_staged(staged, board, output)
        progress("build", 1, 1)
        found = conversion.report.findings
        outcome = DeployOutcome(staged, image, None, None, None, conversion, findings=found)
        if samples is not None and machine is not None:
            reference = make_reference(staged, samples)
            outcome = _judged(outcome, samples, reference)
            try:
                run = _run_staged(outcome, machine, reference, output, progress)
                own = firmware_answers(run.measured_on, run.outputs, reference)
                outcome = replace(outcome, run=run, answers=known(*outcome.answers, own))
            except (ToolMissing, DoesNotFit) as error:
                if not machine.why:
                    raise
                outcome = replace(outcome, not_measured=str(error))
        _add_to_report(outcome)
    image = image.moved(folder, output)
    moved = outcome.run and replace(outcome.run, image=image)
    return replace(outcome, project=projects.read(output), image=image, run=moved)


def _judged(outcome: DeployOutcome, samples: Samples, reference: Reference) -> DeployOutcome:
    """Return the outcome with what the float and the integer network answer on this computer."""
    conversion, labels = outcome.conversion, samples.y
    real = None if labels is None else float_outputs(conversion.graph, samples)
    return replace(
        outcome,
        findings=(*conversion.report.findings, *reference.findings),
        integer_top1=reference.top1,
        float_top1=None if real is None else top1(real, labels),
        answers=()
        if real is None
        else known(answers(FLOAT, real, labels), integer_answers(reference)),
    )


def _run_staged(
    built: DeployOutcome,
    machine: Machine,
    reference: Reference,
    output: Path,
    progress: Progress,
) -> RunOutcome:
    """Run a deployed model; ToolMissing or DoesNotFit may say why that machine cannot."""
    staged, image = built.project, built.image
    ran = image_for(machine, image, lambda other: _build_staged(staged, other, output))
    outcome, _ = run_task(task_of(ran, machine, reference), image, reference, progress)
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
