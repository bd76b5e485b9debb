"""ONNX operators that become several operators, against ONNX's own reference evaluator."""

import numpy as np
import onnx
import pytest

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.transpose import Transpose
from onnx_models import computed, drawn, float_error, model_of, node, run_onnxruntime, save

RNG = np.random.default_rng(7)


def near(tmp_path, *nodes, shape=(1, 3, 9, 8), made=None, opset=18):
    path = save(model_of(nodes, {"x": list(shape)}, made, opset), tmp_path)
    return float_error(path) < 1e-5


@pytest.mark.parametrize("kind", ["Asinh", "Atan", "Cosh", "Round", "Sinh", "Tan"])
def test_functions_of_all_values(tmp_path, kind):
    assert near(tmp_path, node(kind, ["x"], "y"))


@pytest.mark.parametrize("kind", ["Acos", "Asin", "Atanh", "Acosh"])
def test_functions_of_some_values(tmp_path, kind):
    start = node("Exp" if kind == "Acosh" else "Tanh", ["x"], "a")
    scaled = node("Mul", ["a", np.float32(0.9)], "b")
    shift = np.float32(1.5 if kind == "Acosh" else 0.0)
    assert near(tmp_path, start, scaled, node("Add", ["b", shift], "c"), node(kind, ["c"], "y"))


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("seed", range(4))
def test_pools_with_gaps(tmp_path, kind, seed):
    rng = np.random.default_rng(seed)
    kernel, strides, gaps = (rng.integers(1, 4, 2).tolist() for _ in range(3))
    options = {"kernel_shape": kernel, "strides": strides, "dilations": gaps}
    assert near(tmp_path, node(kind, ["x"], "y", **options), opset=19)


@pytest.mark.parametrize("ceil", [0, 1])
def test_largest_values_of_padded_pictures_with_gaps(tmp_path, ceil):
    options = {"kernel_shape": [3, 2], "strides": [2, 1], "dilations": [2, 3], "ceil_mode": ceil}
    nodes = [
        node("Sub", ["x", np.float32(9)], "low"),  # below zero, which padding must not be
        node("MaxPool", ["low"], "y", pads=[1, 1, 2, 1], **options),
    ]
    assert near(tmp_path, *nodes)


def test_a_mean_of_a_padded_picture_with_gaps_is_refused(tmp_path):
    options = {"kernel_shape": [2, 2], "dilations": [2, 2], "pads": [1, 1, 1, 1]}
    pool = node("AveragePool", ["x"], "y", **options)
    path = save(model_of([pool], {"x": [1, 2, 8, 8]}, opset=19), tmp_path)
    with pytest.raises(UnsupportedModel, match=r"'y' \(AveragePool\): dilations \[2, 2\]"):
        import_model(path)


@pytest.mark.parametrize("power", [1, 2, 4])
def test_roots_of_sums_of_powers(tmp_path, power):
    options = {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "p": power}
    assert near(tmp_path, node("LpPool", ["x"], "y", **options))


@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_local_responses(tmp_path, size):
    response = node("LRN", ["x"], "y", size=size, alpha=0.3, beta=0.75, bias=1.5)
    path = save(model_of([response], {"x": [1, 6, 5, 4]}), tmp_path)
    x = drawn(path)
    found = computed(run_passes(import_model(path)), x)["y"]
    # The reference evaluator takes the batch for the channels.
    squares = np.pad(x["x"] ** 2, ((0, 0), ((size - 1) // 2, size // 2), (0, 0), (0, 0)))
    sums = sum(squares[:, i : i + 6] for i in range(size))
    np.testing.assert_allclose(found, x["x"] / (1.5 + 0.3 / size * sums) ** 0.75, atol=1e-5)


@pytest.mark.parametrize("axis", [-1, 1])
def test_statistics_of_a_normalization(tmp_path, axis):
    count = 8 if axis == -1 else 3 * 9 * 8
    scale = RNG.normal(size=count).astype(np.float32)
    read = ["x", scale if axis == -1 else scale.reshape(3, 9, 8)]
    norm = node("LayerNormalization", read, ["y", "mean", "rest"], axis=axis)
    assert near(tmp_path, norm, made=["y", "mean", "rest"])


def test_a_swish_with_a_factor_and_a_share_of_absolute_values(tmp_path):
    assert near(tmp_path, node("Swish", ["x"], "y", alpha=0.4), opset=24)
    shares = node("LpNormalization", ["x"], "y", p=1, axis=2)
    path = save(model_of([shares], {"x": [1, 3, 9, 8]}, opset=22), tmp_path)
    x = drawn(path)
    found = computed(run_passes(import_model(path)), x)["y"]
    sums = np.abs(x["x"]).sum(axis=2, keepdims=True)  # the reference evaluator takes signed ones
    np.testing.assert_allclose(found, x["x"] / sums, atol=1e-6)


@pytest.mark.parametrize("options", [{"mode": "cubic"}, {"mode": "linear", "antialias": 1}])
@pytest.mark.parametrize("sizes", [[5, 13], [9, 3], [18, 16]])
@pytest.mark.parametrize("places", ["half_pixel", "align_corners", "asymmetric"])
def test_resizing_by_matrices(tmp_path, options, sizes, places):
    read = ["x", "", "", np.array([1, 3, *sizes])]
    resize = node("Resize", read, "y", coordinate_transformation_mode=places, **options)
    assert near(tmp_path, resize)


def test_resizing_by_a_scale_that_makes_no_whole_size(tmp_path):
    scales = np.array([1, 1, 0.7, 1.7], np.float32)
    assert near(tmp_path, node("Resize", ["x", "", scales], "y", mode="linear"))


def test_an_unknown_mode_is_refused(tmp_path):
    scales = np.array([1, 1, 2, 2], np.float32)
    path = save(
        model_of([node("Resize", ["x", "", scales], "y", mode="best")], {"x": [1, 2, 4, 3]}),
        tmp_path,
    )
    with pytest.raises(InvalidInput, match="mode is 'best'"):
        import_model(path)


def test_a_pixel_shuffle_costs_no_transpose(tmp_path):
    weights = RNG.normal(size=(12, 3, 3, 3)).astype(np.float32)
    nodes = [
        node("Conv", ["x", weights, RNG.normal(size=12).astype(np.float32)], "c", pads=[1] * 4),
        node("Relu", ["c"], "r"),
        node("DepthToSpace", ["r"], "y", blocksize=2, mode="CRD"),
    ]
    path = save(model_of(nodes, {"x": [1, 3, 6, 5]}), tmp_path)
    graph = run_passes(import_model(path))
    assert len(graph.nodes) == 2
    assert not any(isinstance(each.op, Transpose) for each in graph.nodes)
    assert float_error(path) < 1e-5


def test_a_model_without_outputs_is_refused(tmp_path):
    model = model_of([node("Relu", ["x"], "y")], {"x": [1, 3]})
    del model.graph.output[:]
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(InvalidInput, match="the ONNX model has no outputs"):
        import_model(tmp_path / "net.onnx")


def test_an_input_without_values_is_refused_by_its_shape(tmp_path):
    path = save(model_of([node("ReduceSum", ["x"], "y")], {"x": [1, 0, 4]}), tmp_path)
    with pytest.raises(UnsupportedModel, match=r"shape \[1, 0, 4\] has sizes other than 1 to"):
        import_model(path)


@pytest.mark.parametrize("in_a_row", [False, True])
def test_several_ranges_of_a_tensor_all_cut_off(tmp_path, in_a_row):
    nodes = [
        *_through("x", "wide", 0.02, 0),
        *_through("wide" if in_a_row else "x", "narrow", 0.01, 0),
        node("Concat", ["wide", "narrow"], "y", axis=1),
    ]
    path = save(model_of(nodes, {"x": [1, 4]}, opset=23), tmp_path)
    graph = run_passes(import_model(path))
    x = {"x": np.array([[-9.0, -2.0, 1.0, 2.0]], np.float32)}
    narrow = computed(graph, x)["y"][0, 4:]
    np.testing.assert_allclose(narrow, [-1.28, -1.28, 1.0, 1.27], atol=1e-6)
    assert graph.ranges["x"] == pytest.approx((-2.56, 2.54))


def _through(source, name, scale, zero):
    read = [np.float32(scale), np.array(zero, np.int8)]
    return [
        node("QuantizeLinear", [source, *read], f"{name}_q"),
        node("DequantizeLinear", [f"{name}_q", *read], name),
    ]


def test_a_scale_below_single_precision_is_no_damage(tmp_path):
    nodes = _through("x", "y", np.float32(1e-42), 0)
    path = save(model_of(nodes, {"x": [1, 4]}, opset=23), tmp_path)
    with pytest.raises(UnsupportedModel, match=r"its scale is 1\.\d+e-42"):
        import_model(path)


CELLS = {  # gates, and activations of one direction
    "LSTM": (4, ["HardSigmoid", "Relu", "Tanh"]),
    "GRU": (3, ["Sigmoid", "Relu"]),
    "RNN": (1, ["Relu"]),
}


@pytest.mark.parametrize("reset", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind", CELLS)
def test_recurrent_layers_with_other_activations(tmp_path, kind, direction, reset):
    pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    gates, activations = CELLS[kind]
    count = 2 if direction == "bidirectional" else 1
    options = {"linear_before_reset": reset} if kind == "GRU" else {}
    weights = [
        RNG.normal(0, 0.5, (count, gates * 4, 3)).astype(np.float32),
        RNG.normal(0, 0.5, (count, gates * 4, 4)).astype(np.float32),
        RNG.normal(0, 0.5, (count, gates * 8)).astype(np.float32),
    ]
    cell = node(
        kind,
        ["steps", *weights],
        "y",
        hidden_size=4,
        direction=direction,
        activations=activations * count,
        **options,
    )
    turned = node("Transpose", ["x"], "steps", perm=[1, 0, 2])
    path = save(model_of([turned, cell], {"x": [1, 5, 3]}), tmp_path)
    x = drawn(path)
    (found,) = computed(run_passes(import_model(path)), x).values()
    (wanted,) = run_onnxruntime(path, x).values()
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=0, atol=1e-5)


def test_activations_that_are_not_known_are_refused(tmp_path):
    weights = [np.ones((1, 4, 3), np.float32), np.ones((1, 4, 4), np.float32)]
    cell = node("RNN", ["x", *weights], "y", hidden_size=4, activations=["ThresholdedRelu"])
    path = save(model_of([cell], {"x": [5, 1, 3]}), tmp_path)
    with pytest.raises(UnsupportedModel, match=r"activations \['thresholdedrelu'\]"):
        import_model(path)
