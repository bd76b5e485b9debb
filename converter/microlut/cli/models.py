"""Verbs that take a model file: convert, search, fit and deploy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from microlut import project as projects
from microlut.board.board import load_board
from microlut.cli.conversion_options import (
    BitsOption,
    Converting,
    GranularityOption,
    Preparing,
)
from microlut.cli.failures import EXIT_DISAGREES, EXIT_WARNED
from microlut.cli.grouped import grouped
from microlut.cli.limited import limited
from microlut.cli.options import (
    CustomOption,
    ForceOption,
    JsonOption,
    LimitOption,
    ModelArgument,
    OptionalInputs,
    OptionalModel,
    OutputOption,
    SaidBoard,
    SaidOutput,
    custom_of,
)
from microlut.cli.said import deployment_of
from microlut.cli.terminal import print_json, progress_bar
from microlut.conversion import pipeline
from microlut.conversion.conversion import Conversion
from microlut.conversion.project_table import Deployment
from microlut.conversion.search import check_search
from microlut.distill.tuning import EPOCHS, RATE
from microlut.errors import InvalidInput, ToolMissing
from microlut.plan import DEFAULT_CORE
from microlut.show import runs as tables
from microlut.show.conversion import conversion_text, findings_text, warnings_text
from microlut.show.fits import fits_text
from microlut.show.page.write import HTML, report_name, write_report
from microlut.show.pictures.draw import draw
from microlut.show.pictures.figure import check_picture
from microlut.show.search import search_text
from microlut.workflow import deploy as deploying
from microlut.workflow import fit as fitting
from microlut.workflow import search as searching
from microlut.workflow import tune as tuning
from microlut.workflow.outcomes import image_json
from microlut.workflow.overview import deployed_overview

_WRITTEN = "model.h, model.c, weights.h, weights.c, engine/, {tflite}report.json"


@limited("model_bytes", "sample_bytes")
@grouped
def convert(
    model: ModelArgument,
    output: OutputOption,
    how: Converting,
    core: Annotated[
        str,
        typer.Option(
            metavar="CORE",
            help="Core that the memory is shared out for and instructions are estimated for, such "
            "as cortex-m0plus; the sources run on all.",
        ),
    ] = DEFAULT_CORE,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert MODEL to C sources (model.h, model.c, weights.c), a .tflite file and report.json."""
    options = how.converting()
    projects.check_replaceable(output, force=force)  # before minutes are spent
    with progress_bar(as_json) as progress:
        conversion = pipeline.convert(
            model, how.calibration, **options, core=core, name=how.name, progress=progress
        )
    _show(conversion, output, force, as_json)
    if how.strict and conversion.report.warnings:
        raise typer.Exit(EXIT_WARNED)


def _show(conversion: Conversion, output: Path, force: bool, as_json: bool) -> None:
    """Write a conversion, and show it."""
    project = projects.write_project(conversion, output, force=force)
    if as_json:
        print_json(project.report | {"output_folder": str(output)})
    else:
        print(conversion_text(conversion.report))
        tflite = "" if conversion.tflite is None else "model.tflite, "
        print(f"Wrote {output}: {_WRITTEN.format(tflite=tflite)}")
        print(warnings_text(conversion.report), end="")


@limited("model_bytes", "sample_bytes")
@grouped
def tune(
    model: ModelArgument,
    output: OutputOption,
    how: Converting,
    data: Annotated[
        Path, typer.Option(help=".npz with array x, or one per input's name, and targets y.")
    ],
    validation: Annotated[
        Path | None,
        typer.Option(help="The same for samples that judge.", show_default="a tenth of the data"),
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = EPOCHS,
    rate: Annotated[float, typer.Option(help="The highest learning rate.")] = RATE,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="File that each epoch is written to, and training goes on from."),
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert MODEL, and train the integer network itself on your training data.

    --calibration, --distill and --no-distill have no effect: calibration inputs are taken from the
    data, and training takes the place of distillation.
    """
    options = how.converting()
    projects.check_replaceable(output, force=force)  # before minutes are spent
    with progress_bar(as_json) as progress:
        conversion = tuning.tune(
            model,
            data,
            validation=validation,
            epochs=epochs,
            rate=rate,
            checkpoint=checkpoint,
            name=how.name,
            progress=progress,
            **options,
        )
    _show(conversion, output, force, as_json)
    if how.strict and conversion.report.warnings:
        raise typer.Exit(EXIT_WARNED)


@limited("model_bytes", "sample_bytes")
@grouped
def search(
    model: ModelArgument,
    how: Preparing,
    picture: Annotated[
        Path | None, typer.Option("--output", "-o", help="Draw the front to this .svg or .png.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keep finished points here; a search resumes from them.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Points measured at a time; -1: all cores.")] = -1,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="tcp://HOST:PORT", help="Measure on the workers of this Dask scheduler."
        ),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Advise the smallest that is expected to lose at most POINTS; for classes and "
            "labels.",
            show_default="1",
        ),
    ] = None,
    min_snr: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="Advise the smallest whose outputs have a signal-to-noise ratio of DB or more; "
            "for values.",
            show_default="20",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure MODEL at all bit widths and with bits chosen layer by layer: accuracy against bytes.

    Accuracy is measured on the calibration inputs: half of them quantize, the other half judges.
    """
    check_search(folder, jobs)  # before minutes are spent
    if picture is not None:
        check_picture(picture)
    with progress_bar(as_json) as progress:
        found = searching.search(
            model,
            how.calibration,
            folder=folder,
            jobs=jobs,
            cluster=cluster,
            max_drop=max_drop,
            min_snr=min_snr,
            progress=progress,
            **how.preparing(),
        )
    if picture is not None:
        draw(found, picture)
    if as_json:
        print_json(found.as_json())
    else:
        print(search_text(found))
        print(findings_text(found.findings), end="")


@limited("model_bytes")
def fit(
    model: ModelArgument,
    layer: Annotated[str | None, typer.Option(help="Only this layer.")] = None,
    bits: BitsOption = None,
    granularity: GranularityOption = None,
    custom: CustomOption = None,
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
    fits = fitting.fit(
        model, layer=layer, bits=bits, granularity=granularity, custom=custom_of(custom)
    )
    if picture is not None:
        draw(fits[0], picture)
    if as_json:
        print_json({"layers": [found.as_json() for found in fits]})
    else:
        print(fits_text(fits))


@limited("model_bytes", "sample_bytes")
@grouped
def deploy(
    *,
    model: OptionalModel = None,
    board: SaidBoard = None,
    output: SaidOutput = None,
    how: Converting,
    inputs: OptionalInputs = None,
    limit: LimitOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert MODEL, build firmware for the board, and run it on the inputs.

    Without MODEL, it does what [project] in microlut.toml says, which `microlut init` writes.
    """
    given = Deployment(model, how.calibration, how.input_range, inputs, board, output)
    said = deployment_of(given, how.config)
    output, inputs = said.output, said.inputs
    how = replace(how, calibration=said.calibration, input_range=said.input_range)
    target = load_board(said.board)
    with progress_bar(as_json) as progress:
        outcome = deploying.deploy(
            said.model,
            target,
            output,
            inputs,
            limit=None if inputs is None else limit,
            calibration=how.calibration,
            name=how.name,
            force=force,
            progress=progress,
            **how.converting(),
        )
    report, page = outcome.conversion.report, output / report_name()
    write_report(deployed_overview(outcome), page)
    if as_json:
        print_json(image_json(outcome.image) | outcome.project.report | {"page": str(page)})
    else:
        print(conversion_text(report))
        print(tables.image_text(outcome.image, target))
        if inputs is not None:
            print(tables.deploy_text(outcome))
        drawn = "" if page.name == HTML else f" ({HTML} takes: pip install 'microlut[plots]')"
        print(f"Report: {page}{drawn}")
        print(findings_text(outcome.findings), end="")
    if outcome.not_measured:
        raise typer.Exit(ToolMissing.exit_code)
    if outcome.run is not None and not outcome.run.bit_exact:
        raise typer.Exit(EXIT_DISAGREES)
    if how.strict and outcome.findings:
        raise typer.Exit(EXIT_WARNED)
