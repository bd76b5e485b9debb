"""What the user says about classes, activations and layers that a model does not tell."""

import numpy as np
import pytest

from fake_keras import FakeLayer, FakeModel, dense
from microlut import cli
from microlut.conversion.pipeline import convert
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.evaluate import evaluate
from microlut.importers import import_model
from stored_models import random_arrays, stored, write_h5

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def model(*layers):
    return FakeModel("m", (3,), layers)


def renamed(layer, kind, **options):
    return FakeLayer(kind, {**layer.config, **options}, layer.weights)


DENSE = dense("first", 3, 4)
EXPECTED = evaluate(import_model(model(DENSE)), X)


def test_class_is_one_of_keras():
    found = import_model(model(renamed(DENSE, "MyDense")), custom={"MyDense": "Dense"})
    np.testing.assert_array_equal(evaluate(found, X), EXPECTED)


def test_layer_is_an_expression():
    layers = (DENSE, FakeLayer("Scaler", {"name": "scaler", "by": 3}))
    for name in ("scaler", "Scaler"):
        found = import_model(model(*layers), custom={name: "relu6(x * 2 - 1) / 4"})
        expected = np.clip(EXPECTED * 2 - 1, 0, 6) / 4
        np.testing.assert_allclose(evaluate(found, X), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "stored_as",
    [
        "my_relu",
        {"class_name": "function", "config": "my_relu", "registered_name": "my_relu"},
        {"class_name": "function", "config": "my_relu", "registered_name": "mine>my_relu"},
    ],
)
def test_activation_is_another(stored_as):
    name = "mine>my_relu" if "mine" in str(stored_as) else "my_relu"
    layer = renamed(DENSE, "Dense", activation=stored_as)
    found = import_model(model(layer), custom={name: "relu"})
    np.testing.assert_array_equal(evaluate(found, X), EXPECTED)


def test_file_with_a_renamed_class_is_converted(tmp_path):
    arrays = random_arrays(1, kernel=(3, 4), bias=(4,))
    layer = stored("MyDense", "first", arrays, units=4)
    path = write_h5(tmp_path / "m.h5", (3,), [layer])
    settings = tmp_path / "microlut.toml"
    settings.write_text('[custom]\nMyDense = "Dense"\n')
    by_file = convert(path, X, bits=8, settings=settings)
    assert by_file.report.custom == {"MyDense": "Dense"}
    (node,) = by_file.graph.nodes
    np.testing.assert_array_equal(node.op.kernel, arrays["kernel"].T)


def test_command_line_says_it(tmp_path, monkeypatch, capsys):
    def exit_code(*given):
        arguments = ["microlut", "analyze", str(path), "--board", "host", *given]
        monkeypatch.setattr("sys.argv", arguments)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code

    layer = stored("MyDense", "first", random_arrays(1, kernel=(3, 4), bias=(4,)), units=4)
    path = write_h5(tmp_path / "m.h5", (3,), [layer])
    assert exit_code() != 0
    assert exit_code("--custom", "MyDense=Dense") == 0
    capsys.readouterr()
    assert exit_code("--custom", "MyDense") != 0
    assert "--custom MyDense: expected NAME=WHAT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("custom", "message"),
    [
        ({"Other": "Dense"}, "custom 'Other': no layer, class or activation has this name"),
        ({"Lambda": "import os"}, "is no expression"),
        ({"Lambda": "os.system(x)"}, "the class is not supported"),
        ({"Lambda": "NoLayer"}, "the class is not supported"),
        ({"Lambda": 3}, "custom has 'Lambda': 3; give names of classes"),
        ("Lambda", "custom is 'Lambda'; give a dict"),
    ],
)
def test_what_cannot_be_is_refused(custom, message):
    with pytest.raises((InvalidInput, UnsupportedModel), match=message):
        import_model(model(DENSE, FakeLayer("Lambda", {"name": "last"})), custom=custom)
