"""What every form of a model is given, and what it must answer: a project and samples enter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microlut.accuracy import top1
from microlut.errors import InvalidInput
from microlut.interpreter import int_ops
from microlut.project import Project
from microlut.quantized import quantize_array, quantized_range
from microlut.samples import Samples, check_scaled_alike


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
        """Return the same for the first inputs only."""
        labels = None if self.labels is None else self.labels[:count]
        return Reference(self.inputs[:count], self.outputs[:count], labels)


def make_reference(project: Project, samples: Samples) -> Reference:
    """Quantize samples and evaluate the integer interpreter on them.

    Raises:
        InvalidInput: The samples are scaled otherwise than the calibration inputs, or have labels
            that are no classes of the model.
    """
    quantization = project.graph.input_quantization
    check_scaled_alike(samples.x, *quantized_range(quantization))
    inputs = quantize_array(samples.x, quantization)
    outputs = int_ops.evaluate(project.graph, inputs).reshape(len(inputs), -1)
    classes = outputs.shape[1]
    if samples.y is not None and 1 < classes <= samples.y.max():
        raise InvalidInput(
            f"y holds class numbers up to {samples.y.max()}, but the model has {classes} outputs; "
            f"give numbers from 0 to {classes - 1}"
        )
    return Reference(inputs, outputs, samples.y)
