"""What every form of a model is given, and what it must answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microlut.errors import InvalidInput
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers.samples import Inputs, Samples, as_samples
from microlut.importers.scaling import check_scaled_alike
from microlut.integer import QuantizedGraph, from_bytes, quantized_inputs, to_bytes
from microlut.integer import evaluate as int_ops
from microlut.ops.tensor import Tensor, feature_ranges, quantized_range
from microlut.project import Project
from microlut.quantize.ranges.activations import activation_quantization
from microlut.support.arguments import PathLike
from microlut.verification.accuracy import top1


@dataclass(frozen=True, slots=True)
class Reference:
    """Quantized inputs by name, the integer interpreter's outputs [n, bytes], and labels [n].

    Bytes are those of all outputs, one after the other; `tensors` are those outputs, by name.
    """

    inputs: Batch
    outputs: NDArray[np.int8]
    labels: NDArray[np.int64] | None
    tensors: Mapping[str, Tensor]

    @property
    def flat_inputs(self) -> NDArray[np.int8]:
        """Return the bytes of all inputs, one after the other: [n, input bytes]."""
        return to_bytes(self.inputs)

    @property
    def top1(self) -> float | None:
        """Return the accuracy of the first output in percent, or None without labels."""
        return self.top1_of(self.outputs)

    def top1_of(self, outputs: NDArray[np.int8]) -> float | None:
        """Return the accuracy of a form's outputs [n, bytes], judged by the first of them."""
        values = from_bytes(self.tensors, outputs).arrays.values()
        return top1(next(iter(values)), self.labels)

    def first(self, count: int) -> Reference:
        """Return the reference for the first inputs only."""
        labels = None if self.labels is None else self.labels[:count]
        return replace(
            self, inputs=self.inputs[:count], outputs=self.outputs[:count], labels=labels
        )


def make_reference(project: Project, samples: Samples) -> Reference:
    """Quantize samples and evaluate the integer interpreter on them.

    Raises:
        InvalidInput: The samples have another scale than the calibration inputs, or labels that are
            no classes of the model.
    """
    check_samples(project, samples)
    graph = project.graph
    inputs = quantized_inputs(graph, samples.inputs)
    outputs = to_bytes(int_ops.outputs(graph, inputs))
    return Reference(inputs, outputs, samples.y, graph.output_tensors())


def check_samples(project: Project, samples: Samples) -> None:
    """Raise InvalidInput if samples are not for a converted model, as `make_reference` does."""
    for tensor in project.graph.inputs:
        if tensor.name not in samples.inputs.arrays:
            raise InvalidInput(
                f"samples have no input {tensor.name!r}, which the model reads; make them with "
                "load_samples(path, project.graph.inputs)"
            )
        check_scaled_alike(samples.inputs.arrays[tensor.name], *feature_ranges(tensor.quantized))
    check_labels(samples, project.graph)


def check_labels(samples: Samples, graph: Graph | QuantizedGraph) -> None:
    """Raise InvalidInput if samples have labels that are no classes of the first output."""
    classes = graph.tensors()[graph.outputs[0]].size
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
        self._given = inputs, labels, limit
        self._samples: Samples | None = None

    def check(self, graph: Graph, limits: Mapping[str, tuple[float, float]] | None) -> None:
        """Raise InvalidInput if they do not fit the network, or the ranges of its inputs."""
        if self._samples is None:
            inputs, labels, limit = self._given
            self._samples = as_samples(inputs, graph.inputs, labels, limit)
            check_labels(self._samples, graph)
        for name, ends in (limits or {}).items():
            exact = quantized_range(activation_quantization(*ends))
            check_scaled_alike(self._samples.inputs.arrays[name], *exact)

    @property
    def samples(self) -> Samples:
        """Return the checked inputs."""
        assert self._samples is not None
        return self._samples
