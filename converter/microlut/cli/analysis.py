"""The verb that looks at a model without converting it: analyze."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from microlut.cli.conversion_options import ActivationsOption, BitsOption
from microlut.cli.limited import limited
from microlut.cli.options import CustomOption, JsonOption, ModelArgument, custom_of, size
from microlut.cli.terminal import print_json
from microlut.conversion.settings import SETTINGS_FILE
from microlut.plan import Optimize
from microlut.show.analysis import analysis_text
from microlut.workflow import analyze as analyzing


@limited("model_bytes")
def analyze(
    model: ModelArgument,
    board: Annotated[
        list[str] | None,
        typer.Option(
            help="Board to estimate for; may be repeated.", show_default="all that are known"
        ),
    ] = None,
    bits: BitsOption = None,
    activations: ActivationsOption = None,
    custom: CustomOption = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file.", show_default="microlut.toml, if it is there"),
    ] = None,
    optimize: Annotated[
        Optimize,
        typer.Option(
            help="balanced: memory is taken where it saves much time; speed: all that saves any; "
            "ram: as little as possible; size: the engine's code is small."
        ),
    ] = "balanced",
    max_ram: Annotated[
        int | None,
        typer.Option(metavar="SIZE", parser=size, help="Keep the arena within SIZE."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the layers of MODEL, what it needs on boards, and everything that cannot be converted.

    No calibration inputs are needed: flash, RAM and instructions are estimates.
    """
    here = Path(SETTINGS_FILE)
    found = analyzing.analyze(
        model,
        board or None,
        bits=bits,
        activations=activations,
        custom=custom_of(custom),
        settings=config or (here if here.is_file() else None),
        optimize=optimize,
        max_ram=max_ram,
        curve=as_json,
    )
    if as_json:
        print_json(found.as_json())
    else:
        print(analysis_text(found))
    if found.exit_code:
        raise typer.Exit(found.exit_code)
