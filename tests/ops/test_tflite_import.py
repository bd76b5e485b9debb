"""What microlut exports it imports with the same integers: random networks, and each operator."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.integer import QuantizedGraph, evaluate, to_bytes

# Modules of tests/ops whose operators have one operator of TensorFlow Lite each.
MODULES = (
    *("add", "concatenate", "conv2d", "dense", "depth_to_space", "depthwise_conv2d"),
    *("gather", "maximum", "mean", "minimum", "mul", "pad", "pool2d", "prelu", "relu"),
    *("reshape", "resize_bilinear", "sigmoid", "slice", "softmax", "space_to_depth", "subtract"),
    *("tanh", "tile", "transpose", "transpose_conv2d", "unit_normalization", "reduce"),
)


def check(graph: QuantizedGraph, folder: Path) -> None:
    found = tm.stored(tm.imported(to_tflite(graph), folder))
    inputs = tm.random_inputs(graph)
    wanted = to_bytes(evaluate.outputs(graph, inputs))
    assert np.array_equal(tm.outputs(found, inputs), wanted)
    assert [t.shape for t in found.inputs] == [t.shape for t in graph.inputs]
    kept = [(t.dtype, t.quantization) for t in found.output_tensors().values()]
    assert kept == [(t.dtype, t.quantization) for t in graph.output_tensors().values()]


@pytest.mark.parametrize("case", rg.network_cases(12, seed=22), ids=lambda case: case.name)
def test_random_network_has_the_same_integers(case: rg.Case, tmp_path: Path):
    check(case.quantized(), tmp_path)


@pytest.mark.parametrize("name", MODULES)
def test_each_operator_has_the_same_integers(name: str, tmp_path: Path):
    cases = import_module(f"test_{name}").CASES
    graphs = [case.quantized for case in cases]
    for graph in graphs:
        if graph.tflite_lacks():
            continue
        try:
            check(graph, tmp_path)
        except UnsupportedModel as error:  # padding with the least value, before a maximum
            assert "(PADV2): pads with" in str(error)


def test_each_operator_between_int16_has_the_same_integers(tmp_path: Path):
    cases = [case for case in import_module("test_int16").CASES if case.op.becomes in KINDS_16]
    assert len(cases) > len(KINDS_16)
    for case in cases:
        check(case.quantized, tmp_path)


KINDS_16 = ("add", "binary", "concatenate", "conv2d", "dense", "depthwise_conv2d", "pool2d")
