"""Bits of activations by tensor: the settings, the option, what is refused, and what they gain."""

import functools
from pathlib import Path

import numpy as np
import pytest

import microlut
import random_graphs as rg
from digits_example import CALIBRATION, MODEL
from graphs import make_node, net
from microlut import cli
from microlut.conversion.conversion import Conversion
from microlut.conversion.settings import Overrides, Settings, load_settings
from microlut.conversion.tensor_types import TensorTypes, kept_text, tensor_types
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.ir import Graph
from microlut.graph.network import State
from microlut.integer import evaluate as integers
from microlut.integer import to_bytes
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.relabel import Relabel
from microlut.ops.relu import Relu
from microlut.ops.tensor import Tensor
from microlut.ops.unit_normalization import UnitNormalization
from microlut.plan import Goal, make_plan
from microlut.quantize.types import linked, with_conversions
from microlut.show.conversion import conversion_text
from microlut.verification.runtimes import run_tflite_micro

RELU = Relu(ActivationKind.RELU)
ALL = {"x": "int16", "first": "int16", "second": "int16", "last": "int16"}


def chain(*ops: object) -> Graph:
    names = ("first", "second", "last")
    nodes = [
        make_node(name, op, (before,), (4,))
        for name, before, op in zip(names, ("x", *names), ops, strict=False)
    ]
    return net("g", "x", (4,), tuple(nodes), nodes[-1].output)


def settings(folder: Path, text: str) -> Settings:
    path = folder / "microlut.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


@pytest.mark.parametrize(
    ("text", "option", "wide"),
    [
        ("", None, ""),
        ("", 16, "x first second last"),
        ("activations = 16", None, "x first second last"),
        ("activations = 16", 8, ""),
        ('[tensors]\n"*st" = 16', None, "first last"),
        ('[tensors]\n"*st" = 16\nlast = 8', None, "first"),
        ('[tensors]\nlast = 8\n"*st" = 16', None, "first"),
        ('[tensors]\n"f*" = 16\n"*st" = 8', None, ""),
        ("activations = 16\n[tensors]\nlast = 8", None, "x first second"),
        ("[tensors]\nlast = 8", 16, "x first second"),
    ],
)
def test_the_most_specific_rule_decides(tmp_path: Path, text: str, option: int, wide: str):
    found = tensor_types(
        chain(RELU, RELU, RELU), settings(tmp_path, text), Overrides(activations=option)
    )
    assert found == TensorTypes(dict.fromkeys(wide.split(), "int16"))


class Narrow(UnitNormalization):
    """An operator that has no form for int16."""

    wide = ""


NORMALIZED = chain(RELU, Narrow(), RELU)


def test_an_operator_without_a_form_keeps_8_bits_in_a_wide_network(tmp_path: Path):
    found = tensor_types(NORMALIZED, settings(tmp_path, ""), Overrides(activations=16))
    assert found == TensorTypes(dict.fromkeys(("x", "first", "last"), "int16"), ("second",))
    graph, _ = with_conversions(NORMALIZED, found.types)
    assert [node.name for node in graph.nodes] == [
        *("first", "first/int8", "second", "second/int16", "last")
    ]
    assert kept_text(found.kept_int8).endswith("no form for 16: second")


@pytest.mark.parametrize("rule", ["second", '"s*"', '"*"'])
def test_an_operator_without_a_form_that_a_rule_names_is_refused(tmp_path: Path, rule: str):
    given = settings(tmp_path, f"activations = 16\n[tensors]\n{rule} = 16")
    found = tensor_types(NORMALIZED, given, Overrides())
    assert found.kept_int8 == ()
    with pytest.raises(UnsupportedModel, match="layer 'second': Narrow has no form"):
        with_conversions(NORMALIZED, found.types)


def test_a_rule_of_8_bits_is_no_lack(tmp_path: Path):
    given = settings(tmp_path, "activations = 16\n[tensors]\nsecond = 8")
    assert tensor_types(NORMALIZED, given, Overrides()).kept_int8 == ()


def test_a_state_has_the_8_bits_of_its_source(tmp_path: Path):
    state = State(Tensor("kept", (4,)), "second")
    held = Graph("g", NORMALIZED.inputs, NORMALIZED.nodes, NORMALIZED.outputs, (state,))
    found = tensor_types(held, settings(tmp_path, ""), Overrides(activations=16))
    assert found.types == dict.fromkeys(("x", "first", "last"), "int16")


@pytest.mark.keras
def test_layer_without_a_form_is_named_in_what_convert_prints(keras, monkeypatch):
    monkeypatch.setattr(UnitNormalization, "wide", "")
    layers = keras.layers
    model = keras.Sequential([keras.Input((3,)), layers.UnitNormalization(name="unit")])
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    made = microlut.convert(model, x, activations=16, distill=False)
    assert made.report.kept_int8 == ("unit",)
    assert "no form for 16: unit" in conversion_text(made.report)


@pytest.mark.keras
def test_recurrent_layer_has_16_bits_in_a_wide_network(keras):
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6, 3)), layers.Conv1D(5, 2), layers.LSTM(4, name="memory"), layers.Dense(3)]
    )
    x = np.random.default_rng(0).normal(size=(40, 6, 3)).astype(np.float32)
    made = microlut.convert(model, x, activations=16, distill=False)
    assert made.report.kept_int8 == ()
    assert {t.dtype for t in made.quantized.tensors().values()} == {"int16"}
    given = rg.int8_batch(made.quantized, 1, 8)
    wanted = to_bytes(integers.outputs(made.quantized, given))
    np.testing.assert_array_equal(run_tflite_micro(made.tflite, given), wanted)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("activations = 12", "activations: "),
        ("[tensors]\nfirst = 4", "tensors.first: "),
        ('[tensors]\nfirst = "16"', "tensors.first: "),
    ],
)
def test_other_bits_are_refused(tmp_path: Path, text: str, where: str):
    with pytest.raises(InvalidInput, match=f"microlut.toml: {where}.*8 or 16"):
        settings(tmp_path, text)


def test_other_bits_are_refused_as_an_option():
    with pytest.raises(InvalidInput, match=r"activations is 12; give .* 8 or 16"):
        Overrides(activations=12)


def test_rule_that_matches_no_tensor_is_refused(tmp_path: Path):
    given = settings(tmp_path, "[tensors]\nfrist = 16")
    with pytest.raises(InvalidInput, match=r"tensors\.frist: matches no tensor .* first"):
        tensor_types(chain(RELU, RELU, RELU), given, Overrides())


def test_every_operator_without_a_form_is_named():
    with pytest.raises(UnsupportedModel) as caught:
        with_conversions(chain(Narrow(), RELU, Narrow()), ALL)
    assert [each.layer for each in caught.value.obstacles] == ["first", "last"]
    text = str(caught.value)
    assert "layer 'first': Narrow has no form for activations of 16 bits" in text
    assert '"last" = 8 under [tensors]' in text
    assert "\n" not in text


def test_conversions_stand_where_types_meet_and_are_shared():
    nodes = (
        make_node("first", RELU, ("x",), (4,)),
        make_node("second", RELU, ("x",), (4,)),
        make_node("last", Add(), ("first", "second"), (4,)),
    )
    graph, types = with_conversions(
        net("g", "x", (4,), nodes, "last"), {"first": "int16", "second": "int16"}
    )
    assert [(node.name, node.inputs) for node in graph.nodes] == [
        ("x/int16", ("x",)),
        ("first", ("x/int16",)),
        ("second", ("x/int16",)),
        ("first/int8", ("first",)),
        ("second/int8", ("second",)),
        ("last", ("first/int8", "second/int8")),
    ]
    assert types == dict.fromkeys(("x/int16", "first", "second"), "int16")


def test_tensors_that_share_bytes_have_one_type():
    units = Relabel(np.full(4, 0.5, np.float32), np.zeros(4, np.float32))
    graph = chain(units, RELU)
    assert linked(graph, {"first": "int16"}) == {"x": "int16", "first": "int16"}
    state = State(Tensor("kept", (4,)), "second")
    held = Graph(graph.name, graph.inputs, graph.nodes, graph.outputs, (state,))
    assert linked(held, {"kept": "int16"}) == {"kept": "int16", "second": "int16"}


@functools.cache
def digits(activations: int | None) -> Conversion:
    return microlut.convert(MODEL, CALIBRATION, bits=8, activations=activations, distill=False)


def test_digits_are_nearer_to_the_float_network_with_int16():
    narrow, wide = digits(8), digits(16)
    assert {t.dtype for t in wide.quantized.tensors().values()} == {"int16"}
    last = wide.report.layers[-2].name
    snr = [
        next(layer.snr_db for layer in made.report.layers if layer.name == last)
        for made in (narrow, wide)
    ]
    assert snr[1] > snr[0] + 5.0
    least = [make_plan(made.quantized, Goal("ram")).arena_bytes for made in (narrow, wide)]
    assert least[0] < least[1]


def test_eight_bits_are_the_default():
    assert digits(8).sources == digits(None).sources
    assert digits(8).tflite == digits(None).tflite


def test_option_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    command = ["convert", MODEL, "--calibration", CALIBRATION, "--activations", "16"]
    words = [*command, "--no-distill", "-o", tmp_path / "out"]
    monkeypatch.setattr("sys.argv", ["microlut", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    project = microlut.read(tmp_path / "out")
    assert {tensor.dtype for tensor in project.graph.tensors().values()} == {"int16"}
    assert "int16_t" in (tmp_path / "out" / "model.h").read_text()
