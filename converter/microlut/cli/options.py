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
    """How to quantize weights."""

    CALIBRATED = "calibrated"
    FITTED = "fitted"
    EMPIRICAL = "empirical"


class RangesChoice(StrEnum):
    """How the ranges of activations are set."""

    AUTO = "auto"
    MIN_MAX = "min-max"
    PERCENTILE = "percentile"
    MIN_ERROR = "min-error"


class TaskChoice(StrEnum):
    """What the outputs of a network are."""

    AUTO = "auto"
    CLASSES = "classes"
    VALUES = "values"


class OptimizeChoice(StrEnum):
    """The goal of the memory plan."""

    SPEED = "speed"
    SIZE = "size"
    RAM = "ram"


class EmulatorChoice(StrEnum):
    """Emulators of boards."""

    RENODE = "renode"
    QEMU = "qemu"
    NATIVE = "native"


class FlashToolOption(StrEnum):
    """Flash tools."""

    PYOCD = "pyocd"
    OPENOCD = "openocd"
    ST_FLASH = "st-flash"
    ESPTOOL = "esptool"


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
    int | None,
    typer.Option(
        help="Bits per weight, 2 to 8; 8 is plain int8, without a codebook.", show_default="4"
    ),
]
GranularityChoice = Annotated[
    GranularityOption | None,
    typer.Option(help="What shares a weight scale.", show_default="channel"),
]
MethodChoice = Annotated[
    MethodOption | None,
    typer.Option(
        help="calibrated: by the outputs on calibration inputs (the default with them); fitted: by "
        "weights and batch-norm statistics alone; empirical: calibrated, with k-means levels."
    ),
]
AverageBitsOption = Annotated[
    float | None,
    typer.Option(metavar="B", help="Choose bits layer by layer: at most B per weight on average."),
]
FlashBudgetOption = Annotated[
    int | None,
    typer.Option(
        metavar="BYTES",
        help="Choose bits layer by layer: weights, codebooks and output stages within BYTES.",
    ),
]
MaxDropOption = Annotated[
    float | None,
    typer.Option(
        metavar="POINTS",
        help="Choose bits layer by layer: the fewest for which the expected accuracy drops by at "
        "most POINTS, measured on held-out calibration inputs.",
    ),
]
MinSnrOption = Annotated[
    float | None,
    typer.Option(
        metavar="DB",
        help="Choose bits layer by layer: the fewest for which the outputs keep a signal-to-noise "
        "ratio of DB, measured on held-out calibration inputs; for values, not classes.",
    ),
]
TaskOption = Annotated[
    TaskChoice,
    typer.Option(
        help="What the outputs are; auto: classes if the network ends with a softmax, else values."
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="End with exit code 1 if there is a warning.")
]
RangesOption = Annotated[
    RangesChoice,
    typer.Option(
        help="Ranges of activations; auto takes what keeps the outputs on the calibration inputs "
        "nearest to the float ones."
    ),
]
DistillOption = Annotated[
    bool,
    typer.Option(
        "--distill/--no-distill",
        help="Train a network with layers of less than 6 bits to answer like the float network "
        "(calibration inputs are needed, labels are not); it takes up to a minute.",
    ),
]
OptimizeOption = Annotated[
    OptimizeChoice,
    typer.Option(help="speed; size: the engine's code is small; ram: the arena is small."),
]
MaxRamOption = Annotated[
    int | None,
    typer.Option(metavar="BYTES", help="Keep the arena within BYTES, and use them for speed."),
]
CoreOption = Annotated[
    str,
    typer.Option(
        metavar="CORE",
        help="Core that the memory is shared out for and instructions are estimated for, such as "
        "cortex-m0plus; the sources run on all.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(help="Configuration file.", show_default="microlut.toml, if it is there"),
]
InputRangeOption = Annotated[
    tuple[float, float] | None,
    typer.Option(
        metavar="LOW HIGH",
        help="Range of inputs, needed without calibration inputs; with them it replaces their "
        "measured range.",
    ),
]
FoldersArgument = Annotated[
    list[Path],
    typer.Argument(metavar="DIR...", help="Folders that `convert` wrote; they share one engine."),
]
BoardOption = Annotated[str, typer.Option(help="Board id (see `microlut boards`) or .toml file.")]
EmulatorOption = Annotated[
    EmulatorChoice | None,
    typer.Option(help="What to run in.", show_default="renode if there, else qemu or native"),
]
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
OutputsOption = Annotated[
    Path | None, typer.Option(help="Write the outputs to this .npz: y_int8 and y (real).")
]
OriginalOption = Annotated[
    Path | None,
    typer.Option("--model", help="The original model, for the float accuracy beside it."),
]
ProfileOption = Annotated[
    bool,
    typer.Option(
        "--profile",
        help="Say where the instructions of an inference go; with --port, its microseconds.",
    ),
]
TimingOption = Annotated[
    bool, typer.Option("--profile", help="Firmware that times every kernel call.")
]
PortOption = Annotated[
    str | None,
    typer.Option(help="Run on the board at this serial port, such as /dev/ttyACM0."),
]
FlashPortOption = Annotated[
    str | None, typer.Option("--port", help="Serial port, where a board is flashed through one.")
]
ProbeOption = Annotated[str | None, typer.Option(help="Serial number of the debug probe.")]
FlashToolChoice = Annotated[
    FlashToolOption | None,
    typer.Option(help="Flash tool.", show_default="the board's first that is installed"),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Check, and print the command without running it.")
]
PtyOption = Annotated[
    bool,
    typer.Option("--pty", help="Run no inputs: offer the emulated board as a serial port instead."),
]
NameOption = Annotated[str | None, typer.Option(help="Name in C; the (first) model's by default.")]
ExportOption = Annotated[
    Path,
    typer.Option("--output", "-o", help="Folder; a file for tflite, zip, and if it ends in .zip."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
