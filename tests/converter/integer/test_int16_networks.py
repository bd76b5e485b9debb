"""Random networks with int16 activations, in all tensors or in some that are named."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from engine_batch import HOST, M4, run_batch

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.integer import QuantizedGraph, load, save, to_bytes
from microlut.integer import evaluate as integers
from microlut.ops.tensor import Activation
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.types import linked, with_conversions
from microlut.verification.runtimes import run_tflite_micro
from sweeps import in_sweeps

NETWORKS = 8
RUNS = 3


def converted(case: rg.Case, wide: float, rng: rg.Rng) -> QuantizedGraph:
    """Return a network with this share of its tensors in int16."""
    types: dict[str, Activation] = {
        name: "int16" if rng.random() < wide else "int8" for name in case.graph.tensors()
    }
    graph, found = with_conversions(case.graph, linked(case.graph, types))
    ranges = calibrate(graph, case.samples)
    bent = {name: limits for name, limits in case.ranges.limits.items() if name in ranges.limits}
    return quantize(graph, ranges.replaced(bent).typed(found), case.samples, case.config)


def telling(seed: int) -> Iterator[QuantizedGraph]:
    """Yield networks whose outputs differ between inputs: whole in int16, and mixed."""
    for i, case in enumerate(rg.network_cases(4 * NETWORKS, seed)):
        named = replace(case, name=f"wide{seed}_{i}")
        try:
            graph = converted(named, (1.0, 0.5)[i % 2], np.random.default_rng([seed, i]))
        except UnsupportedModel:  # a softmax of what does not vary
            continue
        if len(np.unique(to_bytes(integers.outputs(graph, inputs(graph))), axis=0)) > 1:
            yield graph


@cache
def networks(seed: int) -> tuple[QuantizedGraph, ...]:
    found = telling(seed)
    return tuple(next(found) for _ in range(NETWORKS))


def inputs(graph: QuantizedGraph) -> Batch:
    return rg.int8_batch(graph, 1, RUNS)


def test_both_types_and_all_conversions_occur():
    kinds = [
        (graph.tensors()[node.inputs[0]].dtype, node.outputs[0].dtype)
        for graph in networks(0)
        for node in graph.nodes
        if node.op.kind == "requantize"
    ]
    assert {("int8", "int16"), ("int16", "int8")} <= set(kinds)
    whole = [{t.dtype for t in graph.tensors().values()} for graph in networks(0)]
    assert {"int16"} in whole
    assert {"int8", "int16"} in whole


@pytest.mark.parametrize("seed", [0, *in_sweeps(1, 2, 3, 4, 5)])
def test_interpreter_equals_tflite_micro(seed: int):
    pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
    for graph in networks(seed):
        x = inputs(graph)
        wanted = to_bytes(integers.outputs(graph, x))
        np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), x), wanted, graph.name)


def compare_c(graphs: tuple[QuantizedGraph, ...], folder: Path, target: object) -> None:
    given = [to_bytes(inputs(graph)) for graph in graphs]
    plans = [make_plan(graph) for graph in graphs]
    for graph, found in zip(graphs, run_batch(plans, given, folder, target), strict=True):
        wanted = to_bytes(integers.outputs(graph, inputs(graph)))
        np.testing.assert_array_equal(found, wanted, graph.name)


@pytest.mark.parametrize("seed", [0, *in_sweeps(1, 2, 3, 4, 5)])
def test_c_equals_interpreter_on_this_computer(seed: int, tmp_path: Path):
    compare_c(networks(seed), tmp_path, HOST)


@pytest.mark.qemu
def test_c_equals_interpreter_on_cortex_m4(tmp_path: Path):
    compare_c(networks(0), tmp_path, M4)


def test_a_saved_network_is_the_same_when_it_is_loaded(tmp_path: Path):
    for graph in networks(0)[:4]:
        save(graph, tmp_path / "model.json")
        again = load(tmp_path / "model.json")
        assert to_tflite(again) == to_tflite(graph)
