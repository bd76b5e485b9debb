"""Small files that promise much: models that call themselves again and again, and huge arrays."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from graphs import ends
from microlut.errors import InvalidInput, UnsupportedModel
from microlut.importers import import_model, sample_files
from microlut.importers.keras import config, hdf5, v3
from microlut.importers.samples import load_samples

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
    with h5py.File(tmp_path / "m.h5", "w") as file:
        for name in "abcde":
            file.create_dataset(name, (8192, 8192), "f4")  # 256 MB each, none of them stored
        quota = hdf5.Quota(3 * 8192 * 8192 * 4)
        for name in "abc":
            quota.take(file[name].size * 4, "m.h5")
        with pytest.raises(InvalidInput, match="more than 1 GiB"):
            hdf5.dataset(file, "d", "m.h5", quota)


def test_the_limit_is_that_of_all_arrays_of_a_file(tmp_path: Path, keras, monkeypatch):
    built = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dense(8)])
    built.save(tmp_path / "m.keras")
    assert config.MOST_MODEL_BYTES == 1 << 30
    assert len(v3.read(tmp_path / "m.keras", {}).weights) == 3
    monkeypatch.setattr(hdf5.Quota, "__init__", lambda self: setattr(self, "left", 300))
    with pytest.raises(InvalidInput, match="its arrays take more than"):
        v3.read(tmp_path / "m.keras", {})


def test_samples_that_unpack_to_too_much_are_refused_by_their_headers(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sample_files, "_MOST_BYTES", 1000)
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, x=np.zeros((50, 4), np.float32), other=np.zeros(10_000))
    assert load_samples(path, ends((4,))).x.shape == (50, 4)
    np.savez_compressed(path, x=np.zeros((63, 4), np.float32))
    with pytest.raises(InvalidInput, match=r"1,008 bytes, at most 1,000 are read"):
        load_samples(path, ends((4,)))
