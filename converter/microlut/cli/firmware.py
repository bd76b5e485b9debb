"""Verbs that take a converted folder and make or run firmware: build, run and verify."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from microlut import project as projects
from microlut.board.board import Board, load_board
from microlut.board.schema import EmulatorName
from microlut.cli.failures import EXIT_DISAGREES
from microlut.cli.limited import limited
from microlut.cli.options import (
    BoardOption,
    BoardsOption,
    ComparedBoard,
    ConvertedOption,
    EmulatorOption,
    FolderArgument,
    InputsOption,
    JsonOption,
    LayerOption,
    LimitOption,
    OptionalInputs,
    OriginalOption,
    OutputsOption,
    PortOption,
    ProfileOption,
    PtyOption,
    TimingOption,
    at_least_one,
)
from microlut.cli.terminal import print_json, progress_bar
from microlut.errors import InvalidInput
from microlut.running.emulators import offer_image
from microlut.show import runs as tables
from microlut.show.conversion import findings_text
from microlut.show.layers import compare_text, layer_text
from microlut.toolchain.ecosystems import foreign_board
from microlut.workflow import build as building
from microlut.workflow import compare as comparison
from microlut.workflow import run as running
from microlut.workflow import verify as verification
from microlut.workflow.outcomes import image_json
from microlut.workflow.output_files import check_outputs, write_outputs


def build(
    folder: FolderArgument,
    board: BoardOption,
    profile: TimingOption = False,
    as_json: JsonOption = False,
) -> None:
    """Compile the firmware of a converted model to ELF, BIN and HEX, and report its memory.

    For a board of another ecosystem (zephyr:BOARD, idf:CHIP, pio:BOARD, pico:BOARD, arduino:FQBN)
    the model's application is exported and built by that ecosystem's own tool.
    """
    project = projects.read(folder)
    foreign = foreign_board(board)
    target = load_board("host" if foreign is not None else board)
    image = building.build(project, target if foreign is None else board, profile=profile)
    if as_json:
        print_json(image_json(image) | _memory_json(project))
    elif foreign is not None:
        print(tables.application_text(image))
    else:
        print(tables.image_text(image, target))


@limited("model_bytes", "sample_bytes")
def run(
    folder: FolderArgument,
    board: BoardOption,
    inputs: OptionalInputs = None,
    emulator: EmulatorOption = None,
    port: PortOption = None,
    pty: PtyOption = False,
    limit: LimitOption = None,
    outputs: OutputsOption = None,
    model: OriginalOption = None,
    profile: ProfileOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the firmware on inputs: in an emulator, natively (--board host), or on a real board.

    With --port it runs on the board at a serial port, which `microlut flash` has written. With
    --pty nothing is run: the emulated board is offered as a serial port for other programs.
    """
    project = projects.read(folder)
    foreign = foreign_board(board)
    target: Board | str = load_board(board) if foreign is None else board
    _check_ways(inputs, port, pty)
    if pty:
        if isinstance(target, str):
            raise InvalidInput(f"{board}: no emulator has it; --pty takes boards that one has")
        _offer(project, target, emulator, profile, as_json)
        return
    assert inputs is not None
    if outputs is not None:
        check_outputs(outputs)
    with progress_bar(as_json) as progress:
        outcome = running.run(
            project,
            target,
            inputs,
            limit=limit,
            count="layers" if profile else "inferences",
            emulator=emulator,
            port=port,
            original=model,
            progress=progress,
        )
    if outputs is not None:
        write_outputs(outputs, outcome)
    if as_json:
        print_json(outcome.as_json() | _memory_json(project))
    else:
        print(tables.run_text(outcome))
        print(findings_text(outcome.findings), end="")
    if not outcome.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)


def _check_ways(inputs: Path | None, port: str | None, pty: bool) -> None:
    """Raise InvalidInput for options of `run` that do not go together."""
    if pty and (inputs or port):
        raise InvalidInput("--pty runs no inputs; run them from another terminal, with --port")
    if inputs is None and not pty:
        raise InvalidInput("nothing to run; give --inputs, or --pty to offer a serial port")


def _offer(
    project: projects.Project,
    board: Board,
    emulator: EmulatorName | None,
    profile: bool,
    as_json: bool,
) -> None:
    """Run the emulated board at a pseudo-terminal until Ctrl-C."""
    image = building.build(project, board, profile=profile)
    with offer_image(board, image.elf, emulator) as offered:
        if as_json:
            print_json({"board": board.id, "port": offered.port})
        else:
            print(tables.offer_text(project, board, offered.port))
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):  # the way to end it
            offered.wait()


@limited("model_bytes", "sample_bytes")
def verify(
    folder: FolderArgument,
    inputs: InputsOption,
    board: BoardsOption = None,
    port: PortOption = None,
    limit: LimitOption = None,
    emulator_limit: Annotated[
        int,
        typer.Option(callback=at_least_one, help="Emulated boards run only the first N inputs."),
    ] = verification.DEFAULT_EMULATOR_LIMIT,
    model: ConvertedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run every executable form of the model and compare all outputs byte by byte.

    The forms: the integer interpreter, tflite-micro, the desktop TFLite runtime, the engine on this
    computer, and the firmware on each emulated board, or at --port on the real one that --board
    names. Of a .tflite file of integers at 8 bits, tflite-micro runs the original, too.
    """
    project = projects.read(folder)
    with progress_bar(as_json) as progress:
        outcome = verification.verify(
            project,
            inputs,
            board or None,
            limit=limit,
            emulator_limit=emulator_limit,
            original=model,
            port=port,
            progress=progress,
        )
    if as_json:
        print_json(outcome.as_json() | _memory_json(project))
    else:
        print(tables.verify_text(outcome))
        print(findings_text(outcome.findings), end="")
    if not outcome.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)


@limited("model_bytes", "sample_bytes")
def compare(
    folder: FolderArgument,
    inputs: InputsOption,
    model: ConvertedOption = None,
    board: ComparedBoard = None,
    port: PortOption = None,
    layer: LayerOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare each layer of the integer network with the float network's, and with firmware.

    It says where the loss begins, and in which channels. With --board, the firmware for it answers
    with every layer's output for the first input: emulated, or at --port on a board that `microlut
    flash --profile` has written.
    """
    project = projects.read(folder)
    if layer is not None:
        comparison.check_layer(project, layer)
    with progress_bar(as_json) as progress:
        outcome = comparison.compare(
            project, inputs, model, board=board, port=port, limit=limit, progress=progress
        )
    if as_json:
        print_json(outcome.as_json())
    elif layer is not None:
        print(layer_text(next(each for each in outcome.layers if each.name == layer)))
    else:
        print(compare_text(outcome))
    if not outcome.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)


def _memory_json(project: projects.Project) -> dict[str, object]:
    return {key: project.report[key] for key in ("bits", "weight_bytes", "arena_bytes")}
