"""The options of conversions, each described once for all verbs that convert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from microlut.cli.options import CustomOption, NameOption, custom_of, size
from microlut.conversion.options import ConvertOptions, PrepareOptions
from microlut.conversion.settings import SETTINGS_FILE, Budget
from microlut.errors import InvalidInput
from microlut.ops.weights import Granularity
from microlut.plan import Optimize
from microlut.quantize.figures import Task
from microlut.quantize.ranges.choose import RangeChoice
from microlut.quantize.weights import Method

BitsOption = Annotated[
    int | None,
    typer.Option(
        help="Bits per weight, 2 to 8; 8 is plain int8, without a codebook.", show_default="4"
    ),
]
ActivationsOption = Annotated[
    int | None,
    typer.Option(
        help="Bits of activations, 8 or 16; with 16, outputs are far nearer to the float ones, "
        "and the arena and the time are larger.",
        show_default="8",
    ),
]
GranularityOption = Annotated[
    Granularity | None,
    typer.Option(help="What shares a weight scale.", show_default="channel"),
]


CalibrationOption = Annotated[
    Path | None,
    typer.Option(
        help=".npz with array x, or one per input's name: some hundred inputs like those in use, "
        "no labels."
    ),
]
InputRangeOption = Annotated[
    tuple[float, float] | None,
    typer.Option(
        metavar="LOW HIGH",
        help="Range of inputs, needed without calibration inputs; with them it replaces their "
        "measured range.",
    ),
]


@dataclass(frozen=True, slots=True)
class Preparing:
    """How a model is made ready to be quantized."""

    calibration: CalibrationOption = None
    activations: ActivationsOption = None
    granularity: GranularityOption = None
    method: Annotated[
        Method | None,
        typer.Option(
            help="calibrated: by the outputs on calibration inputs (the default with them); "
            "fitted: by weights and batch-norm statistics alone; empirical: calibrated, with "
            "k-means levels; published: nearest levels of the fitted density, and nothing else."
        ),
    ] = None
    input_range: InputRangeOption = None
    ranges: Annotated[
        RangeChoice,
        typer.Option(
            help="Ranges of activations; auto takes what keeps the outputs on the calibration "
            "inputs nearest to the float ones."
        ),
    ] = "auto"
    task: Annotated[
        Task,
        typer.Option(
            help="What the outputs are; auto: classes if the network ends with a softmax, labels "
            "(each answers yes or no) if with a sigmoid, else values."
        ),
    ] = "auto"
    custom: CustomOption = None
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file.", show_default="microlut.toml, if it is there"),
    ] = None

    def preparing(self) -> PrepareOptions:
        """Return the arguments of `microlut.search`; the current folder's settings are taken."""
        here = Path(SETTINGS_FILE)
        return {
            "activations": self.activations,
            "granularity": self.granularity,
            "method": self.method,
            "input_range": self.input_range,
            "range_rule": self.ranges,
            "task": self.task,
            "settings": self.config or (here if here.is_file() else None),
            "custom": custom_of(self.custom),
        }


@dataclass(frozen=True, slots=True)
class Converting(Preparing):
    """How a model is converted."""

    bits: BitsOption = None
    sparsity: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of each layer's weights that become zero, up to 0.95; the others make up "
            "for them.",
        ),
    ] = None
    average_bits: Annotated[
        float | None,
        typer.Option(
            metavar="B", help="Choose bits layer by layer: at most B per weight on average."
        ),
    ] = None
    flash_budget: Annotated[
        int | None,
        typer.Option(
            metavar="SIZE",
            parser=size,
            help="Choose bits layer by layer: weights, codebooks and output stages within SIZE, "
            "such as 64k.",
        ),
    ] = None
    max_drop: Annotated[
        float | None,
        typer.Option(
            metavar="POINTS",
            help="Choose bits layer by layer: the fewest for which the expected accuracy drops by "
            "at most POINTS, measured on held-out calibration inputs.",
        ),
    ] = None
    min_snr: Annotated[
        float | None,
        typer.Option(
            metavar="DB",
            help="Choose bits layer by layer: the fewest for which the outputs keep a "
            "signal-to-noise ratio of DB, measured on held-out calibration inputs; for values and "
            "labels, not classes.",
        ),
    ] = None
    distill: Annotated[
        bool,
        typer.Option(
            "--distill/--no-distill",
            help="Train a network with layers of less than 6 bits to answer like the float network "
            "(calibration inputs are needed, labels are not); it takes up to a minute.",
        ),
    ] = True
    optimize: Annotated[
        Optimize,
        typer.Option(
            help="balanced: memory is taken where it saves much time; speed: all that saves any; "
            "ram: as little as possible; size: the engine's code is small."
        ),
    ] = "balanced"
    max_ram: Annotated[
        int | None,
        typer.Option(
            metavar="SIZE",
            parser=size,
            help="Keep the arena within SIZE, such as 48k, and use all of it for speed.",
        ),
    ] = None
    step_instructions: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Divide layers so that each part of an inference that the C function _step runs "
            "takes at most about N instructions, where that is possible.",
        ),
    ] = None
    stream: Annotated[
        int | None,
        typer.Option(
            metavar="AXIS",
            help="Take the next frames per run, instead of whole windows: inputs are frames along "
            "this dimension, 0 being the first one without the batch.",
        ),
    ] = None
    class_names: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            "--class-names",
            help="Names of the classes, one per line: the C code has them, and reports show them.",
        ),
    ] = None
    name: NameOption = None
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 1 if there is a warning.")
    ] = False

    def converting(self) -> ConvertOptions:
        """Return the arguments of `microlut.convert` and `deploy`.

        Raises:
            InvalidInput: More than one budget, or one that is out of range.
        """
        given = {
            "--average-bits": self.average_bits,
            "--flash-budget": self.flash_budget,
            "--max-drop": self.max_drop,
            "--min-snr": self.min_snr,
        }
        _check_one({"--bits": self.bits, **given})
        known = any(value is not None for value in given.values())
        budget = Budget(*given.values()) if known else None  # type: ignore[arg-type]
        return {
            **self.preparing(),
            "bits": self.bits,
            "sparsity": self.sparsity,
            "budget": budget,
            "distill": self.distill,
            "optimize": self.optimize,
            "max_ram": self.max_ram,
            "step_instructions": self.step_instructions,
            "stream": self.stream,
            "class_names": self.class_names,
        }


def _check_one(given: Mapping[str, float | None]) -> None:
    """Raise InvalidInput for two ways of choosing bits."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise InvalidInput(
            f"{' and '.join(names)} are {'both' if len(names) == 2 else 'all'} given; give one of "
            "them: --bits are the same for all layers, the others choose them layer by layer"
        )
