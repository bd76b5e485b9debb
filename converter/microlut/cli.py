"""The command line: one verb a stage and `deploy` for all. The only module that prints or exits."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from microlut import doctor as doctors
from microlut import project as projects
from microlut import tables, workflow
from microlut.board_texts import board_text, boards_text
from microlut.boards import list_boards, load_board
from microlut.emulators import choose_emulator
from microlut.errors import InvalidInput, ToolMissing
from microlut.failures import (
    EXIT_DISAGREES,
    EXIT_INTERRUPTED,
    Terminated,
    describe,
    raise_when_terminated,
)
from microlut.files import write_file
from microlut.fits import fit_layers, fits_text
from microlut.front import search_text
from microlut.importers import import_model
from microlut.options import (
    AverageBitsOption,
    BitsOption,
    BoardOption,
    BoardsOption,
    CalibrationOption,
    ConfigOption,
    EmulatorOption,
    ExportFormat,
    FlashBudgetOption,
    FolderArgument,
    GranularityChoice,
    InputRangeOption,
    InputsOption,
    JsonOption,
    LimitOption,
    MaxDropOption,
    MaxRamOption,
    MethodChoice,
    ModelArgument,
    NameOption,
    OptimizeChoice,
    OptimizeOption,
    OptionalInputs,
    OriginalOption,
    OutputOption,
    OutputsOption,
    ProfileOption,
    RangesChoice,
    RangesOption,
    budget_of,
    overrides_of,
    settings_of,
)
from microlut.outcomes import image_json, write_outputs
from microlut.passes import run_passes
from microlut.pictures.figure import check_picture
from microlut.pictures.front import draw_front
from microlut.pictures.histogram import draw_fit
from microlut.pipeline import Options, convert_with, prepare
from microlut.plan import Goal
from microlut.quantize.weights import WeightConfig
from microlut.samples import load_samples
from microlut.search import search as search_front
from microlut.terminal import print_error, print_json, progress_bar
from microlut.version import VERSION

app = typer.Typer(
    name="microlut",
    help="Turn a trained Keras CNN into small, exact, verified firmware for microcontrollers.",
    epilog="Every verb takes --json (one JSON object on standard output) and --debug (tracebacks). "
    "Exit codes: 0 done, 1 outputs disagree, 2 bad command line or input, 3 unsupported model, "
    "4 unknown or invalid board, 5 does not fit, 6 tool missing, 7 build failed, 8 run failed, "
    "70 internal error, 130 interrupted, 143 terminated.",
    add_completion=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"microlut {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print and exit."),
    ] = False,
) -> None:
    """Take what stands before the verb."""


@app.command(short_help="Convert a model to C sources and a .tflite file.")
def convert(
    model: ModelArgument,
    output: OutputOption,
    calibration: CalibrationOption = None,
    bits: BitsOption = None,
    granularity: GranularityChoice = None,
    method: MethodChoice = None,
    average_bits: AverageBitsOption = None,
    flash_budget: FlashBudgetOption = None,
    max_drop: MaxDropOption = None,
    input_range: InputRangeOption = None,
    ranges: RangesOption = RangesChoice.AUTO,
    optimize: OptimizeOption = OptimizeChoice.SPEED,
    max_ram: MaxRamOption = None,
    config: ConfigOption = None,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Convert MODEL to C sources (model.h, model.c, weights.c), a .tflite file and report.json."""
    budget = budget_of(average_bits, flash_budget, max_drop)
    overrides = overrides_of(bits, granularity, method, budget)
    goal = Goal(optimize.value, max_ram)
    options = Options(overrides, settings_of(config), input_range, ranges.value, goal)
    projects.check_replaceable(output)  # before minutes are spent
    with progress_bar(as_json) as progress:
        conversion = convert_with(model, calibration, options, name, progress)
    project = projects.write_project(conversion, output)
    if as_json:
        print_json(project.report | {"output_folder": str(output)})
        return
    print(tables.conversion_text(conversion.report))
    print(f"Wrote {output}: model.h, model.c, weights.c, engine/, model.tflite, report.json")


@app.command(short_help="Measure what accuracy costs in bytes, and draw it.")
def search(
    model: ModelArgument,
    calibration: CalibrationOption = None,
    granularity: GranularityChoice = None,
    method: MethodChoice = None,
    input_range: InputRangeOption = None,
    ranges: RangesOption = RangesChoice.AUTO,
    config: ConfigOption = None,
    picture: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw the front to this .svg or .png.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keep finished points here; a search resumes from them.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Points measured at a time; -1: all cores.")] = -1,
    as_json: JsonOption = False,
) -> None:
    """Measure MODEL at all bit widths and with bits chosen layer by layer: accuracy against bytes.

    Accuracy is what the calibration inputs tell: half of them quantize, the other half judges.
    """
    overrides = overrides_of(None, granularity, method, None)
    options = Options(overrides, settings_of(config), input_range, ranges.value)
    if picture is not None:
        check_picture(picture)  # before minutes are spent
    with progress_bar(as_json) as progress:
        prepared = prepare(model, calibration, options, None, progress)
        found = search_front(prepared, folder, progress, jobs)
    if picture is not None:
        draw_front(found, f"{found.model}: accuracy against bytes", picture)
    if as_json:
        print_json(found.as_json())
    else:
        print(search_text(found))


@app.command(short_help="Say which density each layer's weights have, and draw it.")
def fit(
    model: ModelArgument,
    layer: Annotated[str | None, typer.Option(help="Only this layer.")] = None,
    bits: BitsOption = None,
    granularity: GranularityChoice = None,
    picture: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw --layer to this .svg or .png.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Fit levels to the weights of MODEL, without data: density, clipping range and errors."""
    if picture is not None and layer is None:
        raise InvalidInput("a picture shows one layer; name it with --layer")
    graph = run_passes(import_model(model))
    built_in = WeightConfig()
    shared = built_in.granularity if granularity is None else granularity.value
    fits = fit_layers(graph, bits or built_in.bits, shared, layer)
    if picture is not None:
        draw_fit(fits[0].book, fits[0].weights, fits[0].title, picture)
    if as_json:
        print_json({"layers": [found.as_json() for found in fits]})
    else:
        print(fits_text(fits))


@app.command(short_help="Compile the firmware for a board.")
def build(folder: FolderArgument, board: BoardOption, as_json: JsonOption = False) -> None:
    """Compile the firmware of a converted model: ELF, BIN and HEX, and its memory."""
    project = projects.read(folder)
    target = load_board(board)
    image = workflow.build(project, target)
    if as_json:
        print_json(image_json(image) | _memory_json(project))
    else:
        print(tables.image_text(image, target))


@app.command(short_help="Run the firmware on inputs, in an emulator or natively.")
def run(
    folder: FolderArgument,
    board: BoardOption,
    inputs: InputsOption,
    emulator: EmulatorOption = None,
    limit: LimitOption = None,
    outputs: OutputsOption = None,
    model: OriginalOption = None,
    profile: ProfileOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the firmware on inputs, in the board's emulator or natively (--board host)."""
    project = projects.read(folder)
    target = load_board(board)
    samples = load_samples(inputs, project.graph.input_shape, limit)
    if outputs is not None and not outputs.absolute().parent.is_dir():
        raise InvalidInput(f"{outputs}: cannot be written (no such folder); choose another file")
    real = None if model is None else workflow.checked_float_top1(model, project, samples)
    with progress_bar(as_json) as progress:
        outcome = workflow.run(
            project, target, samples, "layers" if profile else "inferences", emulator, progress
        )
    if outputs is not None:
        write_outputs(outputs, project, outcome)
    if as_json:
        print_json(outcome.as_json() | {"float_top1": real} | _memory_json(project))
    else:
        print(tables.run_text(outcome, real))
    if not outcome.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)


@app.command(short_help="Compare all executable forms, byte by byte.")
def verify(
    folder: FolderArgument,
    inputs: InputsOption,
    board: BoardsOption = None,
    limit: LimitOption = None,
    emulator_limit: Annotated[
        int, typer.Option(min=1, help="Emulated boards run only the first N inputs.")
    ] = workflow.DEFAULT_EMULATOR_LIMIT,
    as_json: JsonOption = False,
) -> None:
    """Run every executable form of the model and compare all outputs byte by byte.

    The forms: the integer interpreter, tflite-micro, the desktop TFLite runtime, the engine on this
    computer, and the firmware on each emulated board.
    """
    project = projects.read(folder)
    boards = None if not board else [load_board(name) for name in board]
    samples = load_samples(inputs, project.graph.input_shape, limit)
    with progress_bar(as_json) as progress:
        outcome = workflow.verify(
            project, samples, boards, emulator_limit=emulator_limit, progress=progress
        )
    if as_json:
        print_json(outcome.as_json() | _memory_json(project))
    else:
        print(tables.verify_text(outcome))
    if not outcome.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)


@app.command(short_help="The whole line: convert, build and run.")
def deploy(
    model: ModelArgument,
    board: BoardOption,
    output: OutputOption,
    calibration: CalibrationOption = None,
    inputs: OptionalInputs = None,
    limit: LimitOption = None,
    bits: BitsOption = None,
    granularity: GranularityChoice = None,
    method: MethodChoice = None,
    average_bits: AverageBitsOption = None,
    flash_budget: FlashBudgetOption = None,
    max_drop: MaxDropOption = None,
    input_range: InputRangeOption = None,
    ranges: RangesOption = RangesChoice.AUTO,
    optimize: OptimizeOption = OptimizeChoice.SPEED,
    max_ram: MaxRamOption = None,
    config: ConfigOption = None,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """The whole line: convert MODEL, build firmware for the board, run it on the inputs."""
    target = load_board(board)
    if inputs is not None:
        choose_emulator(target)
    budget = budget_of(average_bits, flash_budget, max_drop)
    overrides = overrides_of(bits, granularity, method, budget)
    goal = Goal(optimize.value, max_ram)
    options = Options(overrides, settings_of(config), input_range, ranges.value, goal)
    projects.check_replaceable(output)  # before minutes are spent
    with progress_bar(as_json) as progress:
        conversion = convert_with(model, calibration, options, name, progress)
        samples = None
        if inputs is not None:
            samples = load_samples(inputs, conversion.graph.input_shape, limit)
        outcome = workflow.deploy(conversion, target, output, samples, progress=progress)
    if as_json:
        print_json(outcome.project.report | image_json(outcome.image))
    else:
        print(tables.conversion_text(conversion.report))
        print(tables.image_text(outcome.image, target))
        if outcome.run is not None:
            print(tables.deploy_text(outcome))
    if outcome.run is not None and not outcome.run.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)


@app.command(short_help="Write the converted model as an int8 .tflite file.")
def export(
    folder: FolderArgument,
    to: Annotated[ExportFormat, typer.Option("--to", help="What to write.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    as_json: JsonOption = False,
) -> None:
    """Write a converted model in another tool's format: an int8 .tflite file."""
    data = projects.read(folder).tflite
    write_file(output, data)
    if as_json:
        print_json({"format": to.value, "file": str(output), "bytes": len(data)})
    else:
        print(f"Wrote {output}, {tables.size_text(len(data))}")


@app.command(short_help="List the boards that firmware can be built for, or show one.")
def boards(
    name: Annotated[str | None, typer.Argument(help="Board id or .toml file: show it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the boards that firmware can be built for; with NAME, show all that is known of one."""
    known = [load_board(one) for one in ([name] if name else list_boards())]
    if as_json:
        print_json({"boards": [board.model_dump(mode="json") for board in known]})
    elif name is None:
        print(boards_text(known))
    else:
        print(board_text(known[0]))


@app.command(short_help="Say which tools are there and how to install the others.")
def doctor(as_json: JsonOption = False) -> None:
    """Say which tools are there, which are missing, and the command that installs each."""
    found = doctors.diagnose()
    if as_json:
        print_json({"tools": [tool.as_json() for tool in found]})
    else:
        print(tables.tools_text(found))
    if any(tool.path is None for tool in found):
        raise typer.Exit(ToolMissing.exit_code)


def _memory_json(project: projects.Project) -> dict[str, object]:
    return {key: project.report[key] for key in ("bits", "weight_bytes", "arena_bytes")}


def main() -> None:
    """Run the command line; every expected error becomes one line and its exit code."""
    arguments = sys.argv[1:] or ["--help"]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    raise_when_terminated()
    try:
        code = app(arguments, prog_name="microlut", standalone_mode=False) or 0
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except (Exception, Terminated) as error:  # noqa: BLE001 (the last resort: no traceback for users)
        if debug:
            traceback.print_exc()
        message, code = describe(error)
        print_error(message, code, as_json="--json" in arguments)
    if code == EXIT_INTERRUPTED:  # typer returns that code too
        print_error("interrupted", code, as_json="--json" in arguments)
    sys.exit(code)


if __name__ == "__main__":
    main()
