"""SavedModel folders are read without TensorFlow, and what their checkpoints hold is checked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_zoo import zoo_model
from microlut.errors import InvalidInput
from microlut.importers import import_model
from microlut.importers.keras.checkpoint import Checkpoint
from microlut.importers.keras.crc32c import crc32c
from microlut.importers.keras.object_graph import Tracked, saved_objects

SHARD = "variables/variables.data-00000-of-00001"


@pytest.fixture(scope="module")
def saved(tmp_path_factory, tf_keras) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    zoo_model("tf_keras", "nested").save(folder, save_format="tf")
    return folder


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (1, 0x527D5351), (32, 0x8A9136AA)])
def test_checksum_of_zeros_is_that_of_others(count, expected):
    assert crc32c(bytes(count)) == expected


def test_checksum_does_not_depend_on_the_stretches():
    content = np.random.default_rng(0).integers(0, 256, 5000, np.uint8).tobytes()
    for count in (*range(120, 140), 255, 256, 257, 4095, 5000):
        slow = 0xFFFFFFFF
        for byte in content[:count]:
            slow ^= byte
            for _ in range(8):
                slow = slow >> 1 ^ (0x82F63B78 if slow & 1 else 0)
        assert crc32c(content[:count]) == slow ^ 0xFFFFFFFF


@pytest.mark.keras
def test_checkpoint_is_read_as_tensorflow_reads_it(tmp_path):
    tensorflow = pytest.importorskip("tensorflow", reason="TensorFlow writes checkpoints")
    rng = np.random.default_rng(0)
    types = ("float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool")
    variables = {
        f"{kind}_{size}": tensorflow.Variable(rng.integers(0, 2, (size, 3)).astype(kind))
        for kind in types
        for size in (0, 1, 700)
    }
    variables["bfloat16"] = tensorflow.Variable(tensorflow.constant([1.5, -2.0], "bfloat16"))
    path = tensorflow.train.Checkpoint(**variables).write(str(tmp_path / "many"))
    found, theirs = Checkpoint(Path(f"{path}.index")), tensorflow.train.load_checkpoint(path)
    for name in variables:
        key = f"{name}/.ATTRIBUTES/VARIABLE_VALUE"
        own = found.array(found.entry(key))
        np.testing.assert_array_equal(own, theirs.get_tensor(key).astype(own.dtype), strict=True)
    graph = "_CHECKPOINTABLE_OBJECT_GRAPH"
    assert found.text(graph) == theirs.get_tensor(graph)


@pytest.mark.keras
def test_saved_model_is_read_without_tensorflow(saved):
    code = (
        "import sys; sys.modules['tensorflow'] = None; from microlut.importers import import_model;"
        f"print(len(import_model({str(saved)!r}).nodes))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert int(done.stdout) == len(import_model(saved).nodes)


@pytest.mark.keras
@pytest.mark.parametrize("name", [SHARD, "variables/variables.index"])
def test_flipped_bit_is_noticed(saved, tmp_path, name):
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    content = bytearray((folder / name).read_bytes())
    content[10] ^= 4
    (folder / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=r"checksum.*damaged"):
        import_model(folder)


@pytest.mark.keras
def test_data_file_that_is_cut_short_is_damaged(saved, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    os.truncate(folder / SHARD, 10)
    with pytest.raises(InvalidInput, match=r"cut short.*damaged"):
        import_model(folder)


@pytest.mark.keras
def test_texts_of_objects_are_read_where_early_keras_has_them():
    pytest.importorskip("tensorflow", reason="it has the messages")
    from tensorflow.core.protobuf import saved_model_pb2

    message = saved_model_pb2.SavedModel()
    objects = message.meta_graphs.add().object_graph_def
    root, other = objects.nodes.add(), objects.nodes.add()
    root.children.add(node_id=1, local_name="layer-0")
    root.user_object.metadata = '{"name": "é"}'
    other.asset.asset_file_def_index = 7
    found = saved_objects(memoryview(message.SerializeToString()))
    assert found == (Tracked({"layer-0": 1}, '{"name": "é"}'), Tracked({}))
