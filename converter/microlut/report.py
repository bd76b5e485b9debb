"""What is known about a converted model, as typed values that become report.json."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from microlut.plan import Plan, Step
from microlut.plan.layout import weight_bytes
from microlut.quantized import QuantizedGraph, WeightedOp
from microlut.version import VERSION


@dataclass(frozen=True, slots=True)
class TensorReport:
    """Shape and quantization of the input or output: real = scale * (quantized - zero_point)."""

    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer; the fit's fields are None without a codebook. Errors are relative mean squares."""

    name: str
    kind: str
    shape: tuple[int, ...]
    macs: int
    scratch_bytes: int
    bits: int | None = None
    weight_bytes: int = 0
    parameter_bytes: int = 0
    density: str | None = None
    ks_gaussian: float | None = None
    ks_laplace: float | None = None
    predicted_error: float | None = None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """The result of a conversion; all sizes in bytes."""

    microlut: str
    model: str
    prefix: str
    source: str
    source_sha256: str
    bits: int
    granularity: str
    method: str
    calibration_samples: int
    calibration_tail: float
    weight_bytes: int
    parameter_bytes: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    macs: int
    input: TensorReport
    output: TensorReport
    layers: tuple[LayerReport, ...]

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose, and what the calibration used."""

    bits: int
    granularity: str
    method: str
    calibration_samples: int
    calibration_tail: float


def convert_report(plan: Plan, prefix: str, settings: Settings) -> ConvertReport:
    """Gather the report of a conversion."""
    graph = plan.graph
    layers = tuple(_layer(graph, step) for step in plan.steps)
    return ConvertReport(
        microlut=VERSION,
        model=graph.name,
        prefix=prefix,
        source=graph.source,
        source_sha256=graph.source_sha256,
        bits=settings.bits,
        granularity=settings.granularity,
        method=settings.method,
        calibration_samples=settings.calibration_samples,
        calibration_tail=settings.calibration_tail,
        weight_bytes=plan.weight_bytes,
        parameter_bytes=plan.parameter_bytes,
        arena_bytes=plan.arena_bytes,
        arena_lower_bound_bytes=plan.arena_lower_bound,
        macs=sum(layer.macs for layer in layers),
        input=_tensor(graph, graph.input_name),
        output=_tensor(graph, graph.output_name),
        layers=layers,
    )


def _tensor(graph: QuantizedGraph, name: str) -> TensorReport:
    quantization = graph.quantization_of(name)
    return TensorReport(graph.shape_of(name), quantization.scale, quantization.zero_point)


def _layer(graph: QuantizedGraph, step: Step) -> LayerReport:
    node = step.node
    if not isinstance(node.op, WeightedOp):
        return LayerReport(node.name, node.op.kind, node.shape, 0, step.scratch_bytes)
    weights, fit = node.op.weights, node.op.weights.fit
    # Every output value needs one product a weight of its channel.
    each = math.prod(weights.shape) // node.shape[-1]
    return LayerReport(
        name=node.name,
        kind=node.op.kind,
        shape=node.shape,
        macs=math.prod(node.shape) * each,
        scratch_bytes=step.scratch_bytes,
        bits=weights.bits,
        weight_bytes=weight_bytes(node.op),
        parameter_bytes=step.parameter_bytes,
        density=fit.density if fit else None,
        ks_gaussian=fit.ks_gaussian if fit else None,
        ks_laplace=fit.ks_laplace if fit else None,
        predicted_error=fit.predicted_error if fit else None,
        error=fit.error if fit else None,
    )
