"""Small files that promise much: models that call themselves again and again, and huge arrays."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import microlut
from graphs import ends
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.ir import Graph
from microlut.graph.passes import rewrite
from microlut.importers import import_model
from microlut.importers.keras import hdf5
from microlut.importers.samples import load_samples
from microlut.support.limits import (
    Quota,
    check_model_bytes,
    limits,
    most_model_bytes,
    size_of,
)
from microlut.support.unused_names import Taken

Json = dict[str, Any]


def layer(kind: str, name: str, *calls: list[Any], **options: Any) -> Json:
    settings = {"name": name, **options}
    return {"class_name": kind, "name": name, "config": settings, "inbound_nodes": list(calls)}


def reads(name: str, call: int = 0) -> list[Any]:
    return [[name, call, 0, {}]]


def model(name: str, last: tuple[str, int], *layers: Json) -> Json:
    first = layer("InputLayer", "x", batch_input_shape=[None, 4], dtype="float32")
    outputs = [[last[0], last[1], 0]]
    return {
        "name": name,
        "layers": [first, *layers],
        "input_layers": [["x", 0, 0]],
        "output_layers": outputs,
    }


def written(options: Json, path: Path) -> Path:
    weights = io.BytesIO()
    h5py.File(weights, "w").close()
    with zipfile.ZipFile(path, "w") as archive:
        text = json.dumps({"class_name": "Functional", "config": options})
        archive.writestr("config.json", text)
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def nested(depth: int) -> Json:
    """Return a model that calls a model eight times, which calls another one eight times, ..."""
    if depth == 0:
        return model("m0", ("r", 0), layer("ReLU", "r", reads("x")))
    name = f"m{depth - 1}"
    child = layer("Functional", name, reads("x"), *(reads(name, call) for call in range(1, 8)))
    return model(f"m{depth}", (name, 8), {**child, "config": nested(depth - 1)})


def test_models_that_call_models_too_often_are_refused(tmp_path: Path):
    path = written(nested(12), tmp_path / "nested.keras")
    with pytest.raises(UnsupportedModel, match=r"68,719,476,736 times.*up to 100,000"):
        import_model(path)


def test_more_layers_than_are_converted_are_refused_at_once(tmp_path: Path):
    options = model("m", ("x", 0))
    options["layers"] += [{"class_name": "X", "config": {"name": f"l{i}"}} for i in range(100_000)]
    path = written(options, tmp_path / "many.keras")
    with pytest.raises(UnsupportedModel, match=r"has more than 100,000 layers"):
        import_model(path)


class Counted(Taken):
    """Names that count how often one is looked for."""

    looked = 0

    def __contains__(self, name: object) -> bool:
        self.looked += 1
        return super().__contains__(name)


def test_names_are_looked_for_as_often_as_there_are_names():
    names = Counted()
    given = [names.take("a") for _ in range(1000)]
    assert given[:3] == ["a", "a_1", "a_2"]
    assert len(set(given)) == 1000
    assert names.looked < 3000


def test_names_pass_over_those_that_were_taken_in_another_way():
    names = Taken(["a", "a_2"])
    assert [names.take("a") for _ in range(3)] == ["a_1", "a_3", "a_4"]
    assert names.take_numbered("b", {"b_1"}) == "b_2"


def test_readers_of_a_tensor_are_found_by_one_look_at_the_nodes():
    looked = []

    class Node:
        def __init__(self, number: int) -> None:
            self.number = number

        @property
        def inputs(self) -> tuple[str, ...]:
            looked.append(self.number)
            return (f"t{self.number}", f"t{self.number}", "x")

    nodes = tuple(map(Node, range(100)))
    graph = Graph("g", (), nodes, ())
    assert all(graph.consumers(f"t{i}") == (nodes[i],) for i in range(100))
    assert graph.consumers("x") == nodes
    assert graph.consumers("none") == ()
    assert len(looked) == 100
    assert replace(graph, nodes=nodes[:3]).consumers("x") == nodes[:3]


def test_renamings_are_followed_once():
    class Renamed(dict):
        looked = 0

        def __getitem__(self, key: str) -> str:
            Renamed.looked += 1
            return super().__getitem__(key)

    count = 500
    found = Renamed({f"t{i + 1}": f"t{i}" for i in range(count)})
    for i in range(count, 0, -1):
        assert rewrite._resolved(f"t{i}", found) == "t0"
    assert Renamed.looked < 6 * count


def test_output_that_is_a_tensor_where_names_should_be_is_refused(tmp_path: Path):
    options = model("m", ("r", 0), layer("ReLU", "r", reads("x")))
    history = {"shape": [None, 4], "dtype": "float32", "keras_history": ["r", 0, 0]}
    options["output_layers"] = {"class_name": "__keras_tensor__", "config": history}
    with pytest.raises(InvalidInput, match="the model: names 2 outputs and has 1"):
        import_model(written(options, tmp_path / "m.keras"))


def test_models_that_call_models_are_expanded(tmp_path: Path):
    graph = import_model(written(nested(2), tmp_path / "nested.keras"))
    assert len([node for node in graph.nodes if node.op.becomes == "relu"]) == 64


@pytest.mark.parametrize("backwards", [False, True])
def test_layers_may_be_listed_in_any_order(tmp_path: Path, backwards: bool):
    count = 3_000
    names = ["x", *(f"d{i}" for i in range(count))]
    layers = [layer("Dropout", names[i + 1], reads(names[i]), rate=0.5) for i in range(count)]
    layers.append(layer("ReLU", "r", reads(names[-1])))
    if backwards:
        layers.reverse()
    graph = import_model(written(model("m", ("r", 0), *layers), tmp_path / "chain.keras"))
    assert graph.nodes[-1].name == "r"


def test_arrays_that_are_too_large_together_are_refused(tmp_path: Path):
    with h5py.File(tmp_path / "m.h5", "w") as file, limits(3 * 8192 * 8192 * 4):
        for name in "abcde":
            file.create_dataset(name, (8192, 8192), "f4")  # 256 MB each, none of them stored
        quota = Quota()
        for name in "abc":
            quota.take(file[name].size * 4, "m.h5")
        with pytest.raises(InvalidInput, match="take 1,073,741,824 bytes, at most 805,306,368"):
            hdf5.dataset(file, "d", "m.h5", quota)


def test_limit_is_a_gibibyte_where_none_is_given():
    with pytest.raises(InvalidInput, match=r"at most 1,073,741,824 are .*--max-model-bytes"):
        check_model_bytes("m", (1 << 30) + 1)
    check_model_bytes("m", 1 << 30)


@pytest.fixture(scope="module")
def small(tmp_path_factory, request) -> Path:
    """Return a folder with one network of 576 bytes in all formats."""
    keras, tf_keras = (request.getfixturevalue(name) for name in ("keras", "tf_keras"))
    folder = tmp_path_factory.mktemp("small")
    for library, files in ((keras, ("m.keras",)), (tf_keras, ("m.h5", "saved"))):
        dense = [library.layers.Dense(8), library.layers.Dense(8)]
        built = library.Sequential([library.Input((8,)), *dense])
        for name in files:
            built.save(folder / name, **({"save_format": "tf"} if name == "saved" else {}))
    conversion = microlut.convert(built, bits=8, method="fitted", input_range=(0.0, 1.0))
    (folder / "m.tflite").write_bytes(conversion.tflite)
    return folder


@pytest.mark.keras
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "saved", "m.tflite"])
def test_arrays_of_every_format_are_limited(small: Path, name: str):
    with limits(1 << 20):
        assert import_model(small / name).nodes
    with limits(model_bytes=140), pytest.raises(InvalidInput, match=r"its arrays take .* 140 are"):
        import_model(small / name)


def test_arrays_beside_an_onnx_file_are_limited_before_they_are_read(tmp_path: Path):
    onnx = pytest.importorskip("onnx", reason="needs the package onnx: pip install onnx")
    x, y = (onnx.helper.make_tensor_value_info(n, 1, [1, 1000]) for n in "xy")
    weights = onnx.numpy_helper.from_array(np.ones((1000, 1000), np.float32), "w")
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [x], [y], [weights])
    file = tmp_path / "m.onnx"
    onnx.save(onnx.helper.make_model(graph), file, save_as_external_data=True, location="w.data")
    assert file.stat().st_size < 1000
    with limits(4_000_000):
        assert import_model(file).nodes
    with limits(3_999_999), pytest.raises(InvalidInput, match="take 4,000,000 bytes, at most"):
        import_model(file)


def test_samples_that_unpack_to_too_much_are_refused_by_their_headers(tmp_path: Path):
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, x=np.zeros((50, 4), np.float32), other=np.zeros(10_000))
    with limits(sample_bytes=1000):
        assert load_samples(path, ends((4,))).x.shape == (50, 4)
        np.savez_compressed(path, x=np.zeros((63, 4), np.float32))
        with pytest.raises(InvalidInput, match=r"1,008 bytes, at most 1,000 are read"):
            load_samples(path, ends((4,)))


def test_samples_of_bytes_are_limited_as_the_numbers_that_they_become(tmp_path: Path):
    np.save(tmp_path / "x.npy", np.zeros((63, 4), np.uint8))
    with limits(sample_bytes=1000):
        with pytest.raises(InvalidInput, match=r"1,008 bytes, .*--max-sample-bytes"):
            load_samples(tmp_path / "x.npy", ends((4,)))
        assert load_samples(tmp_path / "x.npy", ends((4,)), limit=62).x.shape == (62, 4)


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("64k", 65536), ("2M", 1 << 21), ("3g", 3 << 30)]
)
def test_size_has_a_unit(text: str, size: int):
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1T", "k", "1 k", "1e3", "9" * 30, "٣"])
def test_size_that_is_none_is_refused(text: str):
    with pytest.raises(InvalidInput, match="such as 64M or 2G"):
        size_of(text)


def test_limits_end_with_their_block():
    with limits(5), limits(sample_bytes=7):
        assert most_model_bytes() == 5
    assert most_model_bytes() == 1 << 30
    with pytest.raises(InvalidInput, match="model_bytes is 0"), limits(0):
        pass
