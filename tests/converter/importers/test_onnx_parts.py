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


@pytest.mark.parametrize("counted", [0, 1])
@pytest.mark.parametrize("ceil", [0, 1])
def test_means_of_padded_pictures_with_gaps(tmp_path, counted, ceil):
    options = {"kernel_shape": [2, 3], "dilations": [2, 2], "pads": [1, 2, 1, 1], "strides": [2, 3]}
    pool = node("AveragePool", ["x"], "y", count_include_pad=counted, ceil_mode=ceil, **options)
    path = save(model_of([pool], {"x": [1, 2, 9, 8]}, opset=19), tmp_path)
    x = drawn(path)
    found = computed(run_passes(import_model(path)), x)["y"]
    np.testing.assert_allclose(found, run_onnxruntime(path, x)["y"], atol=1e-5)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("seed", range(4))
def test_pools_along_three_dimensions(tmp_path, kind, seed):
    rng = np.random.default_rng(seed)
    kernel, strides, first, last = (rng.integers(1, 4, 3) for _ in range(4))
    pads = [*np.minimum(first, kernel) - 1, *np.minimum(last, kernel) - 1]
    options = {
        "kernel_shape": kernel.tolist(),
        "strides": strides.tolist(),
        "pads": [int(n) for n in pads],
        "ceil_mode": seed % 2,
    }
    if kind == "AveragePool":
        options["count_include_pad"] = seed // 2
    path = save(
        model_of([node(kind, ["x"], "y", **options)], {"x": [1, 2, 7, 6, 5]}, opset=19), tmp_path
    )
    x = drawn(path)
    found = computed(run_passes(import_model(path)), x)["y"]
    np.testing.assert_allclose(found, run_onnxruntime(path, x)["y"], atol=1e-5)


@pytest.mark.parametrize("exponent", [1.5, -0.5, 6.0, -2.0, 1 / 3])
def test_powers(tmp_path, exponent):
    nodes = [
        node("Abs", ["x"], "a"),
        node("Add", ["a", np.float32(0.5)], "b"),
        node("Pow", ["b", np.float32(exponent)], "y"),
    ]
    assert near(tmp_path, *nodes)


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 3, 9, 8), (8,)])
def test_powers_of_exponents_of_their_own(tmp_path, shape):
    exponents = RNG.choice([0.5, 1.0, 2.0, -1.5, 3.0], shape).astype(np.float32)
    nodes = [
        node("Abs", ["x"], "a"),
        node("Add", ["a", np.float32(0.5)], "b"),
        node("Pow", ["b", exponents], "y"),
    ]
    assert near(tmp_path, *nodes)


@pytest.mark.parametrize("exponents", [[0.0], [1.0, 0.0, 3.0], [1000.0]])
def test_powers_that_no_table_holds_are_refused(tmp_path, exponents):
    nodes = [node("Pow", ["x", np.reshape(exponents, (1, -1, 1, 1))], "y")]
    with pytest.raises(UnsupportedModel, match="exponent"):
        import_model(save(model_of(nodes, {"x": [1, 3, 9, 8]}), tmp_path))


PARTS = {
    "class token": (["c", "x"], 1, [(1, 1, 4)]),
    "behind": (["x", "c"], 2, [(1, 5, 2)]),
    "between": (["x", "c", "x"], 1, [(1, 3, 4)]),
    "everywhere": (["c", "x", "c", "x", "c"], 2, [(1, 5, 1), (1, 5, 2), (1, 5, 3)]),
    "zeros": (["z", "x"], 1, [(1, 3, 4)]),
    "the batch": (["x", "c"], 0, [(2, 5, 4)]),
}


@pytest.mark.parametrize("case", PARTS)
def test_tensors_and_constants_in_a_row(tmp_path, case):
    order, axis, shapes = PARTS[case]
    left = iter(shapes)
    read = [
        "x" if name == "x" else RNG.normal(size=next(left)).astype(np.float32) * (name == "c")
        for name in order
    ]
    nodes = [node("Concat", read, "z", axis=axis), node("Tanh", ["z"], "y")]
    assert near(tmp_path, *nodes, shape=(1, 5, 4))


def test_a_constant_that_is_repeated_for_all_inputs_of_a_batch(tmp_path):
    token = np.repeat(RNG.normal(size=(1, 1, 4)).astype(np.float32), 3, axis=0)
    nodes = [node("Concat", [token, "x"], "z", axis=1), node("Tanh", ["z"], "y")]
    graph = run_passes(import_model(save(model_of(nodes, {"x": [3, 5, 4]}), tmp_path)))
    x = RNG.normal(size=(3, 5, 4)).astype(np.float32)
    found = computed(graph, {"x": x})["y"]
    np.testing.assert_allclose(found, np.tanh(np.concatenate([token, x], 1)), atol=1e-6)


def test_a_constant_of_another_shape_is_a_fault(tmp_path):
    nodes = [node("Concat", [np.ones((1, 2, 3), np.float32), "x"], "z", axis=1)]
    with pytest.raises(InvalidInput, match=r"joins shapes \[1, 2, 3\] and \[1, 2, 4\]"):
        import_model(save(model_of(nodes, {"x": [1, 5, 4]}), tmp_path))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
def test_resizing_of_a_part(tmp_path, mode):
    region = np.array([0.1, 0.2, 0.9, 1.3], np.float32)
    read = ["x", region, "", np.array([6, 11])]
    resize = node(
        "Resize",
        read,
        "y",
        mode=mode,
        axes=[2, 3],
        coordinate_transformation_mode="tf_crop_and_resize",
    )
    assert near(tmp_path, resize)


def test_a_value_beyond_the_part_is_refused(tmp_path):
    read = ["x", np.array([0, 0, 0, 0, 1, 1, 2, 2], np.float32), "", np.array([1, 3, 6, 6])]
    options = {"coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 7.0}
    path = save(
        model_of([node("Resize", read, "y", mode="linear", **options)], {"x": [1, 3, 9, 8]}),
        tmp_path,
    )
    with pytest.raises(UnsupportedModel, match="extrapolation_value=7"):
        import_model(path)


@pytest.mark.parametrize(("shape", "matrices"), [((1, 2, 3, 4), (2, 4, 5)), ((1, 3, 4), (2, 4, 5))])
def test_products_with_several_matrices(tmp_path, shape, matrices):
    weights = RNG.normal(size=matrices).astype(np.float32)
    assert near(tmp_path, node("MatMul", ["x", weights], "y"), shape=shape)


@pytest.mark.parametrize("power", [1, 2, 3, 4])
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
