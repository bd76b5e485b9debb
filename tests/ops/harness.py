"""Test one operator in all its forms, from one table of cases.

A module `tests/ops/test_<op>.py` has the cases and takes the tests of `operator_tests`:

    test_float_equals_keras, test_integer_equals_the_reference, ... = operator_tests(CASES)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_batch import HOST, M4, Target, run_batch

from microlut.codegen.tflite import to_tflite
from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, single
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph, from_bytes, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.arrays import Shape
from microlut.ops.base import FloatOp
from microlut.ops.tensor import Tensor
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.verification.runtimes import run_tflite_micro

SAMPLES = 8
Test = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Case:
    """An operator with its inputs.

    Attributes:
        name: A C identifier, unique among the cases of the operator.
        op: The operator.
        shapes: Of its inputs.
        keras: Makes the output of Keras tensors by layers that are imported as this operator.
        spreads: Of each input's values, by which scales differ; 1 each if there are none.
        bits: Of its weights.
    """

    name: str
    op: FloatOp
    shapes: tuple[Shape, ...]
    keras: Callable[[list[Any]], Any] | None = None
    spreads: tuple[float, ...] = ()
    bits: int = 4

    @property
    def seed(self) -> list[int]:
        """Seed of everything random in the case."""
        return list(self.name.encode())

    def graph(self) -> Graph:
        """Return the operator alone in a network."""
        inputs = tuple(Tensor(f"{self.name}_x{i}", s) for i, s in enumerate(self.shapes))
        (shape,) = self.op.shapes(self.shapes)
        node = single(f"{self.name}_y", self.op, tuple(t.name for t in inputs), shape)
        return Graph(self.name, inputs, (node,), (node.output,))

    def samples(self, graph: Graph) -> Batch:
        """Return real inputs."""
        rng = np.random.default_rng(self.seed)
        spreads = self.spreads or (1.0,) * len(self.shapes)
        arrays = {
            tensor.name: (spread * rng.normal(rng.normal(), 1, (SAMPLES, *tensor.shape)))
            for tensor, spread in zip(graph.inputs, spreads, strict=True)
        }
        return Batch({name: values.astype(np.float32) for name, values in arrays.items()})

    def quantized(self) -> QuantizedGraph:
        """Return the integer network."""
        graph = self.graph()
        samples = self.samples(graph)
        made = quantize(graph, calibrate(graph, samples), samples, WeightConfig(self.bits))
        check_graph(made)
        return made


def operator_tests(cases: Sequence[Case]) -> tuple[Test, Test, Test, Test]:
    """Return the tests of an operator: against Keras, TFLite, and the C on two targets."""
    assert len({case.name for case in cases}) == len(cases)
    with_keras = [case for case in cases if case.keras is not None]
    assert with_keras
    each = pytest.mark.parametrize("case", cases, ids=lambda case: case.name)
    of_keras = pytest.mark.parametrize("case", with_keras, ids=lambda case: case.name)

    def test_float_equals_keras(case: Case) -> None:
        check_keras(case)

    def test_integer_equals_tflite_micro(case: Case) -> None:
        check_tflite_micro(case)

    def test_c_equals_integer_on_this_computer(tmp_path: Path) -> None:
        check_c(cases, tmp_path, HOST)

    def test_c_equals_integer_on_cortex_m4(tmp_path: Path) -> None:
        check_c(cases, tmp_path, M4)

    return (
        of_keras(test_float_equals_keras),
        each(test_integer_equals_tflite_micro),
        test_c_equals_integer_on_this_computer,
        pytest.mark.qemu(test_c_equals_integer_on_cortex_m4),
    )


def check_keras(case: Case) -> None:
    """Import what Keras makes of the case, find the operator in it, and compare the outputs."""
    import keras

    assert case.keras is not None
    keras.utils.set_random_seed(sum(case.seed))
    inputs = [keras.Input(s, name=f"x{i}") for i, s in enumerate(case.shapes)]
    model = keras.Model(inputs, case.keras(inputs))
    imported = import_model(model)
    assert type(case.op) in {type(node.op) for node in imported.nodes}
    graph = run_passes(imported)
    samples = case.samples(case.graph())
    arrays = list(samples.arrays.values())
    wanted = model.predict(arrays if len(arrays) > 1 else arrays[0], verbose=0)
    given = dict(zip((tensor.name for tensor in graph.inputs), arrays, strict=True))
    found = floats.evaluate(graph, Batch(given))
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * float(np.abs(wanted).max()))


def int8_inputs(case: Case, graph: QuantizedGraph) -> Batch:
    """Return inputs of all values, both ends among them."""
    rng = np.random.default_rng([*case.seed, 1])
    size = sum(tensor.bytes for tensor in graph.inputs)
    values = rng.integers(-128, 128, (SAMPLES, size)).astype(np.int8)
    values[-1] = np.where(values[-1] < 0, -128, 127)
    return from_bytes({tensor.name: tensor for tensor in graph.inputs}, values)


def check_tflite_micro(case: Case) -> None:
    """Compare the integer interpreter with TensorFlow Lite's kernels for devices."""
    pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
    graph = case.quantized()
    x = int8_inputs(case, graph)
    wanted = to_bytes(integers.outputs(graph, x))
    assert len(np.unique(wanted, axis=0)) > 1
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), x), wanted)


def check_c(cases: Sequence[Case], folder: Path, target: Target) -> None:
    """Compare the C engine with the integer interpreter, all cases in one program."""
    graphs = [case.quantized() for case in cases]
    inputs = [int8_inputs(case, graph) for case, graph in zip(cases, graphs, strict=True)]
    got = run_batch(
        [make_plan(graph) for graph in graphs], list(map(to_bytes, inputs)), folder, target
    )
    different: Mapping[str, float] = {
        graph.name: float(np.mean(found != to_bytes(integers.outputs(graph, x))))
        for graph, x, found in zip(graphs, inputs, got, strict=True)
    }
    assert {name: share for name, share in different.items() if share} == {}
