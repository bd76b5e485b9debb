"""Damaged and foreign files give one-line errors, never another exception."""

import copy
import io
import json
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from keras_zoo import predict, sample_inputs, zoo_model
from microlut.errors import InvalidInput, MicrolutError
from microlut.graph.evaluate import evaluate
from microlut.graph.ir import Graph
from microlut.importers import import_model
from microlut.importers.keras import memory
from microlut.importers.keras.config import KerasModel, parse_config
from microlut.importers.keras.translate import to_graph
from sweeps import in_sweeps

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def files(tmp_path_factory, request):
    """Return one small model as .keras, .h5 and SavedModel."""
    request.getfixturevalue("keras")
    request.getfixturevalue("tf_keras")
    folder = tmp_path_factory.mktemp("sound")
    zoo_model("keras", "nested").save(folder / "model.keras")
    zoo_model("tf_keras", "nested").save(folder / "model.h5")
    zoo_model("tf_keras", "nested").save(folder / "model", save_format="tf")
    return folder


def refusal(path) -> str:
    with pytest.raises(InvalidInput) as caught:
        import_model(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def import_or_refuse(path) -> None:
    """Fail on anything but a graph or one of microlut's own errors."""
    try:
        assert isinstance(import_model(path), Graph)
    except MicrolutError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("content", [b"", b"P", b"hello", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"])
def test_import_model_refuses_content(content, tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    refusal(path)


def test_import_model_refuses_missing_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent.keras")


def test_import_model_refuses_empty_folder(tmp_path):
    assert "saved_model.pb" in refusal(tmp_path)


def test_import_model_refuses_foreign_zip(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "config.json" in refusal(path)


def test_import_model_refuses_foreign_hdf5(tmp_path):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = [1, 2]
    assert "no model" in refusal(path)


def test_import_model_refuses_weights_only(keras, tmp_path):
    path = tmp_path / "net.weights.h5"
    zoo_model("keras", "sequential").save_weights(path)
    assert "only weights" in refusal(path)


def test_import_model_refuses_keras2_weights_only(tf_keras, tmp_path):
    path = tmp_path / "weights.h5"
    zoo_model("tf_keras", "sequential").save_weights(path)
    assert "only weights" in refusal(path)


def test_import_model_ignores_the_suffix(files, tmp_path):
    path = tmp_path / "model.bin"
    shutil.copy(files / "model.keras", path)
    assert len(import_model(path).nodes) == len(import_model(files / "model.keras").nodes)


def edit_zip(source, target, **entries):
    """Copy a zip, replacing or (for None) leaving out entries given as name_with_underscores."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = entries.get(name.replace(".", "_"), old.read(name))
            if content is not None:
                new.writestr(name, content)


def test_import_model_refuses_keras_file_without_weights(files, tmp_path):
    edit_zip(files / "model.keras", tmp_path / "m.keras", model_weights_h5=None)
    assert "model.weights.h5" in refusal(tmp_path / "m.keras")


def test_import_model_refuses_broken_json(files, tmp_path):
    edit_zip(files / "model.keras", tmp_path / "m.keras", config_json=b"{")
    assert "JSON" in refusal(tmp_path / "m.keras")


def test_import_model_refuses_deep_json(files, tmp_path):
    deep = b'{"class_name": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    edit_zip(files / "model.keras", tmp_path / "m.keras", config_json=deep)
    assert "JSON" in refusal(tmp_path / "m.keras")


def edit_weights(files, tmp_path, change):
    """Return a copy of the .keras file whose weights `change` has edited as an HDF5 file."""
    with zipfile.ZipFile(files / "model.keras") as archive:
        buffer = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(buffer, "r+") as file:
        change(file)
    edit_zip(files / "model.keras", tmp_path / "m.keras", model_weights_h5=buffer.getvalue())
    return tmp_path / "m.keras"


KERNEL = "layers/dense/vars/0"


def replace_kernel(values):
    def change(file):
        del file[KERNEL]
        file[KERNEL] = values

    return change


def test_import_model_refuses_missing_array(files, tmp_path):
    path = edit_weights(files, tmp_path, lambda file: file.pop(KERNEL))
    assert "kernel is missing" in refusal(path)


def test_import_model_refuses_wrong_shape(files, tmp_path):
    message = refusal(edit_weights(files, tmp_path, replace_kernel(np.zeros((3, 2), "f4"))))
    assert "shape [3, 2]" in message
    assert "[4, 2]" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_import_model_refuses_non_finite_weights(value, files, tmp_path):
    path = edit_weights(files, tmp_path, replace_kernel(np.full((4, 2), value)))
    assert "NaN or infinite" in refusal(path)


def test_import_model_refuses_text_weights(files, tmp_path):
    path = edit_weights(files, tmp_path, replace_kernel(np.full((4, 2), b"x")))
    assert "expected float32" in refusal(path)


def test_import_model_refuses_huge_arrays(files, tmp_path):
    def change(file):
        del file[KERNEL]
        file.create_dataset(KERNEL, (1 << 40,), "f4", chunks=(1024,))

    assert "elements" in refusal(edit_weights(files, tmp_path, change))


def test_import_model_refuses_links_to_other_files(files, tmp_path):
    def change(file):
        del file[KERNEL]
        file[KERNEL] = h5py.ExternalLink(str(files / "model.h5"), "/model_weights")

    assert "another file" in refusal(edit_weights(files, tmp_path, change))


def test_import_model_refuses_arrays_stored_in_other_files(files, tmp_path):
    def change(file):
        del file[KERNEL]
        outside = [(str(files / "model.h5"), 0, 32)]
        file.create_dataset(KERNEL, (4, 2), "f4", external=outside)

    assert "another file" in refusal(edit_weights(files, tmp_path, change))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"), [("model.keras", 60), ("model.h5", 10), *in_sweeps(("model.h5", 20))]
)
def test_import_model_survives_truncation(name, count, files, tmp_path):
    content = (files / name).read_bytes()
    path = tmp_path / name
    for size in np.linspace(0, len(content) - 1, count).astype(int):
        path.write_bytes(content[:size])
        import_or_refuse(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "count"), [("model.keras", 150), ("model.h5", 10), *in_sweeps(("model.h5", 30))]
)
def test_import_model_survives_corruption(name, count, files, tmp_path):
    content = (files / name).read_bytes()
    rng = np.random.default_rng(6)
    path = tmp_path / name
    for _ in range(count):
        damaged = np.frombuffer(content, np.uint8).copy()
        where = rng.integers(0, len(damaged), 1 + rng.integers(20))
        damaged[where] = rng.integers(0, 256, len(where))
        path.write_bytes(damaged.tobytes())
        import_or_refuse(path)


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "keras_metadata.pb", "variables/variables.index"]
)
def test_import_model_survives_damaged_saved_model(name, files, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(files / "model", folder)
    content = (folder / name).read_bytes()
    rng = np.random.default_rng(6)
    for step in range(40):
        damaged = np.frombuffer(content, np.uint8).copy()
        if step % 2:
            damaged = damaged[: rng.integers(len(damaged))]
        else:
            damaged[rng.integers(0, len(damaged), 10)] = rng.integers(0, 256, 10)
        (folder / name).write_bytes(damaged.tobytes())
        import_or_refuse(folder)


@pytest.mark.parametrize("name", ["variables/variables.index", "variables"])
def test_import_model_refuses_incomplete_saved_model(name, files, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(files / "model", folder)
    if (folder / name).is_dir():
        shutil.rmtree(folder / name)
    else:
        (folder / name).unlink()
    refusal(folder)


def places(value, path=()):
    """Yield the path of every value inside JSON data."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, dict | list) else ():
        yield from places(item, (*path, key)) if isinstance(item, dict | list) else [(*path, key)]


WRONG = (None, True, -1, 0, 3, 1.5, 1e400, "x", "same", [], [1], [[1, 2], 3], {}, {"class_name": 1})


@pytest.mark.parametrize("keras_name", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", ["nested", "pools", "shared"])
def test_to_graph_survives_wrong_values_in_the_architecture(keras_name, name, request):
    request.getfixturevalue(keras_name)
    sound_model = memory.read(zoo_model(keras_name, name))
    sound = sound_model.config
    rng = np.random.default_rng(7)
    where = list(places(sound))
    for index in rng.permutation(len(where))[:400]:
        damaged = copy.deepcopy(sound)
        *parents, last = where[index]
        target = damaged
        for key in parents:
            target = target[key]
        target[last] = WRONG[rng.integers(len(WRONG))]
        try:
            config = parse_config(json.dumps(damaged), "model")
            to_graph(KerasModel(config, sound_model.weights, "model"), "m")
        except MicrolutError as error:
            assert "\n" not in str(error)


def test_import_model_reads_float64_weights(files, tmp_path):
    kernel = np.arange(8, dtype=np.float64).reshape(4, 2)
    path = edit_weights(files, tmp_path, replace_kernel(kernel))
    graph = import_model(path)
    np.testing.assert_array_equal(graph.nodes[-1].op.kernel, kernel.T.astype(np.float32))


def test_import_model_equals_keras_on_the_undamaged_file(files):
    model = zoo_model("keras", "nested")
    x = sample_inputs(model)
    found = evaluate(import_model(files / "model.keras"), x)
    np.testing.assert_allclose(found, predict(model, x), atol=1e-5)


def test_a_damaged_container_is_called_damaged(files, tmp_path):
    for name in ("model.keras", "model.h5"):
        path = tmp_path / name
        path.write_bytes((files / name).read_bytes()[:-3000])
        assert "damaged" in refusal(path)
    folder = tmp_path / "model"
    shutil.copytree(files / "model", folder)
    (folder / "saved_model.pb").write_bytes(b"\xff" * 99)
    assert "damaged" in refusal(folder)


def architecture(files, change):
    """Return the configuration of the .keras file's model, edited."""
    with zipfile.ZipFile(files / "model.keras") as archive:
        config = json.loads(archive.read("config.json"))
    change(config["config"]["layers"])
    return json.dumps(config)


def drop_name(layers):
    del layers[1]["name"], layers[1]["config"]["name"]


SOUND_CONTAINERS = {
    "expected an integer": lambda layers: layers[-1]["config"].update(units="two"),
    "without a name": drop_name,
    "two layers named": lambda layers: layers.append(layers[-1]),
    "without a class name": lambda layers: layers.append({}),
    "malformed inbound": lambda layers: layers[-1].update(inbound_nodes=[1]),
    "cannot be reached": lambda layers: layers[-1].update(inbound_nodes=[]),
}


@pytest.mark.parametrize("found", SOUND_CONTAINERS)
def test_a_sound_container_is_not_called_damaged(found, files, tmp_path):
    config = architecture(files, SOUND_CONTAINERS[found])
    edit_zip(files / "model.keras", tmp_path / "m.keras", config_json=config)
    message = refusal(tmp_path / "m.keras")
    assert found in message
    assert "damaged" not in message


def test_a_missing_array_is_named_and_not_called_damage(files, tmp_path):
    path = tmp_path / "model.h5"
    shutil.copy(files / "model.h5", path)
    with h5py.File(path, "r+") as file:
        name = file["model_weights/block"].attrs["weight_names"][0]
        del file[f"model_weights/block/{name}"]
    message = refusal(path)
    assert f"looked for array {name!r}" in message
    assert "damaged" not in message


def test_arrays_that_do_not_belong_to_a_nested_model_are_listed(files, tmp_path):
    path = tmp_path / "model.h5"
    shutil.copy(files / "model.h5", path)
    with h5py.File(path, "r+") as file:
        names = file["model_weights/block"].attrs["weight_names"]
        file["model_weights/block"].attrs["weight_names"] = names[:-1]
    message = refusal(path)
    assert "conv/kernel:0" in message
    assert "damaged" not in message
