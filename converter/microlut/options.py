"""The command line's arguments and options, each described once for all verbs that take it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class GranularityOption(StrEnum):
    """What shares a scale."""

    TENSOR = "tensor"
    CHANNEL = "channel"


class MethodOption(StrEnum):
    """How weights are quantized."""

    CALIBRATED = "calibrated"
    FITTED = "fitted"
    EMPIRICAL = "empirical"


class ExportFormat(StrEnum):
    """What `export` can write."""

    TFLITE = "tflite"


ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help=".keras or .h5 file, or SavedModel folder.")
]
FolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder that `convert` or `deploy` wrote.")
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")]
CalibrationOption = Annotated[
    Path | None,
    typer.Option(help=".npz with array x: some hundred inputs like those in use, no labels."),
]
BitsOption = Annotated[
    int, typer.Option(help="Bits a weight, 2 to 8; 8 is plain int8, without a codebook.")
]
GranularityChoice = Annotated[GranularityOption, typer.Option(help="What shares a weight scale.")]
MethodChoice = Annotated[
    MethodOption | None,
    typer.Option(
        help="calibrated: by the outputs on calibration inputs (the default with them); fitted: by "
        "weights and batch-norm statistics alone; empirical: calibrated, with k-means levels."
    ),
]
InputRangeOption = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="LOW HIGH", help="Range of inputs, needed without calibration inputs."),
]
BoardOption = Annotated[str, typer.Option(help="Board id (see `microlut boards`) or .toml file.")]
BoardsOption = Annotated[
    list[str] | None, typer.Option("--board", help="Board to verify on; may be repeated.")
]
InputsOption = Annotated[
    Path, typer.Option(help=".npz with array x and, for the accuracy, class numbers y.")
]
OptionalInputs = Annotated[
    Path | None, typer.Option(help=".npz with array x and, for the accuracy, class numbers y.")
]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Use only the first N inputs.")]
NameOption = Annotated[str | None, typer.Option(help="Name of the model; the file's by default.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
