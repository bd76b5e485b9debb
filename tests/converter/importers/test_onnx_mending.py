"""ONNX files in which something is left out or aside: they are read as other runtimes read them."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.onnx import file
from onnx_models import computed, float_error, model_of, node, save

RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(5, 4)).astype(np.float32)
BIAS = RNG.normal(size=4).astype(np.float32)


def layers():
    return [
        node("MatMul", ["x", WEIGHTS], "a"),
        node("Add", ["a", BIAS], "b"),
        node("Relu", ["b"], "y"),
    ]


def read(path, x):
    return computed(run_passes(import_model(path)), {"x": x})["y"]


def test_nodes_out_of_order(tmp_path):
    model = model_of(layers(), {"x": [1, 5]})
    straight = save(model, tmp_path, "straight.onnx")
    nodes = [onnx.NodeProto.FromString(each.SerializeToString()) for each in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))
    x = RNG.normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_array_equal(read(save(model, tmp_path), x), read(straight, x))


def test_a_circle_of_nodes_is_refused(tmp_path):
    nodes = [node("Add", ["x", "b"], "a"), node("Relu", ["a"], "b")]
    model = model_of([node("Relu", ["x"], "y")], {"x": [1, 5]})
    model.graph.node.extend(each.entry for each in nodes)
    with pytest.raises(Exception, match="topologically sorted"):
        import_model(save(model, tmp_path))


def test_output_and_tensor_without_type(tmp_path):
    model = model_of(layers(), {"x": [1, 5]})
    for each in (*model.graph.value_info, *model.graph.output):
        each.ClearField("type")
    assert model.graph.value_info
    assert read(save(model, tmp_path), np.zeros((2, 5), np.float32)).shape == (2, 4)


def test_domain_without_version(tmp_path):
    scale, zero = np.float32(0.1), np.uint8(128)
    ends = node("QuantizeLinear", ["x", scale, zero], "q", domain="com.microsoft")
    total = node(
        "QLinearAdd",
        ["q", scale, zero, np.full(4, 138, np.uint8), scale, zero, scale, zero],
        "s",
        domain="com.microsoft",
    )
    back = node("DequantizeLinear", ["s", scale, zero], "y", domain="com.microsoft")
    model = model_of([ends, total, back], {"x": [1, 4]})
    del model.opset_import[:]
    x = np.array([[0.5, -0.5, 1.0, 2.0]], np.float32)
    np.testing.assert_allclose(read(save(model, tmp_path), x), x + 1.0, atol=1e-6)


OLD = {
    "vector": (BIAS[:3], {"axis": 1, "broadcast": 1}, BIAS[:3].reshape(3, 1, 1)),
    "matrix": (WEIGHTS[:3, :2], {"axis": 1, "broadcast": 1}, WEIGHTS[:3, :2].reshape(3, 2, 1)),
    "last": (BIAS[:2], {"broadcast": 1}, BIAS[:2]),
    "number": (np.float32(0.5), {"broadcast": 1}, np.float32(0.5)),
}


@pytest.mark.parametrize("case", OLD)
@pytest.mark.parametrize("opset", [1, 6])
def test_old_opsets_lay_operands_from_an_axis(tmp_path, case, opset):
    operand, options, wide = OLD[case]
    nodes = [node("Add", ["x", operand], "a", **options), node("Relu", ["a"], "y")]
    model = model_of(nodes, {"x": [1, 3, 2, 2]})
    model.opset_import[0].version = opset
    x = RNG.normal(size=(2, 3, 2, 2)).astype(np.float32)
    found = read(save(model, tmp_path), x)
    np.testing.assert_allclose(found, np.maximum(x + wide, 0), rtol=1e-6)


def test_old_slopes_are_those_of_channels(tmp_path):
    model = model_of([node("PRelu", ["x", BIAS[:3]], "y")], {"x": [1, 3, 2, 2]})
    model.opset_import[0].version = 6
    x = RNG.normal(size=(2, 3, 2, 2)).astype(np.float32)
    wanted = np.where(x > 0, x, x * BIAS[:3].reshape(3, 1, 1))
    np.testing.assert_allclose(read(save(model, tmp_path), x), wanted, rtol=1e-6)


def test_old_opset_that_cannot_be_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "raised", lambda onnx, model: model)
    model = model_of(layers(), {"x": [1, 5]})
    model.opset_import[0].version = 5
    path = save(model, tmp_path)
    with pytest.raises(UnsupportedModel, match="opset 5, which the package onnx cannot raise"):
        file.read(path)  # not in a process of its own, which has the usual function


def test_constant_networks_are_refused(tmp_path):
    model = model_of([node("Constant", [], "y", value_floats=[1.0, 2.0])], {})
    with pytest.raises(UnsupportedModel, match="no output depends on the inputs"):
        import_model(save(model, tmp_path))


def test_inputs_without_values_are_constants(tmp_path):
    sizes = np.array([1, 2, 6, 6])
    model = model_of(
        [node("Resize", ["x", "roi", "", sizes], "y", mode="linear")],
        {"x": [1, 2, 3, 3], "roi": [0]},
    )
    graph = import_model(save(model, tmp_path))
    assert [each.name for each in graph.inputs] == ["x"]


def test_resize_along_other_dimensions(tmp_path):
    nodes = [node("Resize", ["x", "", "", np.array([1, 3])], "y", mode="linear")]
    assert float_error(save(model_of(nodes, {"x": [1, 5]}), tmp_path)) < 1e-6


@pytest.mark.parametrize("name", [b"product", b"MatMul", b"first", b"some.domain", b"picture"])
def test_names_that_are_no_text_are_damage(tmp_path, name):
    entry = node("MatMul", ["picture", WEIGHTS], "first")
    entry.entry.name = "product"
    model = model_of([entry], {"picture": [1, 5]})
    model.opset_import.add(domain="some.domain", version=1)
    path = tmp_path / "net.onnx"
    content = model.SerializeToString()
    assert name in content
    path.write_bytes(content.replace(name, b"\xff" + name[1:]))
    with pytest.raises(InvalidInput, match="no ONNX model, or a damaged one"):
        import_model(path)


def test_an_unknown_type_of_numbers(tmp_path):
    model = model_of(layers(), {"x": [1, 5]})
    model.graph.input[0].type.tensor_type.elem_type = 72
    with pytest.raises((InvalidInput, UnsupportedModel), match="72"):
        import_model(save(model, tmp_path))
