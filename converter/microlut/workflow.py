"""What the later verbs do with a converted model: build, run, verify, and the whole line."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from microlut import project as projects
from microlut.accuracy import float_top1, top1
from microlut.boards import Board, Core, list_boards, load_board
from microlut.emulators import EMULATORS, Task, choose_emulator, run_image
from microlut.errors import BuildFailed, DoesNotFit, InvalidBoard, InvalidInput
from microlut.forms import INTERPRETER, FormResult, compare, compare_runtimes
from microlut.image import Image
from microlut.importers import import_model
from microlut.outcomes import DeployOutcome, RunOutcome, VerifyOutcome, stack_json
from microlut.passes import run_passes
from microlut.pipeline import Conversion, source_hash
from microlut.profile import make_profile
from microlut.progress import Progress, silent
from microlut.project import Project
from microlut.reference import Reference, make_reference
from microlut.samples import Samples, load_samples
from microlut.toolchain import build as build_image
from microlut.tools import RENODE, find_tool

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
        emulator: "renode", "qemu" or "native"; None takes the one that `choose_emulator` prefers.
        progress: Called with (board, done, total).
    """
    if count == "layers":
        check_countable(board)
    emulator = choose_emulator(board, emulator or ("qemu" if count == "layers" else None))
    image = build(project, board)
    reference = make_reference(project, samples)
    task = replace(_task(image, board, reference), emulator=emulator)
    if count == "layers":
        task = replace(task, caller=f"{project.prefix}_run")
    else:
        task = replace(task, count_instructions=count != "nothing")
    outcome, pieces = _run_task(task, image, reference, progress)
    if not pieces:
        return outcome
    return replace(outcome, profile=make_profile(project.report["layers"], pieces[0]))


def check_countable(board: Board) -> None:
    """Raise InvalidBoard if nothing counts instructions call by call on this board."""
    if board.emulators.qemu is None:
        raise InvalidBoard(
            f"{board.id}: instructions are not counted call by call there; profile on a board that "
            "`microlut boards` says runs in qemu"
        )


def _task(image: Image, board: Board, reference: Reference) -> Task:
    return Task(image.elf, board, reference.flat_inputs, reference.outputs.shape[1])


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
    chosen, skipped = (tuple(boards), ()) if boards is not None else _available_boards()
    for board in chosen:
        choose_emulator(board)
    total = len(samples)
    progress(INTERPRETER, 0, total)
    reference = make_reference(project, samples)
    forms = [FormResult(INTERPRETER, total, 0, None, True)]
    forms += compare_runtimes(
        project.graph, project.tflite, reference.inputs, reference.outputs, progress
    )
    for board in chosen:
        count = total if board.core is Core.HOST else min(emulator_limit, total)
        try:
            image = build(project, board)
        except DoesNotFit:
            if boards is not None:
                raise
            skipped = (*skipped, (board.id, "is too small for the model"))
            continue
        few = reference.first(count)
        task = replace(_task(image, board, few), count_instructions=False)
        outcome, _ = _run_task(task, image, few, progress)
        forms.append(compare(board.id, outcome.outputs, reference.outputs))
    return VerifyOutcome(total, tuple(forms), skipped, reference.top1)


def _available_boards() -> tuple[tuple[Board, ...], tuple[tuple[str, str], ...]]:
    """Return the boards that can be built for and emulated here, and why others cannot."""
    available, skipped = [], []
    for name in list_boards():
        board = load_board(name)
        if not set(board.emulators.names) & set(EMULATORS):
            skipped.append((name, "has no emulator"))
            continue
        emulator = {"qemu": board.toolchain.qemu, "renode": RENODE}.get(choose_emulator(board))
        needed = (*board.toolchain.needs, *((emulator,) if emulator else ()))
        missing = [tool for tool in needed if find_tool(tool) is None]
        if missing:
            skipped.append((name, f"{missing[0].name} is missing: {missing[0].install_command}"))
        else:
            available.append(board)
    return tuple(available), tuple(skipped)


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
    if samples is not None:
        choose_emulator(board)
    integer = real = outcome = None
    with projects.staged(output) as folder:
        staged = projects.write(conversion, folder)
        progress("build", 0, 1)
        image = _build_staged(staged, board, output)
        progress("build", 1, 1)
        if samples is not None:
            reference = make_reference(staged, samples)
            task = _task(image, board, reference)
            outcome, _ = _run_task(task, image, reference, progress)
            integer, real = reference.top1, float_top1(conversion.graph, samples)
        _add_to_report(staged, DeployOutcome(staged, image, outcome, integer, real))
    image = _moved(image, folder, output)
    outcome = outcome and replace(outcome, image=image)
    return DeployOutcome(projects.read(output), image, outcome, integer, real)


def _build_staged(staged: Project, board: Board, output: Path) -> Image:
    """Build in a folder that will not stay; the compiler's messages stay, beside `output`."""
    try:
        return build(staged, board)
    except BuildFailed as error:
        log = staged.build_folder(f"{board.id}-build.log")
        kept = output.absolute().with_name(f"{output.name}-build.log")
        shutil.move(log, kept)
        raise BuildFailed(str(error).replace(str(log), str(kept))) from error


def _moved(image: Image, old: Path, new: Path) -> Image:
    """Return the image with its paths in the folder's final place."""

    def move(path: Path | None) -> Path | None:
        return None if path is None else new / path.relative_to(old)

    elf, map_file = new / image.elf.relative_to(old), new / image.map.relative_to(old)
    others = replace(image, bin=move(image.bin), hex=move(image.hex), uf2=move(image.uf2))
    return replace(others, elf=elf, map=map_file)


def _add_to_report(project: Project, outcome: DeployOutcome) -> None:
    """Add what building and running told to report.json."""
    found: dict[str, object] = {
        "board": outcome.image.board_id,
        "flash_bytes": outcome.image.flash_bytes,
        "ram_bytes": outcome.image.ram_bytes,
        "engine_code_bytes": outcome.image.engine_code_bytes,
        "stack_bytes": stack_json(outcome.image),
    }
    if outcome.run is not None:
        found |= outcome.run.as_json()
        found |= {"integer_top1": outcome.integer_top1, "float_top1": outcome.float_top1}
    projects.write_report(replace(project, report=project.report | found))


def checked_float_top1(model: Path, project: Project, samples: Samples) -> float | None:
    """Return the accuracy of the original model, after checking that it is the converted one."""
    graph = run_passes(import_model(model))
    if project.report["source_sha256"] not in ("", source_hash(model)):
        raise InvalidInput(
            f"{model}: is not the model that was converted, {project.report['source']}, "
            "or has changed since; give that one"
        )
    return float_top1(graph, samples)


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
