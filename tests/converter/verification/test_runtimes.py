"""TensorFlow Lite's runtimes: their outputs, and their errors for invalid files."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import microlut
from digits_example import conversion, samples
from microlut.codegen.tflite import to_tflite
from microlut.errors import RunFailed, ToolMissing, UnsupportedModel
from microlut.graph.batch import Batch, only
from microlut.integer import evaluate as int_ops
from microlut.integer import quantized_inputs, to_bytes
from microlut.support.progress import silent
from microlut.verification import runtimes
from microlut.verification.original import compare_original
from microlut.verification.runtimes import (
    desktop_name,
    desktop_tensors,
    run_desktop,
    run_tflite_micro,
)


@pytest.fixture(scope="module")
def inputs():
    return quantized_inputs(conversion().quantized, samples(5).inputs)


@pytest.mark.parametrize("run", [run_tflite_micro, run_desktop])
def test_runtime_gives_one_output_for_each_input(run, inputs):
    outputs = run(conversion().tflite, inputs)
    assert outputs.shape == (5, 10)
    assert outputs.dtype == np.int8
    np.testing.assert_array_equal(outputs.argmax(axis=1), samples(5).y)


def test_desktop_tensors_have_the_names_of_the_layers(inputs):
    names = {node.name for node in conversion().quantized.nodes}
    for tensors in desktop_tensors(conversion().tflite, inputs):
        assert names <= set(tensors)


@pytest.mark.parametrize("run", [run_tflite_micro, run_desktop])
def test_output_is_given_as_often_as_the_model_has_it(run, inputs):
    graph = conversion().quantized
    last, inner = graph.outputs[0], graph.nodes[0].output
    several = replace(graph, outputs=(last, inner, last), output_names=("a", "b", "c"))
    outputs = run(to_tflite(several), inputs)
    wanted = int_ops.outputs(several, inputs)
    assert outputs.shape[1] == 20 + wanted.arrays["b"][0].size
    np.testing.assert_array_equal(outputs, to_bytes(wanted))


def test_desktop_tensors_are_those_of_the_layers_whatever_their_names(inputs):
    graph = conversion().quantized
    x = graph.inputs[0].name
    first = next(node for node, _ in graph.weighted())
    assert first.inputs == (x,)
    name = f"{first.name}/bias"
    nodes = tuple(
        replace(n, inputs=tuple(name if i == x else i for i in n.inputs)) for n in graph.nodes
    )
    renamed = replace(graph, inputs=(replace(graph.inputs[0], name=name),), nodes=nodes)
    given = Batch({name: only(inputs)})
    for x, tensors in zip(given, desktop_tensors(to_tflite(renamed), given), strict=True):
        np.testing.assert_array_equal(tensors[name], only(x)[0])


@pytest.mark.parametrize("run", [run_tflite_micro, run_desktop])
@pytest.mark.parametrize("content", [b"", b"junk" * 99], ids=["empty", "junk"])
def test_runtime_refuses_what_is_no_model(run, content, inputs):
    with pytest.raises(RunFailed, match="refuses the exported model"):
        run(content, inputs)


def test_missing_tflite_micro_says_what_to_install(monkeypatch, inputs):
    monkeypatch.setitem(sys.modules, "tflite_micro", None)
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro.runtime", None)
    with pytest.raises(ToolMissing, match="pip install --pre tflite-micro"):
        run_tflite_micro(conversion().tflite, inputs)


def _no_package(name: str) -> str:
    raise runtimes.importlib.metadata.PackageNotFoundError(name)


def test_missing_desktop_runtime_says_what_to_install(monkeypatch):
    monkeypatch.setattr(runtimes.importlib.metadata, "version", _no_package)
    with pytest.raises(ToolMissing, match="pip install ai-edge-litert"):
        desktop_name()


def _only_old(name: str) -> str:
    return "2.14.0" if name == "tflite-runtime" else _no_package(name)


@pytest.mark.parametrize(("numpy", "found"), [("1.26.4", True), ("2.4.0", False)])
def test_old_runtime_is_used_beside_numpy_1_only(numpy, found, monkeypatch):
    monkeypatch.setattr(runtimes.importlib.metadata, "version", _only_old)
    monkeypatch.setattr(runtimes.np, "__version__", numpy)
    if found:
        assert desktop_name() == "tflite-runtime"
    else:
        with pytest.raises(ToolMissing):
            desktop_name()


def test_runtimes_print_nothing(tmp_path, inputs):
    (tmp_path / "m.tflite").write_bytes(conversion().tflite)
    np.save(tmp_path / "x.npy", only(inputs))
    program = (
        "import sys, numpy as np; from pathlib import Path;"
        "from microlut.verification.runtimes import *;"
        "from microlut.graph.batch import Batch;"
        "m, x = Path(sys.argv[1]).read_bytes(), Batch({'x': np.load(sys.argv[2])});"
        "run_tflite_micro(m, x); run_desktop(m, x)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "m.tflite", tmp_path / "x.npy"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def without_package(monkeypatch):
    """Be a computer that tflite-micro has no package for."""
    monkeypatch.setattr(runtimes.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)


def test_verify_goes_without_tflite_micro_where_there_is_none(without_package, tmp_path):
    microlut.write(conversion(), tmp_path / "out")
    outcome = microlut.verify(tmp_path / "out", samples(3).x, boards=[])
    assert [form.form for form in outcome.forms] == ["interpreter", desktop_name()]
    assert outcome.bit_exact
    assert ("tflite-micro", "there is a package for Linux on x86-64 only") in outcome.skipped


def test_original_file_is_not_compared_where_there_is_no_tflite_micro(without_package, inputs):
    graph = conversion().quantized
    expected = to_bytes(int_ops.outputs(graph, inputs))
    with pytest.raises(UnsupportedModel, match=r"^there is a package for Linux on x86-64 only$"):
        compare_original(graph, conversion().tflite, inputs, expected, silent)
