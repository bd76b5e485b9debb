"""Verbs that take a model file: convert, search, fit and deploy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from microlut import project as projects
from microlut.board.board import load_board
from microlut.cli.failures import EXIT_DISAGREES, EXIT_WARNED
from microlut.cli.options import (
    AverageBitsOption,
    BitsOption,
    BoardOption,
    CalibrationOption,
    ConfigOption,
    CoreOption,
    DistillOption,
    FlashBudgetOption,
    GranularityChoice,
    GranularityOption,
    InputRangeOption,
    JsonOption,
    LimitOption,
    MaxDropOption,
    MaxRamOption,
    MethodChoice,
    MethodOption,
    MinSnrOption,
    ModelArgument,
    NameOption,
    OptimizeChoice,
    OptimizeOption,
    OptionalInputs,
    OutputOption,
    RangesChoice,
    RangesOption,
    StrictOption,
    TaskChoice,
    TaskOption,
)
from microlut.cli.terminal import print_json, progress_bar
from microlut.conversion.fits import fit_layers
from microlut.conversion.pipeline import convert_with
from microlut.conversion.preparation import Options, prepare
from microlut.conversion.room import check_budget, check_room
from microlut.conversion.search import check_search
from microlut.conversion.search import search as search_front
from microlut.conversion.settings import (
    SETTINGS_FILE,
    Budget,
    Overrides,
    Settings,
    budget_in_force,
    load_settings,
)
from microlut.errors import InvalidInput, ToolMissing
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.plan import DEFAULT_CORE, Goal
from microlut.quantize.weights import WeightConfig
from microlut.running.emulators.machines import check_measurable
from microlut.show import runs as tables
from microlut.show.conversion import conversion_text, warnings_text
from microlut.show.fits import fits_text
from microlut.show.pictures.figure import check_picture
from microlut.show.pictures.front import draw_front
from microlut.show.pictures.histogram import draw_fit
from microlut.show.search import search_text
from microlut.toolchain.build import check_tools
from microlut.verification.reference import LaterInputs
from microlut.workflow import deploy as deploying
from microlut.workflow.outcomes import image_json


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
    min_snr: MinSnrOption = None,
    input_range: InputRangeOption = None,
    ranges: RangesOption = RangesChoice.AUTO,
    task: TaskOption = TaskChoice.AUTO,
    distill: DistillOption = True,
    optimize: OptimizeOption = OptimizeChoice.SPEED,
    max_ram: MaxRamOption = None,
    core: CoreOption = DEFAULT_CORE,
    config: ConfigOption = None,
    name: NameOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert MODEL to C sources (model.h, model.c, weights.c), a .tflite file and report.json."""
    budget = _budget(average_bits, flash_budget, max_drop, min_snr)
    overrides = _overrides(bits, granularity, method, budget)
    goal = Goal(optimize.value, max_ram, core)
    settings = _settings(config)
    options = Options(overrides, settings, input_range, ranges.value, task.value, distill, goal)
    projects.check_replaceable(output)  # before minutes are spent
    with progress_bar(as_json) as progress:
        conversion = convert_with(model, calibration, options, name, progress)
    project = projects.write_project(conversion, output)
    if as_json:
        print_json(project.report | {"output_folder": str(output)})
    else:
        print(conversion_text(conversion.report))
        print(f"Wrote {output}: model.h, model.c, weights.c, engine/, model.tflite, report.json")
        print(warnings_text(conversion.report), end="")
    if strict and conversion.report.warnings:
        raise typer.Exit(EXIT_WARNED)


def search(
    model: ModelArgument,
    calibration: CalibrationOption = None,
    granularity: GranularityChoice = None,
    method: MethodChoice = None,
    input_range: InputRangeOption = None,
    ranges: RangesOption = RangesChoice.AUTO,
    task: TaskOption = TaskChoice.AUTO,
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

    Accuracy is measured on the calibration inputs: half of them quantize, the other half judges.
    """
    overrides = _overrides(None, granularity, method, None)
    settings = _settings(config)
    options = Options(overrides, settings, input_range, ranges.value, task.value)
    check_search(folder, jobs)  # before minutes are spent
    if picture is not None:
        check_picture(picture)
    with progress_bar(as_json) as progress:
        prepared = prepare(model, calibration, options, None, progress)
        found = search_front(prepared, folder, progress, jobs)
    if picture is not None:
        draw_front(found, f"{found.model}: accuracy against bytes", picture)
    if as_json:
        print_json(found.as_json())
    else:
        print(search_text(found))


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
    if picture is not None:
        check_picture(picture)
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
    min_snr: MinSnrOption = None,
    input_range: InputRangeOption = None,
    ranges: RangesOption = RangesChoice.AUTO,
    task: TaskOption = TaskChoice.AUTO,
    distill: DistillOption = True,
    optimize: OptimizeOption = OptimizeChoice.SPEED,
    max_ram: MaxRamOption = None,
    config: ConfigOption = None,
    name: NameOption = None,
    strict: StrictOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert MODEL, build firmware for the board, and run it on the inputs."""
    target = load_board(board)
    check_tools(target)
    if inputs is not None:
        check_measurable(target)
    budget = _budget(average_bits, flash_budget, max_drop, min_snr)
    overrides = _overrides(bits, granularity, method, budget)
    goal = Goal(optimize.value, max_ram, target.core.value)
    settings = _settings(config)
    options = Options(overrides, settings, input_range, ranges.value, task.value, distill, goal)
    check_budget(target, budget_in_force(settings, overrides), max_ram)
    projects.check_replaceable(output)  # before minutes are spent
    later = None if inputs is None else LaterInputs(inputs, limit)

    def check(graph: Graph, limits: Mapping[str, tuple[float, float]] | None) -> None:
        check_room(target, graph, overrides.bits)
        if later is not None:
            later.check(graph, limits)

    with progress_bar(as_json) as progress:
        conversion = convert_with(model, calibration, options, name, progress, check)
        samples = None if later is None else later.samples
        outcome = deploying.deploy(conversion, target, output, samples, progress=progress)
    if as_json:
        print_json(image_json(outcome.image) | outcome.project.report)
    else:
        print(conversion_text(conversion.report))
        print(tables.image_text(outcome.image, target))
        if inputs is not None:
            print(tables.deploy_text(outcome))
        print(warnings_text(conversion.report), end="")
    if outcome.not_measured:
        raise typer.Exit(ToolMissing.exit_code)
    if outcome.run is not None and not outcome.run.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)
    if strict and conversion.report.warnings:
        raise typer.Exit(EXIT_WARNED)


def _overrides(
    bits: int | None,
    granularity: GranularityOption | None,
    method: MethodOption | None,
    budget: Budget | None,
) -> Overrides:
    """Return the options for weights."""
    return Overrides(
        bits,
        None if granularity is None else granularity.value,
        None if method is None else method.value,
        budget,
    )


def _budget(
    average_bits: float | None,
    flash_bytes: int | None,
    max_drop: float | None,
    min_snr: float | None,
) -> Budget | None:
    """Return the budget among the options, if any.

    Raises:
        InvalidInput: There is more than one, or it is out of range.
    """
    given = (average_bits, flash_bytes, max_drop, min_snr)
    return None if all(value is None for value in given) else Budget(*given)


def _settings(config: Path | None) -> Settings:
    """Return the contents of the given configuration file, or of the current folder's."""
    path = config or Path(SETTINGS_FILE)
    return Settings() if config is None and not path.is_file() else load_settings(path)
