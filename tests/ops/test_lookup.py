"""Functions that only their 256 results define, as exported files have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from engine_batch import HOST, run_batch

import tflite_models as tm
from microlut.codegen.tflite import to_tflite
from microlut.errors import UnsupportedModel
from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.integer import QNode, QuantizedGraph, to_bytes
from microlut.integer import evaluate as integers
from microlut.ops.lookup import Lookup, stored_table
from microlut.ops.tensor import Quantization, Tensor
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.verification.runtimes import run_tflite_micro
from random_graphs import int8_batch

SOURCE, TARGET = Quantization(0.03125, 7), Quantization(0.25, -5)


def results() -> np.ndarray:
    return np.random.default_rng(5).integers(-128, 128, 256).astype(np.int8)


def network() -> QuantizedGraph:
    x, y = Tensor("x", (3, 4), "int8", SOURCE), Tensor("y", (3, 4), "int8", TARGET)
    return QuantizedGraph(
        "lookup", (x,), (QNode("y", stored_table(results()), ("x",), (y,)),), ("y",)
    )


def real_op() -> Lookup:
    return Lookup((results().astype(np.float32) - TARGET.zero_point) * TARGET.scale, SOURCE)


def test_files_keep_their_results(tmp_path: Path):
    graph = network()
    found = tm.stored(tm.imported(to_tflite(graph), tmp_path))
    x = int8_batch(graph, 0, 20)
    wanted = run_tflite_micro(to_tflite(graph), x)
    assert len(np.unique(wanted)) > 100
    np.testing.assert_array_equal(to_bytes(integers.outputs(graph, x)), wanted)
    np.testing.assert_array_equal(to_bytes(integers.outputs(found, x)), wanted)
    (in_c,) = run_batch([make_plan(found)], [to_bytes(x)], tmp_path, HOST)
    np.testing.assert_array_equal(in_c, wanted)


def test_real_numbers_are_those_of_integers(tmp_path: Path):
    graph = tm.imported(to_tflite(network()), tmp_path)
    steps = np.arange(-128, 128).astype(np.float32).reshape(-1, 1, 1).repeat(3, 1).repeat(4, 2)
    found = floats.evaluate(graph, Batch({"x": (steps - SOURCE.zero_point) * SOURCE.scale}))
    assert isinstance(graph.nodes[0].op, Lookup)
    np.testing.assert_array_equal(
        found[:, 0, 0], (results().astype(np.float32) - TARGET.zero_point) * TARGET.scale
    )


def test_between_steps_it_is_linear():
    op, steps = real_op(), np.arange(-128, 127)
    middle = ((steps + 0.5 - SOURCE.zero_point) * SOURCE.scale).astype(np.float32)
    (found,) = op.evaluate([middle])
    np.testing.assert_allclose(found, (op.values[1:] + op.values[:-1]) / 2, rtol=1e-6)
    (beyond,) = op.evaluate([np.array([-1e9, 1e9], np.float32)])
    np.testing.assert_array_equal(beyond, op.values[[0, -1]])


def test_quantized_again_it_has_the_same_results():
    (node,) = network().nodes
    read = Tensor("x", (3, 4), "int8", SOURCE)
    found = real_op().quantize([read], node.outputs)
    np.testing.assert_array_equal(found.values, node.op.values)


def test_training_equals_float():
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")
    op, x = real_op(), np.linspace(-6, 6, 501).astype(np.float32)
    (found,) = op.train(tf, [tf.constant(x)])
    np.testing.assert_allclose(found, op.evaluate([x])[0], rtol=1e-3, atol=2e-3)


def test_layers_before_it_take_fewer_bits(tmp_path: Path):
    from test_dense import CASES

    dense = next(case for case in CASES if not case.quantized.tflite_lacks()).quantized
    last = dense.nodes[-1].outputs[0]
    end = Tensor("end", last.shape, "int8", TARGET)
    node = QNode("end", stored_table(results()), (last.name,), (end,))
    whole = QuantizedGraph("both", dense.inputs, (*dense.nodes, node), ("end",))
    graph = tm.imported(to_tflite(whole), tmp_path)
    x = np.random.default_rng(3).normal(size=(16, *graph.inputs[0].shape)).astype(np.float32)
    made = quantize(graph, calibrate(graph, x), x, WeightConfig(4))
    assert [getattr(getattr(n.op, "weights", None), "bits", None) for n in made.nodes] == [4, None]
    np.testing.assert_array_equal(made.nodes[-1].op.values, stored_table(results()).values)


def _other_offset(model: Any) -> None:
    add = next(o for o in model.subgraphs[0].operators if len(o.inputs) == 2)
    buffer = model.buffers[model.subgraphs[0].tensors[add.inputs[1]].buffer]
    buffer.data = np.frombuffer(np.array([100], np.int32).tobytes(), np.uint8)


def _fused(model: Any) -> None:
    add = next(o for o in model.subgraphs[0].operators if len(o.inputs) == 2)
    add.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU


@pytest.mark.parametrize("change", [_other_offset, _fused])
def test_other_groups_are_refused(change: Any, tmp_path: Path):
    with pytest.raises(UnsupportedModel, match="CAST"):
        tm.imported(tm.changed(to_tflite(network()), change), tmp_path)
