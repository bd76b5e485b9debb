"""Run inputs on a real board, through its serial port."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean

from microlut.board.board import Board, Core, board_of, load_board
from microlut.errors import RunFailed
from microlut.importers.samples import Samples
from microlut.machine.serial_port import SerialPort
from microlut.project import Project
from microlut.running.device import Device, DeviceRun, Port, run_inputs
from microlut.running.profile import Profile, make_profile
from microlut.support.arguments import PathLike
from microlut.support.progress import Progress, counted, silent
from microlut.toolchain.ecosystems import foreign_board
from microlut.toolchain.image import Image
from microlut.verification.reference import make_reference
from microlut.workflow.build import build
from microlut.workflow.outcomes import RunOutcome, compared_outcome


def run_at_port(
    project: Project,
    board: Board | PathLike,
    samples: Samples,
    port: str,
    progress: Progress = silent,
    *,
    profile: bool = False,
) -> RunOutcome:
    """Run samples on a board, or one of another ecosystem, at the serial port of this name."""
    foreign = foreign_board(board)
    target = load_board("host") if foreign is not None else board_of(board)
    with SerialPort(port, target.baud) as opened:
        image = None if foreign is None else build(project, foreign.text)
        return run_on_board(
            project, target, samples, opened, progress, profile=profile, image=image
        )


def run_on_board(  # noqa: PLR0913 (what makes a run)
    project: Project,
    board: Board,
    samples: Samples,
    port: Port,
    progress: Progress = silent,
    *,
    profile: bool = False,
    image: Image | None = None,
) -> RunOutcome:
    """Run samples on the board at a port, whose firmware is this project's.

    Args:
        project: The converted model.
        board: What the firmware is built for, which gives the image's sizes.
        samples: Inputs.
        port: Open port of the board's console.
        progress: Called with (board, done, total).
        profile: Whether to ask for the times of the last inference's kernel calls.
        image: What runs there, if it is the application of another ecosystem; `board` is "host".

    Raises:
        DeviceFailed: Nothing at the port answers by the protocol, or the port is gone.
        RunFailed: The board runs another model, its firmware failed, or it times no kernel calls.
    """
    name = board.id if image is None else image.board_id
    image = image or build(project, board, profile=profile)
    reference = make_reference(project, samples)
    device = Device(port)
    found = device.model()
    flash = f"microlut flash {project.path} --board {name}{' --profile' if profile else ''}"
    if found != project.prefix:
        raise RunFailed(
            f"{port.name}: the board runs model {found} and not {project.prefix}; "
            f"flash it with: {flash}"
        )
    if profile and not device.times_layers():
        raise RunFailed(
            f"{port.name}: the board's firmware times no layers; "
            f"flash the one that does with: {flash}"
        )

    on_output = counted(progress, board.id, len(reference.inputs))
    result = run_inputs(
        device,
        reference.flat_inputs,
        reference.outputs.shape[1],
        on_output,
        layers=profile,
        runs=None if project.graph.stream is None else project.graph.stream.runs,
    )
    times = result.microseconds
    # An application of another ecosystem is on a board that has no file: "host" stands for it.
    where = port.name if board.core is Core.HOST else name
    return replace(
        compared_outcome(image, where, result.outputs, reference),
        microseconds=(round(mean(times)), min(times), max(times)),
        profile=_profile(project, result) if profile else None,
    )


def _profile(project: Project, run: DeviceRun) -> Profile:
    """Return where the time of the last inference went."""
    rest = max(0, run.microseconds[-1] - sum(run.layers))
    return make_profile(project.report["layers"], (0, *run.layers, rest), "microseconds")
