"""Functions of two operands, tensors and constants, in models of both Kerases and all formats."""

import json

import numpy as np
import pytest

from microlut.errors import UnsupportedModel
from microlut.graph.batch import Batch
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model
from microlut.importers.keras.config import KerasModel, parse_config
from microlut.importers.keras.translate import to_graph

pytestmark = [pytest.mark.keras, pytest.mark.filterwarnings("ignore")]

SHAPE = (5, 4, 3)
RNG = np.random.default_rng(5)
PLANE, COLUMN = RNG.normal(size=SHAPE).astype("f"), RNG.normal(size=(5, 1, 1)).astype("f")
SQUARE = RNG.normal(size=(3, 1)).astype("f")  # as many numbers as channels
ROW = RNG.normal(size=3).astype("f")


def all_functions(ops, x, y, z):
    """Return the sum of functions of each order of operands; z is broadcast."""
    found = [
        *(x - y, y - x, x * z, z - x, ops.maximum(x, y), ops.minimum(z, x)),
        *(ops.maximum(x, 0.5), ops.maximum(-0.5, x), ops.minimum(x, ROW), ops.maximum(x, 0.0)),
        *(x + PLANE, x - COLUMN, ops.subtract(COLUMN, x), x * PLANE, x / (2 + abs(COLUMN))),
        *(x**2, ops.square(x - y), y**3, 1 - x, x / 4, x * ROW, ops.add(ROW, x)),
    ]
    total = found[0]
    for i, each in enumerate(found[1:], 2):
        total = ops.add(total, each * i)
    return total


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        *(("keras", ".keras"), ("keras", ".h5"), ("keras", None)),
        *(("tf_keras", ".keras"), ("tf_keras", ".h5"), ("tf_keras", ""), ("tf_keras", None)),
    ],
)
def test_functions_of_two_operands_equal_keras(name, suffix, request, tmp_path):
    k = request.getfixturevalue(name)
    ops = k.ops if name == "keras" else pytest.importorskip("tensorflow")
    x, y, z = k.Input(SHAPE, name="x"), k.Input(SHAPE, name="y"), k.Input((1, 1, 3), name="z")
    model = k.Model([x, y, z], all_functions(ops, x, y, z))
    given = model
    if suffix is not None:
        given = tmp_path / f"model{suffix}"
        model.save(given) if suffix else model.save(given, save_format="tf")
    graph = import_model(given)
    arrays = [RNG.normal(size=(6, *t.shape)).astype("f") for t in graph.inputs]
    wanted = np.asarray(model(arrays))
    found = evaluate(graph, Batch(dict(zip((t.name for t in graph.inputs), arrays, strict=True))))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def edited(keras, change):
    """Return the graph of x - y after a change of its configuration."""
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    config = json.loads(keras.Model([x, y], x - y).to_json())
    change(config["config"]["layers"][-1])
    return to_graph(KerasModel(parse_config(json.dumps(config), "m"), {}, "m"), "m")


def values(graph):
    return evaluate(graph, Batch({"x": np.full((1, 4), 5, "f"), "y": np.full((1, 4), 2, "f")}))


def test_operands_by_keyword_are_in_their_order(keras):
    def swapped(layer):
        node = layer["inbound_nodes"][0]
        left, right = node["args"]
        node["args"], node["kwargs"] = [], {"x2": left, "x1": right}

    assert values(edited(keras, lambda layer: None)).tolist() == [[3.0] * 4]
    assert values(edited(keras, swapped)).tolist() == [[-3.0] * 4]


def test_lists_of_tensors_and_constants_are_refused(keras, tf_keras):
    tf = pytest.importorskip("tensorflow")
    c = np.ones((1, 4), "f")
    x = tf_keras.Input((4,), batch_size=1)
    for read in ([x, c], [c, x]):
        with pytest.raises(UnsupportedModel, match="list of tensors and constants"):
            import_model(tf_keras.Model(x, tf.add_n(read)))
    x = keras.Input((4,), batch_size=1)
    with pytest.raises(UnsupportedModel, match="list of tensors and constants"):
        import_model(keras.Model(x, keras.ops.concatenate([x, c], axis=-1)))


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_constant_of_as_many_numbers_as_channels_is_not_one_per_channel(name, request):
    k = request.getfixturevalue(name)
    x = k.Input((3, 3))
    model = k.Model(x, x * SQUARE)
    given = RNG.normal(size=(2, 3, 3)).astype("f")
    np.testing.assert_allclose(evaluate(import_model(model), given), given * SQUARE, rtol=1e-5)


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_tensors_whose_batches_are_different_dimensions_are_refused(name, request):
    k = request.getfixturevalue(name)
    x, y = k.Input((3, 4), batch_size=1), k.Input((4,), batch_size=1)
    with pytest.raises(UnsupportedModel, match="whose batches are different dimensions"):
        import_model(k.Model([x, y], x + y))


NODES = {
    "AddV2": ({}, 7.0),
    "Sub": ({}, 3.0),
    "Mul": ({}, 10.0),
    "Maximum": ({"1": 9.0}, 9.0),
    "Minimum": ({"0": [1.0, 1.0, 1.0, 1.0]}, 1.0),
    "RealDiv": ({"1": 2.0}, 2.5),
    "SquaredDifference": ({}, 9.0),
    "Neg": ({"unary": None}, -5.0),
    "Pow": ({"1": 2.0}, 25.0),
    "Pow5": ({"1": 5.0}, 3125.0),
}


@pytest.mark.parametrize("operation", NODES)
def test_tensorflow_op_layers(operation, keras, tf_keras):
    constants, wanted = NODES[operation]

    def as_node(layer):
        layer["class_name"] = layer["registered_name"] = "TensorFlowOpLayer"
        layer["config"] = {
            "name": "op",
            "trainable": True,
            "dtype": "float32",
            "node_def": {
                "name": "op",
                "op": operation.rstrip("5"),
                "input": ["a", "b"],
                "attr": {},
            },
            "constants": {} if "unary" in constants else constants,
        }
        read = [["x", 0, 0, {}], ["y", 0, 0, {}]]
        layer["inbound_nodes"] = [read[:1] if constants else read]

    graph = edited(tf_keras, as_node)
    given = {t.name: np.full((1, 4), {"x": 5, "y": 2}[t.name], "f") for t in graph.inputs}
    assert evaluate(graph, Batch(given)).tolist() == [[wanted] * 4]


def test_unknown_tensorflow_op_layer_is_named(tf_keras):
    def as_node(layer):
        layer["class_name"] = layer["registered_name"] = "TensorFlowOpLayer"
        layer["config"] = {"name": "op", "node_def": {"op": "Erfc"}}

    with pytest.raises(UnsupportedModel, match="tf operation Erfc"):
        edited(tf_keras, as_node)
