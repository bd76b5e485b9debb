"""Test one operator in all its forms, from one table of cases.

A module `tests/ops/test_<op>.py` has the cases and takes the tests of `operator_tests`, those of
`own_operator_tests` if TensorFlow Lite lacks the operator, or those of `float_only_tests` if passes
take it away:

    test_float_equals_keras, test_training_equals_float, ... = operator_tests(CASES)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_batch import HOST, M4, Target, run_batch

import random_graphs as rg
from microlut.codegen.tflite import to_tflite
from microlut.graph import evaluate as floats
from microlut.graph.batch import Batch
from microlut.graph.ir import Graph, single
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.integer import QuantizedGraph, from_bytes, to_bytes
from microlut.integer import evaluate as integers
from microlut.integer.check import check_graph
from microlut.ops.arrays import FloatArray, Shape
from microlut.ops.base import FloatOnly, FloatOp
from microlut.ops.tensor import Activation, Tensor
from microlut.ops.windows import Padding, Window, same_padding
from microlut.plan import make_plan
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.verification.runtimes import run_tflite_micro

SAMPLES = 8
Test = Callable[..., None]


Layer = Callable[[Sequence[Any]], Any]  # from the Keras tensors that it reads


def layer(name: str, **options: Any) -> Layer:
    """Return what applies a layer of `keras.layers` to its inputs."""

    def apply(tensors: Sequence[Any]) -> Any:
        import keras

        made = getattr(keras.layers, name)(**options)
        return made(tensors if len(tensors) > 1 else tensors[0])

    return apply


def in_a_row(*layers: Layer) -> Layer:
    """Return what applies several layers, each to the output of the one before it."""

    def apply(tensors: Sequence[Any]) -> Any:
        for one in layers:
            tensors = [one(tensors)]
        return tensors[0]

    return apply


def over_steps(one: Layer, shape: Shape, made: Shape) -> Layer:
    """Return a layer over sequences as one over pictures of height 1, of a shape to another."""
    return in_a_row(
        layer("Reshape", target_shape=shape[1:]), one, layer("Reshape", target_shape=made)
    )


@dataclass(frozen=True, slots=True)
class KerasWindow:
    """A window with the padding that Keras names, or with another."""

    size: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    padding: str | Padding = "valid"

    def over(self, shape: Shape) -> Window:
        """Return the window over pictures of a shape."""
        padding = self.padding
        if isinstance(padding, str):
            same = same_padding(shape[:2], self.size, self.strides, self.dilation)
            padding = same if padding == "same" else Padding()
        return Window(self.size, self.strides, padding, self.dilation)

    def layer(self, name: str, **options: Any) -> Layer:
        """Return a layer that moves the window; another one pads where Keras has no name for it."""
        p = self.padding
        if isinstance(p, str):
            return layer(name, padding=p, strides=self.strides, **options)
        before = layer("ZeroPadding2D", padding=((p.top, p.bottom), (p.left, p.right)))
        return in_a_row(before, layer(name, strides=self.strides, **options))


def kernel_and_bias(name: str, shape: Shape, axis: int) -> tuple[FloatArray, FloatArray]:
    """Return weights whose output channels lie along an axis and differ in scale."""
    rng = np.random.default_rng(list(name.encode()))
    return rg.weights(rng, shape, axis), rg.bias(rng, shape[axis])


DEFAULT = WeightConfig()


@dataclass(frozen=True, eq=False)
class Case:
    """An operator with its inputs.

    Attributes:
        name: A C identifier, unique among the cases of the operator.
        op: The operator.
        shapes: Of its inputs.
        keras: Layers that are imported as this operator; their weights are drawn anew.
        spreads: Of each input's values, by which scales differ; 1 each if there are none.
        config: How its weights are quantized.
        dtype: Type of its activations.
        made: Type of its output, if that is another one.
    """

    name: str
    op: FloatOp
    shapes: tuple[Shape, ...]
    keras: Layer | None = None
    spreads: tuple[float, ...] = ()
    config: WeightConfig = DEFAULT
    dtype: Activation = "int8"
    made: Activation | None = None

    @property
    def seed(self) -> list[int]:
        """Seed of everything random in the case."""
        return list(self.name.encode())

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that the operator reads."""
        return tuple(Tensor(f"{self.name}_x{i}", s) for i, s in enumerate(self.shapes))

    def graph(self) -> Graph:
        """Return the operator alone in a network."""
        (shape,) = self.op.shapes(self.shapes)
        node = single(f"{self.name}_y", self.op, tuple(t.name for t in self.inputs), shape)
        return Graph(self.name, self.inputs, (node,), (node.output,))

    def samples(self) -> Batch:
        """Return real inputs."""
        rng = np.random.default_rng(self.seed)
        spreads = self.spreads or (1.0,) * len(self.shapes)
        arrays = {
            tensor.name: (spread * rng.normal(rng.normal(), 1, (SAMPLES, *tensor.shape)))
            for tensor, spread in zip(self.inputs, spreads, strict=True)
        }
        return Batch({name: values.astype(np.float32) for name, values in arrays.items()})

    @cached_property
    def quantized(self) -> QuantizedGraph:
        """The integer network."""
        graph = self.graph()
        samples = self.samples()
        types = dict.fromkeys(graph.tensors(), self.dtype)
        types[graph.outputs[0]] = self.made or self.dtype
        ranges = calibrate(graph, samples).typed(types)
        made = quantize(graph, ranges, samples, self.config)
        check_graph(made)
        return made


def elementwise_cases(op: FloatOp, name: str) -> tuple[Case, ...]:
    """Return cases of a function of one value that Keras has under a name everywhere."""

    def operation(tensors: Sequence[Any]) -> Any:
        import keras

        return getattr(keras.ops, name)(tensors[0])

    alone = layer("Activation", activation=name)
    return (
        Case("vector", op, ((17,),), alone),
        Case("picture", op, ((5, 7, 3),), operation, spreads=(4.0,)),
        Case("one_value", op, ((1,),), None, spreads=(0.1,)),
        Case("rank_two", op, ((6, 5),), alone, spreads=(100.0,)),
        Case("rank_four", op, ((2, 3, 4, 5),), alone, spreads=(0.3,)),
        Case("dense", op, ((9,),), layer("Dense", units=9, activation=name)),
    )


def operator_tests(cases: Sequence[Case]) -> tuple[Test, Test, Test, Test, Test]:
    """Return the tests of an operator.

    They compare it with Keras, its training with it, its integer form with tflite-micro, and the C
    with its integer form on two targets.
    """

    @_each(cases)
    def test_integer_equals_tflite_micro(case: Case) -> None:
        check_tflite_micro(case)

    in_float, training, *in_c = own_operator_tests(cases)
    return in_float, training, test_integer_equals_tflite_micro, *in_c


def own_operator_tests(cases: Sequence[Case]) -> tuple[Test, Test, Test, Test]:
    """Return the tests of an operator that TensorFlow Lite lacks: the same without tflite-micro."""

    def test_c_equals_integer_on_this_computer(tmp_path: Path) -> None:
        check_c(cases, tmp_path, HOST)

    @pytest.mark.sweep  # where only the usual tests run, test_operators.py has some cases of each
    @pytest.mark.qemu
    def test_c_equals_integer_on_cortex_m4(tmp_path: Path) -> None:
        check_c(cases, tmp_path, M4)

    return (
        *float_only_tests(cases),
        test_c_equals_integer_on_this_computer,
        test_c_equals_integer_on_cortex_m4,
    )


def float_only_tests(cases: Sequence[Case]) -> tuple[Test, Test]:
    """Return the tests of an operator without an integer form: against Keras, and its training."""
    assert len({case.name for case in cases}) == len(cases)
    with_keras = [case for case in cases if case.keras is not None]
    assert with_keras

    @pytest.mark.keras
    @_each(with_keras)
    def test_float_equals_keras(case: Case) -> None:
        check_keras(case)

    @_each(cases)
    def test_training_equals_float(case: Case) -> None:
        check_training(case)

    return test_float_equals_keras, test_training_equals_float


def _each(cases: Sequence[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


def check_keras(case: Case) -> None:
    """Import what Keras makes of the case, find the operator in it, and compare the outputs.

    The passes must leave the operator as the case has it, or nothing of it if it is float only.
    """
    keras = pytest.importorskip("keras", reason="needs Keras 3; pip install tensorflow")
    assert case.keras is not None
    inputs = [keras.Input(s, name=f"x{i}") for i, s in enumerate(case.shapes)]
    model = keras.Model(inputs, case.keras(inputs))
    _draw_weights(model, case.seed)
    imported = import_model(model)
    graph = run_passes(imported)
    if isinstance(case.op, FloatOnly):
        assert type(case.op) in {type(node.op) for node in imported.nodes}
        assert type(case.op) not in {type(node.op) for node in graph.nodes}
    else:
        assert _settings(case.op) in [_settings(node.op) for node in graph.nodes]
    samples = case.samples()
    arrays = list(samples.arrays.values())
    wanted = np.asarray(model(arrays if len(arrays) > 1 else arrays[0], training=False))
    given = dict(zip((tensor.name for tensor in graph.inputs), arrays, strict=True))
    found = floats.evaluate(graph, Batch(given))
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * float(np.abs(wanted).max()))


def _draw_weights(model: Any, seed: list[int]) -> None:
    """Give all weights of a Keras model values that no initializer has left."""
    rng = np.random.default_rng([*seed, 2])
    for weights in model.weights:
        low = 0.2 if "variance" in weights.path else -1.0
        weights.assign(rng.uniform(low, 1.0, weights.shape))


def _settings(op: FloatOp) -> tuple[object, ...]:
    """Return the kind of an operator and its fields; arrays count by their shapes."""
    assert is_dataclass(op)
    values = (getattr(op, field.name) for field in fields(op))
    shown = (value.shape if isinstance(value, np.ndarray) else value for value in values)
    return (type(op), *shown)


def check_training(case: Case) -> None:
    """Compare the operator by TensorFlow's functions, as it is trained, with its evaluation."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow; pip install tensorflow")
    arrays = list(case.samples().arrays.values())
    found = case.op.train(tf, [tf.constant(x) for x in arrays])
    for y, wanted in zip(found, case.op.evaluate(arrays), strict=True):
        assert y.shape == wanted.shape
        tolerance = 1e-5 * max(1.0, float(np.abs(wanted).max()))  # the order of sums differs
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=tolerance)


def integer_inputs(case: Case, graph: QuantizedGraph) -> Batch:
    """Return inputs of all bytes, -128 and 127 among them."""
    rng = np.random.default_rng([*case.seed, 1])
    size = sum(tensor.bytes for tensor in graph.inputs)
    values = rng.integers(-128, 128, (SAMPLES, size)).astype(np.int8)
    values[-1] = np.where(values[-1] < 0, -128, 127)
    return from_bytes({tensor.name: tensor for tensor in graph.inputs}, values)


def check_tflite_micro(case: Case) -> None:
    """Compare the integer interpreter with TensorFlow Lite's kernels for devices."""
    pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
    graph = case.quantized
    x = integer_inputs(case, graph)
    wanted = to_bytes(integers.outputs(graph, x))
    assert len(np.unique(wanted, axis=0)) > 1
    np.testing.assert_array_equal(run_tflite_micro(to_tflite(graph), x), wanted)


def check_c(cases: Sequence[Case], folder: Path, target: Target) -> None:
    """Compare the C engine with the integer interpreter, all cases in one program."""
    graphs = [case.quantized for case in cases]
    inputs = [integer_inputs(case, graph) for case, graph in zip(cases, graphs, strict=True)]
    got = run_batch(
        [make_plan(graph) for graph in graphs], list(map(to_bytes, inputs)), folder, target
    )
    different: Mapping[str, float] = {
        graph.name: float(np.mean(found != to_bytes(integers.outputs(graph, x))))
        for graph, x, found in zip(graphs, inputs, got, strict=True)
    }
    assert {name: share for name, share in different.items() if share} == {}
