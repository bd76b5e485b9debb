"""Layers whose output hardly varied when their file was made: shifts lose the high bits of sums."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_batch import HOST, M4, M55, Target, run_batch

import random_graphs as rg
import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.integer import QuantizedGraph, to_bytes
from microlut.ops.arrays import Int64
from microlut.ops.fixed_point import multiply
from microlut.ops.weights import OutputStage
from microlut.plan import make_plan
from microlut.verification.runtimes import run_tflite_micro
from sweeps import in_sweeps

SMALLER = {"conv2d": 2.0**-20, "depthwise_conv2d": 2.0**-20, "dense": 2.0**-14}  # output scales


def contents(kind: str) -> list[bytes]:
    """Return files of a layer with a tiny output scale."""

    def hardly_varying(model: Any) -> None:
        main = model.subgraphs[0]
        output = main.tensors[main.outputs[0]].quantization
        output.scale = np.array(output.scale, np.float32) * np.float32(SMALLER[kind])

    cases = rg.operator_cases(kind, 6, seed=8)
    return [tm.changed(to_tflite(case.quantized()), hardly_varying) for case in cases]


def networks(kind: str, folder: Path) -> list[QuantizedGraph]:
    found = [tm.stored(tm.imported(content, folder)) for content in contents(kind)]
    return [replace(graph, name=f"{kind}{i}") for i, graph in enumerate(found)]


def without_loss(stage: OutputStage, total: Int64, zero_point: int) -> np.ndarray:
    scaled = multiply(total, stage.multiplier.astype(np.int64), stage.shift.astype(np.int64))
    return np.clip(scaled + zero_point, stage.minimum, stage.maximum).astype(np.int8)


@pytest.mark.parametrize("kind", SMALLER)
def test_bytes_are_those_of_tflite_micro(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    graphs = networks(kind, tmp_path)
    batches = [tm.random_inputs(graph, count=8) for graph in graphs]
    wanted = [run_tflite_micro(*pair) for pair in zip(contents(kind), batches, strict=True)]
    for graph, inputs, outputs in zip(graphs, batches, wanted, strict=True):
        np.testing.assert_array_equal(tm.outputs(graph, inputs), outputs)
    monkeypatch.setattr(OutputStage, "requantize", without_loss)
    kept = [tm.outputs(graph, x) for graph, x in zip(graphs, batches, strict=True)]
    assert not all(np.array_equal(*pair) for pair in zip(kept, wanted, strict=True))


@pytest.mark.parametrize("target", [HOST, *in_sweeps(M4, M55)], ids=["host", "m4", "m55"])
def test_c_equals_the_interpreter(target: Target, tmp_path: Path):
    graphs = [graph for kind in SMALLER for graph in networks(kind, tmp_path)]
    batches = [tm.random_inputs(graph, count=8) for graph in graphs]
    plans = [make_plan(graph) for graph in graphs]
    found = run_batch(plans, [to_bytes(batch) for batch in batches], tmp_path, target)
    for graph, batch, outputs in zip(graphs, batches, found, strict=True):
        np.testing.assert_array_equal(outputs, tm.outputs(graph, batch), graph.name)
