"""Write a conversion, build its firmware and run it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from microlut import project as projects
from microlut.board.board import Board
from microlut.conversion.conversion import Conversion
from microlut.errors import BuildFailed, DoesNotFit, ToolMissing
from microlut.importers.samples import Samples
from microlut.project import Project
from microlut.running.emulators.machines import (
    Machine,
    choose_machine,
)
from microlut.support.progress import Progress, silent
from microlut.toolchain.image import Image
from microlut.verification.accuracy import float_top1
from microlut.verification.reference import Reference, make_reference
from microlut.workflow.build import build
from microlut.workflow.outcomes import DeployOutcome, RunOutcome
from microlut.workflow.run import image_for, run_task, task_of


def deploy(
    conversion: Conversion,
    board: Board,
    output: Path | str,
    samples: Samples | None = None,
    *,
    progress: Progress = silent,
) -> DeployOutcome:
    """Write a conversion, build its firmware and run it.

    `output` appears once all of that is done, even if the firmware's outputs differ. After an error
    it is unchanged.
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
