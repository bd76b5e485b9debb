"""The report on a converted model, as typed values that become report.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from microlut.conversion.decisions import Decision
from microlut.conversion.findings import Finding, finite
from microlut.distill.tuning import Tuned
from microlut.graph.passes.prune_channels import Pruned
from microlut.plan import Optimize, Point
from microlut.plan.buffers import PlacedBuffer
from microlut.quantize.divided import Divided
from microlut.quantize.figures import Quality
from microlut.support.shown import Record, Shown

JudgedOn = Literal["kept aside", "calibration", "synthetic"]
FileIntegers = Literal["", "kept", "recoded"]


@dataclass(frozen=True, slots=True, repr=False)
class TensorReport(Shown):
    """Shape and quantization of an input or output: real = scale * (quantized - zero_point).

    An input whose features differ has `scales` and `origins` instead, by feature along its last
    dimension: real = scales[i] * (quantized - zero_point) + origins[i]. Its `scale` is None.
    `range` is the least and the largest real value that can be represented. `measured` is that of
    the calibration inputs; None of an output, or without such inputs. `order` tells where the
    model has its dimensions in another order: its dimension i is dimension `order[i]` here.
    """

    name: str
    shape: tuple[int, ...]
    scale: float | None
    zero_point: int
    range: tuple[float, float]
    scales: tuple[float, ...] = ()
    origins: tuple[float, ...] = ()
    measured: tuple[float, float] | None = None
    order: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class LayerReport(Shown):
    """One layer; the fit's fields are None without a codebook. Errors are relative mean squares.

    `snr_db` compares the layer's output with the float network's, with everything before it
    quantized; None if they are equal or the float output is all zeros. `kernel` is the layer whose
    kernel call computes the output, mostly the layer itself; None for a mere change of shape.
    `estimated_instructions` are those of the call on the plan's core; None if the engine is
    compiled for size, which is not modelled.
    `largest_sums` are, for each channel, the largest magnitude that a sum of products can have for
    any input, with its bias; the engine has `sum_bits` for it. None for layers without such sums.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    scratch_bytes: int
    snr_db: float | None
    kernel: str | None
    bits: int | None = None
    coded: bool | None = None
    granularity: str | None = None
    method: str | None = None
    weight_bytes: int = 0
    parameter_bytes: int = 0
    density: str | None = None
    ks_gaussian: float | None = None
    ks_laplace: float | None = None
    predicted_error: float | None = None
    error: float | None = None
    estimated_instructions: int | None = None
    arena_offset: int | None = None
    largest_sums: tuple[int, ...] | None = None
    sum_bits: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class StreamReport(Shown):
    """How a streamed network takes whole windows.

    `axis` is the dimension of its inputs along which frames come. A run takes `frames` of them, a
    window of `window` frames takes `runs`. The outputs of the first `warm_up` runs after a reset
    are not yet those of a whole window. `kept_bytes` is the state: frames of earlier runs.
    """

    axis: int
    window: int
    frames: int
    runs: int
    warm_up: int
    kept_bytes: int


@dataclass(frozen=True, slots=True, repr=False)
class SegmentReport(Shown):
    """Layers that run band by band: from `first` to `last` in the order of the layers.

    A step makes `rows` rows of the last one's output. The tensors between the layers take
    `buffer_bytes`, for only some of their rows are in memory.
    """

    first: str
    last: str
    layers: int
    rows: int
    buffer_bytes: int


@dataclass(frozen=True, slots=True, repr=False)
class MemoryReport(Shown):
    """What a plan put into one of several memories of a board.

    `kind` is "ram", with a part of the arena, or "flash", with weights. `holds` names what lives
    there: tensors and the scratch of layers, or layers.
    """

    memory: str
    kind: Literal["ram", "flash"]
    bytes: int
    holds: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ConvertReport(Shown):
    """The result of a conversion; all sizes in bytes.

    `bits` is the mean per weight. `granularity` and `method` are "mixed" if layers differ.
    `quality` is that of the output that loses most, `qualities` has those of all by name. They are
    measured on what `judged_on` says: on the `kept_aside` calibration inputs that did not make the
    network; if there are too few to keep some aside, on those that did; without any, on synthetic
    ones. `decisions` is what was chosen by measuring. `tflite_lacks` names operators, and layers
    that are such, because of which there is no .tflite file; or is "".
    `ram_curve` has the arenas with the best trade between memory and time, and what an inference in
    them executes; it is empty if the engine is compiled for size.
    `steps` is in how many parts the C function `_step` runs an inference; the longest one takes
    about `longest_step_instructions`, where `step_instructions` were asked for. None of what
    version 0.1.0 converted.
    `buffers` are what the arena holds, from which layer to which by their numbers.
    `memories` are those of a board that has several; offsets count the arenas in them one after the
    other.
    `warnings` has the findings as texts.
    `file_integers` tells of a network of integers whether all of them are "kept" as the file has
    them, so that nothing is lost against it, or some weights are "recoded"; then, and in `quality`,
    the float network is the one of the file's weights in real numbers. It is "" of other models.
    `kept_int8` are layers that have no form for the 16 bits which the whole network was given.
    """

    microlut: str
    model: str
    prefix: str
    source: str
    source_sha256: str
    custom: dict[str, str]
    bits: float
    granularity: str
    method: str
    budget: dict[str, float] | None
    calibration_samples: int
    kept_aside: int
    judged_on: JudgedOn
    decisions: tuple[Decision, ...]
    range_rule: str | None
    distilled: bool
    quality: Quality
    qualities: dict[str, Quality]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    weight_bytes: int
    parameter_bytes: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    optimize: Optimize
    max_ram: int | None
    core: str
    estimated_instructions: int | None
    macs: int
    inputs: tuple[TensorReport, ...]
    outputs: tuple[TensorReport, ...]
    layers: tuple[LayerReport, ...]
    pruned: tuple[Pruned, ...] = ()
    kept_int8: tuple[str, ...] = ()
    equalized: tuple[Divided, ...] = ()
    tuned: Tuned | None = None
    tflite_lacks: str = ""
    stream: StreamReport | None = None
    ram_curve: tuple[Point, ...] = ()
    segments: tuple[SegmentReport, ...] = ()
    buffers: tuple[PlacedBuffer, ...] = ()
    memories: tuple[MemoryReport, ...] = ()
    file_integers: FileIntegers = ""
    step_instructions: int | None = None
    steps: int | None = None
    longest_step_instructions: int | None = None

    def records(self) -> list[Record]:
        """Return a record per layer."""
        return [asdict(layer) for layer in self.layers]

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values; an only input or output has a key of its own too."""
        found = asdict(self) | {
            "quality": self.quality.as_json(),
            "qualities": {name: quality.as_json() for name, quality in self.qualities.items()},
            "findings": [finite(asdict(finding)) for finding in self.findings],
            "decisions": [finite(asdict(decision)) for decision in self.decisions],
        }
        for key, ends in (("input", found["inputs"]), ("output", found["outputs"])):
            if len(ends) == 1:
                found[key] = ends[0]
        return found
