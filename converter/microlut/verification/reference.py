"""What every form of a model is given, and what it must answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.conversion.findings import Finding
from microlut.conversion.input_checks import run_findings
from microlut.errors import InvalidInput
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers.sample_files import check_file
from microlut.importers.samples import Inputs, Samples, as_samples
from microlut.importers.scaling import check_scaled_alike, scaled_alike
from microlut.integer import QuantizedGraph, from_bytes, quantized_inputs, to_bytes
from microlut.integer import evaluate as int_ops
from microlut.integer.stream import as_runs, as_windows, runs_per_sample, window_outputs
from microlut.ops.tensor import Tensor, feature_ranges
from microlut.project import Project
from microlut.quantize.ranges.choose import Ends
from microlut.support.arguments import PathLike
from microlut.verification.accuracy import top1


@dataclass(frozen=True, slots=True)
class Reference:
    """What a network is given, and what it must answer.

    Attributes:
        graph: The network.
        inputs: Quantized inputs of all runs by name; a streamed network runs several times per
            sample.
        outputs: The integer interpreter's outputs [runs, bytes], those of all tensors one after the
            other.
        labels: [samples] class numbers, if they are known.
        findings: What is unlike the calibration inputs in the samples.
    """

    graph: QuantizedGraph
    inputs: Batch
    outputs: NDArray[np.int8]
    labels: NDArray[np.int64] | None
    findings: tuple[Finding, ...] = ()

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Return the outputs for a sample, by name."""
        return window_outputs(self.graph)

    @property
    def samples(self) -> int:
        """Return the number of samples."""
        return len(self.inputs) // runs_per_sample(self.graph)

    @property
    def flat_inputs(self) -> NDArray[np.int8]:
        """Return the bytes of all inputs, one after the other: [runs, input bytes]."""
        return to_bytes(self.inputs)

    @property
    def top1(self) -> float | None:
        """Return the accuracy of the first output in percent, or None without labels."""
        return self.top1_of(self.outputs)

    def by_sample(self, outputs: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return the outputs [samples, bytes] for those of all runs."""
        if self.graph.stream is None:
            return outputs
        found = from_bytes(self.graph.output_tensors(), outputs)
        return to_bytes(as_windows(self.graph, found))

    def top1_of(self, outputs: NDArray[np.int8]) -> float | None:
        """Return the accuracy of a form's outputs [runs, bytes], judged by the first of them."""
        values = from_bytes(self.tensors, self.by_sample(outputs)).arrays.values()
        return top1(next(iter(values)), self.labels)

    def first(self, count: int) -> Reference:
        """Return the reference for the first samples only."""
        labels = None if self.labels is None else self.labels[:count]
        runs = count * runs_per_sample(self.graph)
        return replace(self, inputs=self.inputs[:runs], outputs=self.outputs[:runs], labels=labels)


def make_reference(project: Project, samples: Samples) -> Reference:
    """Quantize samples and evaluate the integer interpreter on them.

    Raises:
        InvalidInput: The samples have another scale than the calibration inputs, or labels that are
            no classes of the model.
    """
    check_samples(project, samples)
    graph = project.graph
    inputs = as_runs(graph, quantized_inputs(graph, samples.inputs))
    outputs = to_bytes(int_ops.outputs(graph, inputs))
    found = run_findings(samples.inputs, graph.inputs)
    return Reference(graph, inputs, outputs, samples.y, found)


def check_samples(project: Project, samples: Samples) -> None:
    """Raise InvalidInput if samples are not for a converted model, as `make_reference` does."""
    for tensor in project.graph.inputs:
        if tensor.name not in samples.inputs.arrays:
            raise InvalidInput(
                f"samples have no input {tensor.name!r}, which the model reads; make them with "
                "load_samples(path, project.inputs)"
            )
        ends = feature_ranges(tensor.quantized, tensor.dtype)
        check_scaled_alike(samples.inputs.arrays[tensor.name], *ends)
    check_labels(samples, project.graph)


def check_labels(samples: Samples, graph: Graph | QuantizedGraph) -> None:
    """Raise InvalidInput if samples have labels that are no classes of the first output."""
    whole = window_outputs(graph) if isinstance(graph, QuantizedGraph) else graph.output_tensors()
    classes = next(iter(whole.values())).size
    if samples.y is not None and 1 < classes <= samples.y.max():
        raise InvalidInput(
            f"y holds class numbers up to {samples.y.max()}, but the model has {classes} outputs; "
            f"give numbers from 0 to {classes - 1}"
        )


class LaterInputs:
    """Test inputs, which are checked as soon as the model is read."""

    def __init__(
        self,
        inputs: Inputs,
        labels: PathLike | ArrayLike | None,
        limit: int | None,
    ) -> None:
        check_file(inputs)
        check_file(labels)
        self._given = inputs, labels, limit
        self._samples: Samples | None = None

    def check(self, graph: Graph, limits: Mapping[str, tuple[Ends, ...]] | None) -> None:
        """Raise InvalidInput if they do not fit the network, or any range an input may have."""
        if self._samples is None:
            inputs, labels, limit = self._given
            self._samples = as_samples(inputs, graph.inputs, labels, limit)
            check_labels(self._samples, graph)
        for name, possible in (limits or {}).items():
            x = self._samples.inputs.arrays[name]
            if not any(scaled_alike(x, *ends) for ends in possible):
                check_scaled_alike(x, *possible[0])

    @property
    def samples(self) -> Samples:
        """Return the checked inputs."""
        assert self._samples is not None
        return self._samples
