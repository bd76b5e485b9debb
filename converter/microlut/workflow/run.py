"""Run firmware in an emulator or natively, and compare its outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from microlut.board.board import Board, board_of
from microlut.board.schema import EmulatorName
from microlut.conversion.conversion import source_hash
from microlut.errors import DoesNotFit, InvalidInput, ToolMissing
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.samples import Inputs, as_samples
from microlut.project import Model, Project, project_of
from microlut.running.emulators import Task, run_image
from microlut.running.emulators.machines import (
    Machine,
    check_machine,
    choose_machine,
    machine_with,
)
from microlut.running.profile import make_profile
from microlut.running.protocol import RunResult
from microlut.support.arguments import PathLike, check_choice, check_text
from microlut.support.progress import Progress, check_progress, counted, silent
from microlut.toolchain.build import check_tools
from microlut.toolchain.cores import core_of
from microlut.toolchain.ecosystems import ForeignBoard, foreign_board
from microlut.toolchain.image import Image
from microlut.verification.accuracy import float_top1
from microlut.verification.reference import Reference, check_samples, make_reference
from microlut.workflow.application import check_options
from microlut.workflow.build import build
from microlut.workflow.on_board import run_at_port
from microlut.workflow.outcomes import RunOutcome, compared_outcome

Count = Literal["nothing", "inferences", "layers"]


def run(  # noqa: PLR0913 (the user's options, by name)
    model: Model,
    board: Board | PathLike,
    inputs: Inputs,
    *,
    labels: PathLike | ArrayLike | None = None,
    limit: int | None = None,
    count: Count = "inferences",
    emulator: EmulatorName | None = None,
    port: str | None = None,
    original: PathLike | object | None = None,
    progress: Progress = silent,
) -> RunOutcome:
    """Build the firmware and run it on inputs, in an emulator, natively or on a real board.

    Args:
        model: The folder of a converted model, a project, or a conversion.
        board: A board, its id, the path of its .toml file, or one of another ecosystem, such as
            "pico:pico2", with a port; without one, the emulated machine with the same core.
        inputs: An .npz with array `x`, an .npy, or an array [n, ...].
        labels: Class numbers [n], for the accuracy; by default array `y` of the inputs' file.
        limit: Run only the first so many inputs.
        count: What to count the instructions of; "layers" are those of the first inference, or on
            a real board the microseconds of the last.
        emulator: "renode", "qemu", "native" or "labwired"; None takes what `choose_machine` says.
        port: Run on the real board at this serial port, whose firmware `flash` has written.
        original: The model that was converted, for the float accuracy beside it.
        progress: Called with (board, done, total).

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong.
    """
    check_choice("count", count, get_args(Count))
    check_progress(progress)
    if emulator is not None:
        check_choice("emulator", emulator, get_args(EmulatorName))
    check_text("port", port, "a serial port's name")
    if None not in (emulator, port):
        raise InvalidInput("an emulator and a port are both given; give one of the two")
    project, foreign = project_of(model), foreign_board(board)
    if foreign is not None:
        check_options(foreign, emulator=emulator, profile=count == "layers")
    samples = as_samples(inputs, project.inputs, labels, limit)
    check_samples(project, samples)
    real = None if original is None else checked_original(original, project)
    if port is None:
        if foreign is None:
            target = board_of(board)
            machine = ready_machine(target, count, emulator)
            reference = make_reference(project, samples)
            image = build(project, target)
        else:
            image = build(project, foreign.text)
            machine = _stand_in(foreign, image)
            reference = make_reference(project, samples)
        outcome = run_on(machine, project, reference, image, count, progress)
    else:
        outcome = run_at_port(project, board, samples, port, progress, profile=count == "layers")
    return outcome if real is None else replace(outcome, float_top1=float_top1(real, samples))


def _stand_in(board: ForeignBoard, image: Image) -> Machine:
    """Return the emulated machine with the core that an application was built for."""
    core = core_of(image.elf)
    machine = core and machine_with(core, f"no emulator here has {board.text}")
    if not machine:
        raise InvalidInput(
            f"{board.text}: no emulator here has its core, so its application runs on a real board "
            "only: write it with microlut flash, and give --port"
        )
    check_machine(machine)
    return machine


def ready_machine(board: Board, count: Count, emulator: EmulatorName | None = None) -> Machine:
    """Return the machine that runs a board's firmware; it and the tools are there.

    Args:
        board: The board.
        count: What to count the instructions of.
        emulator: Which emulator to take; None takes what `choose_machine` says.
    """
    machine = choose_machine(board, emulator, calls=count == "layers")
    check_tools(board)
    check_machine(machine)
    return machine


def run_on(
    machine: Machine,
    project: Project,
    reference: Reference,
    image: Image,
    count: Count,
    progress: Progress,
) -> RunOutcome:
    """Run a board's image, or what stands for it, on a machine; compare it with the reference."""
    task = task_of(
        image_for(machine, image, lambda other: build(project, other)), machine, reference
    )
    if count == "layers":
        task = replace(task, caller=f"{project.prefix}_run")
    else:
        task = replace(task, count_instructions=count != "nothing")
    outcome, result = run_task(task, image, reference, progress)
    outcome = replace(outcome, note=machine.note or result.note, emulator=machine.emulator)
    if not result.pieces:
        return outcome
    return replace(outcome, profile=make_profile(project.report["layers"], result.pieces[0]))


def image_for(machine: Machine, image: Image, build_for: Callable[[Board], Image]) -> Image:
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


def task_of(image: Image, machine: Machine, reference: Reference) -> Task:
    """Return the task of running an image on a machine."""
    inputs, output_bytes = reference.flat_inputs, reference.outputs.shape[1]
    return Task(image.elf, machine.board, inputs, output_bytes, emulator=machine.emulator)


def run_task(
    task: Task, image: Image, reference: Reference, progress: Progress
) -> tuple[RunOutcome, RunResult]:
    """Return what a run gave, and the results of its inferences."""
    name = task.board.id
    result = run_image(task, counted(progress, name, len(reference.inputs)))
    counts = result.instructions
    outcome = replace(
        compared_outcome(image, name, result.outputs, reference),
        instructions=None if not counts else (round(np.mean(counts)), min(counts), max(counts)),
        stack_bytes=result.stack_bytes,
    )
    return outcome, result


def checked_original(model: PathLike | object, project: Project) -> Graph:
    """Return the float network of the original model, after checking that it was converted."""
    graph = run_passes(import_model(model, custom=project.report.get("custom")))
    if project.report["source_sha256"] not in ("", source_hash(model)):
        raise InvalidInput(
            f"{model}: is not the model that was converted, {project.report['source']}, "
            "or has changed since; give that one"
        )
    return graph
