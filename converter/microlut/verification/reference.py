"""Make the quantized inputs of every form of a model, and the outputs expected of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.importers.samples import Samples, check_scaled_alike, load_samples
from microlut.integer import evaluate as int_ops
from microlut.integer import quantize_array, quantized_range
from microlut.project import Project
from microlut.quantize.ranges.activations import activation_quantization
from microlut.verification.accuracy import top1


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs int8 [n, ...], the integer interpreter's outputs int8 [n, bytes], and labels [n]."""

    inputs: NDArray[np.int8]
    outputs: NDArray[np.int8]
    labels: NDArray[np.int64] | None

    @property
    def flat_inputs(self) -> NDArray[np.int8]:
        """Return the inputs as int8 [n, input bytes]."""
        return self.inputs.reshape(len(self.inputs), -1)

    @property
    def top1(self) -> float | None:
        """Return the accuracy in percent, or None without labels."""
        return top1(self.outputs, self.labels)

    def first(self, count: int) -> Reference:
        """Return the reference for the first inputs only."""
        labels = None if self.labels is None else self.labels[:count]
        return Reference(self.inputs[:count], self.outputs[:count], labels)


def make_reference(project: Project, samples: Samples) -> Reference:
    """Quantize samples and evaluate the integer interpreter on them.

    Raises:
        InvalidInput: The samples have another scale than the calibration inputs, or labels that are
            no classes of the model.
    """
    check_samples(project, samples)
    inputs = quantize_array(samples.x, project.graph.input_quantization)
    outputs = int_ops.evaluate(project.graph, inputs).reshape(len(inputs), -1)
    return Reference(inputs, outputs, samples.y)


def check_samples(project: Project, samples: Samples) -> None:
    """Raise InvalidInput if samples do not suit a converted model, as `make_reference` does."""
    check_scaled_alike(samples.x, *quantized_range(project.graph.input_quantization))
    check_labels(samples, math.prod(project.graph.output_shape))


def check_labels(samples: Samples, classes: int) -> None:
    """Raise InvalidInput if samples have labels that are no classes of the model."""
    if samples.y is not None and 1 < classes <= samples.y.max():
        raise InvalidInput(
            f"y holds class numbers up to {samples.y.max()}, but the model has {classes} outputs; "
            f"give numbers from 0 to {classes - 1}"
        )


class LaterInputs:
    """Test inputs, which are checked as soon as the model is read."""

    def __init__(self, path: Path, limit: int | None) -> None:
        self._path, self._limit = path, limit
        self._samples: Samples | None = None

    def check(self, graph: Graph, limits: tuple[float, float] | None) -> None:
        """Raise InvalidInput if they do not suit the network, or the range of its input."""
        if self._samples is None:
            self._samples = load_samples(self._path, graph.input_shape, self._limit)
            check_labels(self._samples, math.prod(graph.shape_of(graph.output_name)))
        if limits is not None:
            exact = quantized_range(activation_quantization(*limits))
            check_scaled_alike(self._samples.x, *exact)

    @property
    def samples(self) -> Samples:
        """Return the checked inputs."""
        assert self._samples is not None
        return self._samples
