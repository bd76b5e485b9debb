"""Calibration inputs of a conversion, and what is said about a model before it is quantized."""

from __future__ import annotations

from microlut.conversion.findings import Finding
from microlut.errors import InvalidInput
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers.samples import Inputs, as_samples
from microlut.importers.scaling import scaled_alike
from microlut.quantize.ranges.inputs import ranged_inputs
from microlut.quantize.ranges.measure import Ranges

STAGES = 5  # of a conversion; preparation is the first two

NO_CALIBRATION = (
    "no calibration inputs: int8 activations need ranges measured on inputs like those in use; "
    "save some hundred, prepared as for training, with numpy.savez('calibration.npz', x=inputs) "
    "and give --calibration calibration.npz (labels are not needed); or give "
    "--input-range LOW HIGH to go by the weights and the batch-norm statistics alone"
)


def tamed(graph: Graph, samples: Batch, ranges: Ranges) -> Batch:
    """Return inputs clipped to the ranges of the network, as the device clips them."""
    return Batch(
        {
            one.name: one.saturated(samples.arrays[one.name], ranges[one.tensor])
            for one in ranged_inputs(graph)
        }
    )


def notes_of(graph: Graph) -> tuple[Finding, ...]:
    """Return what the user has to know about how the model was read."""
    return tuple(Finding("left-out", "", note) for note in graph.notes)


def calibration_inputs(
    calibration: Inputs, graph: Graph, limits: tuple[float, float] | None
) -> Batch:
    """Return calibration inputs; raise InvalidInput if they are of no use."""
    samples = as_samples(calibration, graph.inputs)
    for x in samples.inputs.arrays.values():
        if x.min() == x.max():
            raise InvalidInput(
                f"calibration inputs are all {x.min():g}; give some hundred like those in use"
            )
        if limits is not None and not scaled_alike(x, *limits):
            low, high = limits
            raise InvalidInput(
                f"calibration inputs span {x.min():g} to {x.max():g}, but the range given for "
                f"inputs is {low:g} to {high:g}; give the range of inputs in use, or none"
            )
    return samples.inputs
