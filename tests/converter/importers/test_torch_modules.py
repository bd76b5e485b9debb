"""Modules of PyTorch in memory, with a stand-in for PyTorch, which tests do without."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import microlut
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.show.conversion import conversion_text
from onnx_models import model_of, node, save

WEIGHTS = np.random.default_rng(0).normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)
EXAMPLE = np.zeros((1, 3, 8, 6), np.float32)


class Module:
    """What a torch.nn.Module is to microlut."""

    def __init__(self):
        self.training = True
        self.modes = []

    def eval(self):
        self.train(False)

    def train(self, mode):
        self.training = mode
        self.modes.append(mode)


def export(module, args, path, verbose, **options):
    assert verbose is False
    assert not module.training
    if getattr(module, "broken", False):
        raise RuntimeError("aten::magic is\nnot known" if not options else "the second reason")
    if getattr(module, "old", False) and options != {"dynamo": False}:
        raise ModuleNotFoundError("No module named 'onnxscript'")
    assert all(isinstance(each, np.ndarray) for each in args)
    nodes = [node("Conv", ["x", WEIGHTS], "y")]
    save(model_of(nodes, {"x": list(args[0].shape)}), *_place(path))


def _place(path):
    from pathlib import Path

    return Path(path).parent, Path(path).name


@pytest.fixture(autouse=True)
def _torch(monkeypatch):
    torch = SimpleNamespace(
        nn=SimpleNamespace(Module=Module),
        onnx=SimpleNamespace(export=export),
        Tensor=type("Tensor", (), {}),
        as_tensor=np.asarray,
    )
    monkeypatch.setitem(sys.modules, "torch", torch)


def test_a_module_is_exported_as_at_inference_and_left_as_it_was():
    module = Module()
    calibration = np.random.default_rng(1).normal(size=(20, 3, 8, 6)).astype(np.float32)
    made = microlut.convert(module, calibration, example_input=EXAMPLE, distill=False)
    assert made.graph.name == "Module"
    assert made.quantized.inputs[0].shape == (8, 6, 3)
    assert module.modes == [False, True]
    text = conversion_text(made.report)
    assert "firmware has [8, 6, 3], the model [3, 8, 6]; files of inputs may have either" in text
    assert "output y: firmware has [6, 4, 4], the model [4, 6, 4]" in text


def test_analyze_takes_a_module():
    assert microlut.analyze(Module(), "host", example_input=(EXAMPLE,)).convertible


def test_a_module_needs_an_example():
    with pytest.raises(InvalidInput, match=r"PyTorch module Module; give example_input: a tensor"):
        microlut.convert(Module())


@pytest.mark.parametrize("example", [3, "x", np.zeros(3), object()])
def test_an_example_is_a_batch(example):
    with pytest.raises(InvalidInput, match=r"example_input is .*; give example_input: a tensor"):
        microlut.analyze(Module(), example_input=example)


def test_what_pytorch_cannot_export_is_said_in_one_line():
    module = Module()
    module.broken = True
    with pytest.raises(UnsupportedModel, match=r"cannot export it \(aten::magic is not known\)"):
        microlut.convert(module, example_input=EXAMPLE)
    assert module.training


def test_the_older_exporter_is_tried_where_the_newer_one_lacks_a_package():
    module = Module()
    module.old = True
    assert microlut.analyze(module, "host", example_input=EXAMPLE).convertible


def test_other_models_have_no_example():
    with pytest.raises(InvalidInput, match=r"example_input is for a torch\.nn\.Module"):
        microlut.analyze("net.keras", example_input=EXAMPLE)
