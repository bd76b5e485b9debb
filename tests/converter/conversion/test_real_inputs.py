"""Findings about the inputs of real models: none of sound ones, one of each wrong one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from digits_example import CALIBRATION, MODEL, TEST
from microlut.conversion.findings import Finding
from microlut.conversion.input_checks import calibration_findings, run_findings
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph
from microlut.importers import import_model
from microlut.importers.samples import as_samples
from microlut.ops.arrays import FloatArray
from microlut.ops.tensor import Tensor
from microlut.quantize.ranges.activations import activation_quantization
from sweeps import in_sweeps

MODELS = [
    (MODEL, CALIBRATION, TEST, 1),
    ("kws_dscnn_savedmodel", "kws01_calibration.npz", "kws01_test.npz", 1),
    *in_sweeps(
        ("resnet8_cifar10.h5", "cifar10_calibration.npz", "cifar10_test.npz", 1),
        ("resnet8_cifar10jpeg.keras", "cifar10jpeg_calibration.npz", "cifar10jpeg_test.npz", 1),
        ("cifar100_resnet32.h5", "cifar100_calibration.npz", "cifar100_test.npz", 255),
    ),
]


def tensor_of(graph: Graph, x: FloatArray) -> Tensor:
    own = activation_quantization(float(x.min()), float(x.max()))
    return replace(graph.inputs[0], dtype="int8", quantization=own)


def found_in(graph: Graph, x: FloatArray) -> list[Finding]:
    tensor = tensor_of(graph, x)
    return list(calibration_findings(Batch({tensor.name: x}), graph, (tensor,)))


@pytest.mark.parametrize(("model", "calibration", "test", "divisor"), MODELS)
def test_only_wrong_inputs_of_real_models_have_findings(
    model, calibration, test, divisor: int, shared_data
):
    graph = import_model(shared_data / model)  # an absolute path stays as it is
    x, y = (as_samples(shared_data / f, graph.inputs).x / divisor for f in (calibration, test))
    assert found_in(graph, x) == []
    assert run_findings(Batch({graph.inputs[0].name: y}), (tensor_of(graph, x),)) == ()
    for factor, text in ((255, "times too large"), (1 / 255, "times too small")):
        (found,) = found_in(graph, x * np.float32(factor))
        assert found.code == "unlike-training"
        assert text in found.text
