"""The line itself: a Keras model and calibration inputs in, a conversion out.

file -> Graph -> Graph (folded) -> Ranges -> QuantizedGraph -> Plan -> Sources
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.calibrate import Ranges, calibrate
from microlut.codegen import Sources, render
from microlut.codegen.names import identifier
from microlut.errors import InvalidInput, ToolMissing
from microlut.importers import import_model
from microlut.ir import FloatArray, Graph
from microlut.passes import run_passes
from microlut.plan import Plan, make_plan
from microlut.progress import Progress, silent
from microlut.quantize.data_free import expected_ranges
from microlut.quantize.stage import quantize, quantize_without_data
from microlut.quantize.synthetic import synthetic_inputs
from microlut.quantize.weights import Method, WeightConfig
from microlut.quantized import Granularity, QuantizedGraph
from microlut.report import ConvertReport, Settings, convert_report
from microlut.samples import as_samples, load_samples

# Share of an activation's values that its range leaves out at either end. Of minimum to maximum,
# least squared error and tails of 1e-5 to 3e-4, this keeps the outputs of the three reference
# models nearest to the float ones on their calibration inputs.
_CLIPPED_TAIL = 1e-4


@dataclass(frozen=True, slots=True)
class Conversion:
    """All that one conversion makes, nothing of it written yet.

    Attributes:
        graph: The float network after the passes.
        quantized: The integer network.
        plan: Its memory layout.
        sources: model.h, model.c and weights.c as text.
        tflite: The same network as an int8 .tflite file.
        report: What report.json says.
    """

    graph: Graph
    quantized: QuantizedGraph
    plan: Plan
    sources: Sources
    tflite: bytes
    report: ConvertReport


def convert(  # noqa: PLR0913 (the user's options, each by its name)
    model: Path | str | object,
    calibration: Path | str | NDArray[np.generic] | None = None,
    *,
    bits: int = 4,
    granularity: Granularity = "channel",
    method: Method | None = None,
    input_range: tuple[float, float] | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> Conversion:
    """Convert a Keras model to codebook weights and int8 activations.

    Args:
        model: A .keras or .h5 file, a SavedModel folder, or a `keras.Model`.
        calibration: Inputs like those in use (labels are not needed): an .npz with array `x`, an
            .npy, or an array [n, ...]. Some hundred are enough.
        bits: Bits a weight: 2 to 7 with a codebook a layer; 8 is plain int8.
        granularity: What shares a scale: an output "channel" or a whole "tensor".
        method: "calibrated" (by default, if there are calibration inputs), "empirical" (the same
            with k-means levels) or "fitted" (by default without: from the weights and the
            batch-norm statistics alone).
        input_range: Smallest and largest value of inputs, such as (0, 255); needed without
            calibration inputs.
        name: Name of the model; the file's by default.
        progress: Called with (stage, done, total).

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong with the inputs.
    """
    config = WeightConfig(bits, granularity, method or _default_method(calibration))
    if calibration is None and (input_range is None or config.method != "fitted"):
        raise InvalidInput(_NO_CALIBRATION)
    to_tflite = _tflite_writer()  # before minutes are spent
    progress("import", 0, 5)
    graph = run_passes(import_model(model, name))
    samples = None if calibration is None else _calibration_inputs(calibration, graph)
    progress("calibrate", 1, 5)
    calibrated = _calibrated(graph, samples, config, input_range)
    progress("quantize", 2, 5)
    quantized = _quantized(graph, calibrated, config)
    quantized = replace(quantized, source=_source_name(model), source_sha256=source_hash(model))
    progress("plan", 3, 5)
    plan = make_plan(quantized)
    progress("generate", 4, 5)
    count = 0 if samples is None else len(samples)
    settings = Settings(bits, granularity, config.method, count, _CLIPPED_TAIL)
    prefix = identifier(graph.name)
    conversion = Conversion(
        graph=graph,
        quantized=quantized,
        plan=plan,
        sources=render(plan),
        tflite=to_tflite(quantized),
        report=convert_report(plan, prefix, settings),
    )
    progress("generate", 5, 5)
    return conversion


_NO_CALIBRATION = (
    "no calibration inputs: int8 activations need ranges measured on inputs like those in use; "
    "save some hundred, prepared as for training, with numpy.savez('calibration.npz', x=inputs) "
    "and give --calibration calibration.npz (labels are not needed); or give "
    "--input-range LOW HIGH to go by the weights and the batch-norm statistics alone"
)


@dataclass(frozen=True, slots=True)
class _Calibrated:
    """Ranges of all tensors, and the inputs to quantize by: real or synthetic ones."""

    ranges: Ranges
    inputs: FloatArray


def _default_method(calibration: object) -> Method:
    return "fitted" if calibration is None else "calibrated"


def _calibrated(
    graph: Graph,
    samples: FloatArray | None,
    config: WeightConfig,
    input_range: tuple[float, float] | None,
) -> _Calibrated:
    if samples is not None:
        ranges = calibrate(graph, samples, _CLIPPED_TAIL)
        if config.method != "fitted":
            return _Calibrated(ranges, samples)
        span = input_range or ranges[graph.input_name]
        return _Calibrated(ranges, synthetic_inputs(graph, span))
    assert input_range is not None
    inputs = synthetic_inputs(graph, input_range)
    return _Calibrated(expected_ranges(graph, inputs, input_range), inputs)


def _quantized(graph: Graph, calibrated: _Calibrated, config: WeightConfig) -> QuantizedGraph:
    stage = quantize_without_data if config.method == "fitted" else quantize
    return stage(graph, calibrated.ranges, calibrated.inputs, config)


def _tflite_writer() -> Callable[[QuantizedGraph], bytes]:
    """Import the writer only when it is used: all else works without the schema's package."""
    try:
        from microlut.tflite import to_tflite
    except ImportError as error:
        raise ToolMissing(
            f"ai-edge-litert is not installed or cannot be loaded ({error}); it has the schema of "
            ".tflite files, which `microlut convert` writes; "
            "install it with: pip install ai-edge-litert"
        ) from error
    return to_tflite


def _calibration_inputs(calibration: Path | str | NDArray[np.generic], graph: Graph) -> FloatArray:
    if isinstance(calibration, Path | str):
        x = load_samples(calibration, graph.input_shape).x
    else:
        x = as_samples(np.asarray(calibration), graph.input_shape).x
    if x.min() == x.max():
        raise InvalidInput(
            f"calibration inputs are all {x.min():g}; give some hundred like those in use"
        )
    return x


def _source_name(model: Path | str | object) -> str:
    return Path(model).resolve().name if isinstance(model, Path | str) else "a model in memory"


def source_hash(model: Path | str | object) -> str:
    """Return the SHA-256 of a model file, or of a folder's files and their names; "" in memory."""
    if not isinstance(model, Path | str):
        return ""
    path = Path(model)
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
    else:
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
            digest.update(file.read_bytes())
    return digest.hexdigest()
