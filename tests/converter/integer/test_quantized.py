"""The saved quantized graph: what is written is read, and no damaged file gets further."""

import base64
import json
import zlib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import random_graphs as rg
from microlut.errors import InvalidInput
from microlut.integer import load, save
from microlut.ops.tensor import Quantization, dequantize_array, quantize_array
from microlut.plan import make_plan

Json = dict[str, Any]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a network in which every operator occurs."""
    path = tmp_path_factory.mktemp("saved") / "q.json"
    save(rg.every_operator_case(4).quantized(), path)
    return path.read_bytes()


def assert_same(a: object, b: object) -> None:
    """Compare values of dataclasses, arrays and tuples, types included."""
    assert type(a) is type(b)
    if is_dataclass(a):
        for f in fields(a):
            assert_same(getattr(a, f.name), getattr(b, f.name))
    elif isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    elif isinstance(a, tuple):
        assert isinstance(b, tuple)
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert a == b


def test_loaded_graph_equals_the_saved_one(tmp_path: Path):
    cases = [*(c for k in rg.OPERATORS for c in rg.operator_cases(k, 4)), *rg.network_cases(10)]
    for case in [*cases, *(rg.every_operator_case(bits) for bits in (2, 8))]:
        graph = case.quantized()
        save(graph, tmp_path / "q.json")
        assert_same(load(tmp_path / "q.json"), graph)


def test_a_file_that_does_not_speak_of_overlaps_has_none(tmp_path: Path):
    graph = rg.every_operator_case(5).quantized()
    save(graph, tmp_path / "q.json")
    found = json.loads((tmp_path / "q.json").read_bytes())
    for op in (node["op"] for node in found["nodes"] if "weights" in node["op"]):
        assert op["weights"].pop("overlap") == 0
    (tmp_path / "q.json").write_text(json.dumps(found))
    assert_same(load(tmp_path / "q.json"), graph)


def test_loaded_arrays_are_read_only(saved: bytes, tmp_path: Path):
    graph = read(saved, tmp_path)
    for _, op in graph.weighted():
        for array in (op.weights.indices, op.weights.scales, op.output.bias, op.output.shift):
            assert not array.flags.writeable


def test_saved_bytes_are_deterministic(saved: bytes, tmp_path: Path):
    save(read(saved, tmp_path), tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == saved


def read(content: bytes, folder: Path) -> Any:
    path = folder / "q.json"
    path.write_bytes(content)
    return load(path)


def refuse(content: bytes, folder: Path, reason: str = "is not a quantized model") -> None:
    with pytest.raises(InvalidInput, match=reason) as error:
        read(content, folder)
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 600 + len(str(folder))
    assert message.startswith(str(folder))


def test_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path / "nothing.json")


def test_folder_in_place_of_the_file_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path)


def test_file_cut_anywhere_is_refused(saved: bytes, tmp_path: Path):
    for end in [*range(0, len(saved) - 2, max(1, len(saved) // 150)), len(saved) - 3]:
        refuse(saved[:end], tmp_path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_byte_is_refused_or_gives_a_graph_that_can_be_planned(
    saved: bytes, tmp_path: Path, data: st.DataObject
):
    position = data.draw(st.integers(0, len(saved) - 1))
    content = bytearray(saved)
    content[position] = data.draw(st.integers(0, 255))
    try:
        graph = read(bytes(content), tmp_path)
    except InvalidInput:
        return
    make_plan(graph)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b"nodes", b"[" * 100_000, b'{"a":' * 9999]
)
def test_other_content_is_refused(content: bytes, tmp_path: Path):
    refuse(content, tmp_path)


def first_input(graph: Json) -> Json:
    found: Json = graph["inputs"][0]
    return found


def first_output(kind: str) -> Callable[[Json], Json]:
    """Return what finds the first output of the first node of a kind."""
    return lambda graph: of_kind(graph, kind)["outputs"][0]


def first_weights(graph: Json) -> Json:
    weights: Json = next(n for n in graph["nodes"] if "weights" in n["op"])["op"]["weights"]
    return weights


def array(values: np.ndarray) -> Json:
    data = base64.b64encode(zlib.compress(values.tobytes())).decode()
    return {"dtype": values.dtype.name, "shape": list(values.shape), "zlib": data}


def of_kind(graph: Json, kind: str) -> Json:
    node: Json = next(n for n in graph["nodes"] if n["op"]["kind"] == kind)
    return node


def set_item(container: Callable[[Json], Any], key: str | int, value: object) -> Callable:
    def change(graph: Json) -> None:
        container(graph)[key] = value

    return change


def root(graph: Json) -> Json:
    return graph


def indices(graph: Json) -> Json:
    found: Json = first_weights(graph)["indices"]
    return found


def stage(graph: Json) -> Json:
    found: Json = of_kind(graph, "conv2d")["op"]["output"]
    return found


def node(kind: str) -> Callable[[Json], Json]:
    return lambda graph: of_kind(graph, kind)


def op(kind: str) -> Callable[[Json], Json]:
    return lambda graph: of_kind(graph, kind)["op"]


DAMAGES: dict[str, Callable[[Json], None]] = {
    "extra key": set_item(root, "extra", 1),
    "extra key of a node": set_item(node("conv2d"), "extra", 1),
    "extra key of an operator": set_item(op("relu"), "extra", 1),
    "extra key of weights": set_item(first_weights, "extra", 1),
    "extra key of an array": set_item(indices, "extra", 1),
    "missing key": lambda graph: graph.pop("nodes"),
    "nodes are an object": set_item(root, "nodes", {}),
    "node is a list": lambda graph: graph["nodes"].__setitem__(0, []),
    "array is a list": set_item(first_weights, "indices", [1, 2]),
    "array is null": set_item(first_weights, "indices", None),
    "array without data": lambda graph: indices(graph).pop("zlib"),
    "wrong dtype": set_item(indices, "dtype", "int8"),
    "unknown dtype": set_item(indices, "dtype", "object"),
    "dtype is a list": set_item(indices, "dtype", ["uint8"]),
    "data is a number": set_item(indices, "zlib", 5),
    "data is no base64": set_item(indices, "zlib", "!!!!"),
    "data is not ASCII": set_item(indices, "zlib", "ä"),
    "data is not compressed": set_item(indices, "zlib", base64.b64encode(b"garbage!").decode()),
    "data has other size": set_item(indices, "shape", [1, 1]),
    "data is a bomb": set_item(
        indices, "zlib", base64.b64encode(zlib.compress(bytes(10**8))).decode()
    ),
    "shape is a number": set_item(indices, "shape", 4),
    "shape is negative": set_item(indices, "shape", [-1, 4]),
    "shape is huge": set_item(indices, "shape", [2**40, 2**40]),
    "shape has fractions": set_item(indices, "shape", [1.5, 2]),
    "indices beyond the codebook": lambda graph: first_weights(graph).__setitem__(
        "indices", array(np.full(indices(graph)["shape"], 64, np.uint8))
    ),
    "row that does not start with zeros": lambda graph: first_weights(graph).__setitem__(
        "indices", array(np.full(indices(graph)["shape"], 63, np.uint8))
    ),
    "indices that do not overlap": lambda graph: first_weights(graph).__setitem__(
        "indices", array(np.full(indices(graph)["shape"], 16, np.uint8))
    ),
    "no overlap": set_item(first_weights, "overlap", 0),
    "overlap that the engine lacks": set_item(first_weights, "overlap", 1),
    "overlap of a depthwise layer": lambda graph: of_kind(graph, "depthwise_conv2d")["op"][
        "weights"
    ].update(overlap=2, codebook=array(np.zeros(64, np.int8))),
    "no codebook": set_item(first_weights, "codebook", None),
    "short codebook": set_item(first_weights, "codebook", array(np.zeros(63, np.int8))),
    "falling codebook": lambda graph: of_kind(graph, "depthwise_conv2d")["op"][
        "weights"
    ].__setitem__("codebook", array(np.arange(16, 0, -1, dtype=np.int8))),
    "other bits": set_item(first_weights, "bits", 5),
    "no bits": set_item(first_weights, "bits", 0),
    "weights of another shape": set_item(first_weights, "shape", [7, 3, 3, 4]),
    "one scale too few": set_item(first_weights, "scales", array(np.ones(6, np.float32))),
    "scale of zero": set_item(first_weights, "scales", array(np.zeros(7, np.float32))),
    "scale of NaN": set_item(first_weights, "scales", array(np.full(7, np.nan, np.float32))),
    "scale of 13 bits": set_item(first_weights, "scales", array(np.full(7, 1 + 2**-12, "f4"))),
    "scales beyond 32 octaves": set_item(
        first_weights, "scales", array(np.array([1, 1, 1, 1, 1, 1, 2**-32], np.float32))
    ),
    "scales of other multipliers": set_item(first_weights, "scales", array(np.ones(7, "f4"))),
    "bias of another length": set_item(stage, "bias", array(np.zeros(3, np.int32))),
    "bias in floats": set_item(stage, "bias", array(np.zeros(7, np.float32))),
    "negative multiplier": set_item(stage, "multiplier", array(np.full(7, -1, np.int32))),
    "large shift": set_item(stage, "shift", array(np.full(7, 99, np.int8))),
    "limit beyond int8": set_item(stage, "maximum", 128),
    "input that is not there": set_item(node("conv2d"), "inputs", ["nothing"]),
    "two inputs": lambda graph: of_kind(graph, "conv2d")["inputs"].append(
        first_input(graph)["name"]
    ),
    "no inputs": set_item(node("relu"), "inputs", []),
    "one term of a sum": set_item(node("add"), "inputs", ["every4_input"]),
    "name of a layer with a line break": lambda graph: graph["nodes"][-1].update(name="a\nb"),
    "tensor twice": lambda graph: graph["nodes"][1]["outputs"][0].__setitem__(
        "name", first_input(graph)["name"]
    ),
    "name twice": lambda graph: graph["nodes"][1].__setitem__("name", graph["nodes"][0]["name"]),
    "name with a line break": lambda graph: (
        graph["nodes"][-1].update(name="a\nb"),
        graph["nodes"][-1]["outputs"][0].update(name="a\nb"),
        graph.update(outputs=["a\nb"]),
    ),
    "source that drives a terminal": set_item(root, "source", "\x1b[31m"),
    "no such output": set_item(root, "outputs", ["nothing"]),
    "output shape": set_item(first_output("conv2d"), "shape", [13, 12, 8]),
    "zero in a shape": set_item(first_input, "shape", [0, 12, 5]),
    "input of two dimensions": set_item(first_input, "shape", [156, 5]),
    "relu of another shape": set_item(first_output("relu"), "shape", [1]),
    "reshape of another size": lambda graph: (
        op("reshape")(graph).update(shape=[1]),
        first_output("reshape")(graph).update(shape=[1]),
    ),
    "reshape to another shape than its tensor's": set_item(op("reshape"), "shape", [1, 1]),
    "no inputs of the graph": set_item(root, "inputs", []),
    "no outputs": set_item(root, "outputs", []),
    "no outputs of a layer": set_item(node("relu"), "outputs", []),
    "one name too many": set_item(root, "output_names", ["a", "b"]),
    "unknown type of elements": set_item(first_input, "dtype", "int32"),
    "type that the engine lacks": set_item(first_input, "dtype", "float32"),
    "type that the operator lacks": lambda graph: first_input(graph).update(
        dtype="int16", quantization={"scale": 0.5, "zero_point": 0}
    ),
    "no quantization": set_item(first_input, "quantization", None),
    "state without a source": set_item(
        root,
        "states",
        [
            {
                "tensor": {
                    "name": "s",
                    "shape": [1],
                    "dtype": "int8",
                    "quantization": {"scale": 1.0, "zero_point": 0},
                },
                "source": "nothing",
            }
        ],
    ),
    "unknown operator": set_item(op("relu"), "kind", "exec"),
    "operator without kind": lambda graph: of_kind(graph, "relu")["op"].pop("kind"),
    "zero stride": lambda graph: op("pool2d")(graph)["window"].__setitem__("strides", [0, 1]),
    "three strides": lambda graph: op("pool2d")(graph)["window"].__setitem__("strides", [1, 1, 1]),
    "unknown pool": set_item(op("pool2d"), "mode", "median"),
    "negative padding": lambda graph: op("pad")(graph)["padding"].__setitem__("top", -1),
    "depth multiplier": set_item(op("depthwise_conv2d"), "depth_multiplier", 50),
    "softmax shift": set_item(op("softmax"), "left_shift", -1),
    "softmax difference": set_item(op("softmax"), "minimum_difference", -100_000),
    "factor of a sum": set_item(op("add"), "output_multiplier", [1 << 30, 5]),
    "multiplier as text": set_item(op("softmax"), "multiplier", "5"),
    "scale as text": lambda graph: first_input(graph)["quantization"].__setitem__("scale", "1.0"),
    "scale beyond single precision": lambda graph: first_input(graph)["quantization"].__setitem__(
        "scale", 1e300
    ),
    "negative scale": lambda graph: first_input(graph)["quantization"].__setitem__("scale", -1.0),
    "output without quantization": lambda graph: of_kind(graph, "conv2d")["outputs"][0].__setitem__(
        "quantization", None
    ),
    "zero point": lambda graph: first_input(graph)["quantization"].__setitem__("zero_point", 128),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_graph_is_refused(saved: bytes, tmp_path: Path, damage: str):
    graph = json.loads(saved)
    DAMAGES[damage](graph)
    assert graph != json.loads(saved)
    refuse(json.dumps(graph).encode(), tmp_path)


def test_message_says_which_layer_is_wrong(saved: bytes, tmp_path: Path):
    graph = json.loads(saved)
    name = of_kind(graph, "conv2d")["name"]
    set_item(stage, "maximum", 999)(graph)
    refuse(json.dumps(graph).encode(), tmp_path, f"{name}: its limits cannot be right")


def test_message_says_which_layer_has_no_code(saved: bytes, tmp_path: Path):
    graph = json.loads(saved)
    name = of_kind(graph, "conv2d")["name"]
    DAMAGES["scale of 13 bits"](graph)
    reason = f"{name}: its multipliers are not those of its scales"
    refuse(json.dumps(graph).encode(), tmp_path, reason)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0.0, 3), (0.25, 4), (-0.25, 2), (0.24, 3), (0.74, 4), (0.75, 5), (1e30, 127), (-1e30, -128)],
)
def test_values_are_quantized_with_halves_away_from_zero(value: float, wanted: int):
    x = np.array([value], np.float32)
    assert quantize_array(x, Quantization(0.5, 3)).tolist() == [wanted]


def test_quantizing_undoes_dequantizing():
    q = np.arange(-128, 128, dtype=np.int8)
    for quantization in (Quantization(0.017, -128), Quantization(3e-9, 127), Quantization(50.0, 0)):
        assert np.array_equal(quantize_array(dequantize_array(q, quantization), quantization), q)
