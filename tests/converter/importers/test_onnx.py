"""ONNX models as float networks, against ONNX's own reference evaluator."""

from pathlib import Path

import numpy as np
import pytest

from microlut.errors import InvalidInput, ToolMissing, UnsupportedModel
from microlut.graph.passes import run_passes
from microlut.importers import examine_model, import_model
from microlut.importers.samples import as_samples
from microlut.ops.transpose import Transpose
from onnx_models import evaluated, float_error, model_of, node, save

RNG = np.random.default_rng(0)


def conv(inputs, outputs, size=3, name="conv", source="x", **options):
    weights = RNG.normal(0, 0.3, (outputs, inputs, size, size)).astype(np.float32)
    return node("Conv", [source, weights], name, pads=[size // 2] * 4, **options)


def test_channels_are_last_without_a_transpose(tmp_path):
    nodes = [conv(3, 8), node("Relu", ["conv"], "relu"), conv(8, 4, name="y", source="relu")]
    path = save(model_of(nodes, {"x": ["N", 3, 6, 5]}), tmp_path)
    graph = run_passes(import_model(path))
    assert graph.inputs[0].shape == (6, 5, 3)
    assert graph.output_tensors()["y"].shape == (6, 5, 4)
    assert graph.output_orders == ((2, 0, 1),)
    assert not any(isinstance(each.op, Transpose) for each in graph.nodes)
    assert float_error(path) < 1e-5


def test_inputs_are_taken_in_either_order(tmp_path):
    path = save(model_of([conv(3, 4, name="y")], {"x": [1, 3, 6, 5]}), tmp_path)
    inputs = import_model(path).inputs
    x = RNG.normal(size=(7, 3, 6, 5)).astype(np.float32)
    moved = as_samples(np.moveaxis(x, 1, -1), inputs).x
    np.testing.assert_array_equal(as_samples(x, inputs).x, moved)
    with pytest.raises(InvalidInput, match=r"\[samples, 6, 5, 3\] or, in the model's own order"):
        as_samples(x[:, :, :4], inputs)


def test_an_input_of_equal_sizes_keeps_its_order(tmp_path):
    path = save(model_of([conv(4, 4, name="y")], {"x": [1, 4, 4, 4]}), tmp_path)
    assert import_model(path).inputs[0].order is None
    assert float_error(path) < 1e-5


def test_a_dense_network_keeps_the_order_of_its_input(tmp_path):
    weights = RNG.normal(size=(4, 60)).astype(np.float32)
    nodes = [node("Flatten", ["x"], "flat"), node("Gemm", ["flat", weights], "y", transB=1)]
    path = save(model_of(nodes, {"x": [1, 3, 4, 5]}), tmp_path)
    assert import_model(path).inputs[0].shape == (3, 4, 5)
    assert float_error(path) < 1e-5


def test_shapes_that_are_computed_are_folded(tmp_path):
    nodes = [
        node("Shape", ["x"], "shape"),
        node("Gather", ["shape", np.array(0)], "batch"),
        node("Unsqueeze", ["batch", np.array([0])], "first"),
        node("Concat", ["first", np.array([-1])], "target", axis=0),
        node("Reshape", ["x", "target"], "flat"),
        node("MatMul", ["flat", RNG.normal(size=(24, 3)).astype(np.float32)], "y"),
    ]
    path = save(model_of(nodes, {"x": ["batch", 2, 3, 4]}), tmp_path)
    assert float_error(path) < 1e-5


def test_all_obstacles_are_said_at_once(tmp_path):
    nodes = [
        node("NonZero", ["x"], "where"),
        node("Det", ["x"], "det"),
        node("MaxPool", ["x"], ["y", "at"], kernel_shape=[2, 2]),
    ]
    found = examine_model(save(model_of(nodes, {"x": [1, 2, 8, 8]}, ["y", "det", "at"]), tmp_path))
    assert [each.layer for each in found.collected.obstacles] == ["where", "det", "y"]
    with pytest.raises(UnsupportedModel, match=r"3 obstacles.*operator 'where' \(NonZero\)"):
        found.checked()


def test_unknown_sizes_are_said(tmp_path):
    path = save(model_of([conv(3, 4, name="y")], {"x": [1, 3, "height", 8]}), tmp_path)
    with pytest.raises(UnsupportedModel, match=r"input 'x': shape \[1, 3, \?, 8\] has unknown"):
        import_model(path)


@pytest.mark.parametrize("content", [b"", b"\x08\x07\x12\x04abcd", b"rubbish", b"\x08\x0a" * 99])
def test_damaged_files_get_one_line(tmp_path, content):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        import_model(path)
    assert "\n" not in str(caught.value)


def test_missing_arrays_are_named(tmp_path):
    path = save(model_of([conv(3, 4, name="y")], {"x": [1, 3, 6, 5]}), tmp_path, outside="w.data")
    assert float_error(path) < 1e-5
    (tmp_path / "w.data").unlink()
    with pytest.raises(InvalidInput, match=r"'w\.data', which cannot be read.*put it beside"):
        import_model(path)


def test_without_the_package_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = save(model_of([conv(3, 4, name="y")], {"x": [1, 3, 6, 5]}), tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ToolMissing, match=r"pip install 'microlut\[onnx\]'"):
        import_model(path)


def test_custom_classes_are_those_of_keras(tmp_path):
    path = save(model_of([conv(3, 4, name="y")], {"x": [1, 3, 6, 5]}), tmp_path)
    with pytest.raises(InvalidInput, match="this is an ONNX model; leave it out"):
        import_model(path, custom={"MyConv": "Conv2D"})


def test_an_output_that_no_input_determines_is_left_out(tmp_path):
    nodes = [
        conv(3, 4, name="y"),
        node("Add", [np.ones(3, np.float32), np.ones(3, np.float32)], "c"),
    ]
    path = save(model_of(nodes, {"x": [1, 3, 6, 5]}, ["y", "c"]), tmp_path)
    graph = import_model(path)
    assert list(graph.ends) == ["y"]
    assert "output 'c'" in graph.notes[0]


def test_evaluated_runs_a_batch(tmp_path):
    path = save(model_of([conv(3, 4, name="y")], {"x": ["N", 3, 6, 5]}), tmp_path)
    assert evaluated(path, {"x": np.zeros((5, 3, 6, 5), np.float32)})["y"].shape == (5, 4, 6, 5)


def test_the_page_of_operators_is_up_to_date(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "scripts")
    from list_onnx_operators import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run scripts/list_onnx_operators.py"
