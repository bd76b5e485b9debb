"""What forms are given and judged by, for networks with several inputs and outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphs import make_qnode
from microlut.board.board import load_board
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph, single
from microlut.importers.samples import as_samples, load_samples
from microlut.integer import to_bytes
from microlut.integer.graph import QuantizedGraph
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.relu import QRelu, Relu
from microlut.ops.tensor import Quantization, Tensor
from microlut.project import Project
from microlut.toolchain.image import Image
from microlut.verification.accuracy import float_top1
from microlut.verification.reference import make_reference
from microlut.workflow.outcomes import RunOutcome
from microlut.workflow.output_files import check_outputs, write_outputs

NARROW, WIDE = Quantization(0.5, 0), Quantization(0.25, -8)
GRAPH = QuantizedGraph(
    "pair",
    (Tensor("a", (3,), "int8", NARROW), Tensor("b", (2, 2), "int8", WIDE)),
    (
        make_qnode("up", QRelu(0, 127), ("a",), (3,), NARROW),
        make_qnode("low", QRelu(-128, 0), ("b",), (2, 2), WIDE),
    ),
    ("low", "up"),
)
LABELS = np.array([3, 0])
A = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])
B = np.array([[[1.0, -2.0], [0.0, 2.0]], [[-0.5, -1.0], [-3.0, -2.0]]])


def project(tmp_path) -> Project:
    return Project(tmp_path, "pair", GRAPH, {})


def test_bytes_of_inputs_and_outputs_follow_one_another(tmp_path):
    reference = make_reference(project(tmp_path), as_samples({"b": B, "a": A}, GRAPH.inputs))
    assert reference.flat_inputs.tolist() == [
        [2, -4, 6, -4, -16, -8, 0],
        [1, 8, -2, -10, -12, -20, -16],
    ]
    assert reference.outputs.tolist() == [
        [-4, -16, -8, 0, 2, 0, 6],
        [-10, -12, -20, -16, 1, 8, 0],
    ]


def test_the_first_output_is_judged(tmp_path):
    samples = as_samples({"a": A, "b": B}, GRAPH.inputs, LABELS)
    reference = make_reference(project(tmp_path), samples)
    assert reference.top1 == 100.0
    assert reference.first(1).top1 == 100.0
    assert reference.top1_of(np.roll(reference.outputs, 1, axis=1)) == 50.0


def test_labels_are_classes_of_the_first_output(tmp_path):
    samples = as_samples({"a": A, "b": B}, GRAPH.inputs, [4, 0])
    with pytest.raises(InvalidInput, match="up to 4, but the model has 4 outputs"):
        make_reference(project(tmp_path), samples)


def test_each_input_has_its_own_scale(tmp_path):
    samples = as_samples({"a": A, "b": B * 100}, GRAPH.inputs)
    with pytest.raises(InvalidInput, match="scale them like the calibration inputs"):
        make_reference(project(tmp_path), samples)


def test_a_run_gives_a_dict_of_several_outputs(tmp_path):
    reference = make_reference(project(tmp_path), as_samples({"a": A, "b": B}, GRAPH.inputs))
    image = Image(load_board("host").id, tmp_path / "elf", tmp_path / "map")
    outcome = RunOutcome(
        image, "host", 2, reference.outputs, True, None, None, None, tensors=reference.tensors
    )
    assert list(outcome.integers) == list(outcome.values) == ["low", "up"]
    assert outcome.integers["up"].tolist() == [[2, 0, 6], [1, 8, 0]]
    np.testing.assert_array_equal(outcome.values["up"], np.maximum(A, 0))
    np.testing.assert_array_equal(outcome.values["low"], np.minimum(B, 2))
    write_outputs(tmp_path / "y.npz", outcome)
    with np.load(tmp_path / "y.npz") as arrays:
        assert sorted(arrays) == ["low", "low_int8", "up", "up_int8"]
        np.testing.assert_array_equal(arrays["low"], outcome.values["low"])
        np.testing.assert_array_equal(arrays["low_int8"], outcome.integers["low"])


@pytest.mark.parametrize(
    "names", [("file", "allow_pickle"), ("a", "a_int8"), ("a_int8", "a"), ("x.npy", "y/z")]
)
def test_outputs_of_any_names_are_written_and_written_again(names, tmp_path):
    named = replace(GRAPH, output_names=names)
    reference = make_reference(
        Project(tmp_path, "pair", named, {}), as_samples({"a": A, "b": B}, named.inputs)
    )
    image = Image(load_board("host").id, tmp_path / "elf", tmp_path / "map")
    outcome = RunOutcome(
        image, "host", 2, reference.outputs, True, None, None, None, tensors=reference.tensors
    )
    path = tmp_path / "y.npz"
    for _ in range(2):
        check_outputs(path)
        write_outputs(path, outcome)
    with np.load(path) as arrays:
        assert len(arrays.files) == 4
        for name, values in outcome.values.items():
            np.testing.assert_array_equal(arrays[name], values)
        integers = [arrays[n] for n in sorted(set(arrays.files) - set(names), key=len)]
        assert {v.tobytes() for v in integers} == {v.tobytes() for v in outcome.integers.values()}
    np.savez(path, mine=A)
    with pytest.raises(InvalidInput, match="outputs"):
        check_outputs(path)


def test_the_float_accuracy_is_of_the_first_output():
    nodes = (
        single("sum", Add(), ("a", "b"), (3,)),
        single("up", Relu(ActivationKind.RELU), ("a",), (3,)),
    )
    graph = Graph("pair", (Tensor("a", (3,)), Tensor("b", (3,))), nodes, ("sum", "up"))
    a, b = np.eye(3)[:2], 2 * np.eye(3)[1:]
    samples = as_samples({"a": a, "b": b}, graph.inputs, [1, 2])
    assert float_top1(graph, samples) == 100.0
    assert float_top1(graph, as_samples({"a": a, "b": b}, graph.inputs, [0, 1])) == 0.0


# --- samples of several inputs


def test_samples_of_a_file_are_found_by_the_names_of_the_inputs(tmp_path):
    np.savez(tmp_path / "s.npz", a=A, b=B, y=LABELS, other=np.zeros(9))
    samples = load_samples(tmp_path / "s.npz", GRAPH.inputs, limit=1)
    assert list(samples.inputs.arrays) == ["a", "b"]
    np.testing.assert_array_equal(samples.inputs.arrays["b"], B[:1])
    assert samples.y is not None
    assert samples.y.tolist() == [3]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": A}, "has no array 'b'; the model has 2 inputs: .* named 'a', 'b'"),
        ({"x": A}, "has no array 'a'"),
        ({"a": A, "b": B[:1]}, r"unlike numbers of samples \(a 2, b 1\)"),
        ({"a": A, "b": A}, r"b has shape \[2, 3\]; the model expects \[samples, 2, 2\]"),
        ({"a": A, "b": B.astype(str)}, "b has type <U32; expected real numbers"),
        ({"a": A, "b": B * np.nan}, "b holds NaN"),
        ({"a": A, "b": B, "y": LABELS[:1]}, r"y has shape \[1\]"),
    ],
)
def test_wrong_arrays_are_named(arrays, message, tmp_path):
    np.savez(tmp_path / "s.npz", **arrays)
    for given in (arrays, tmp_path / "s.npz"):
        with pytest.raises(InvalidInput, match=message) as error:
            as_samples(given, GRAPH.inputs)
        assert "\n" not in str(error.value)


def test_one_array_is_not_enough_for_two_inputs():
    with pytest.raises(InvalidInput, match="has no array 'a'; the model has 2 inputs"):
        as_samples(A, GRAPH.inputs)


def test_bytes_are_those_that_samples_had():
    samples = as_samples({"a": A, "b": B}, GRAPH.inputs)
    assert to_bytes(samples.inputs).shape == (2, 4 * (3 + 4))


def test_an_input_may_be_called_y():
    inputs = (Tensor("y", (3,)), Tensor("x", (4,)))
    arrays = {"y": A, "x": np.zeros((2, 4))}
    samples = as_samples(arrays, inputs)
    assert samples.y is None
    np.testing.assert_array_equal(samples.inputs.arrays["y"], A)
    samples = as_samples(arrays, inputs, LABELS)
    np.testing.assert_array_equal(samples.inputs.arrays["y"], A)
    assert samples.y is not None
    assert samples.y.tolist() == [3, 0]
    alone = as_samples({"x": A, "y": LABELS}, inputs[:1])
    np.testing.assert_array_equal(alone.x, A)
    assert alone.y is not None
    assert as_samples({"y": A}, inputs[:1]).y is None
