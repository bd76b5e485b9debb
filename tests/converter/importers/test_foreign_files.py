"""Files of other kinds: the message names the kind and says what to give instead."""

import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from microlut.errors import InvalidInput
from microlut.importers import import_model


def zipped(**entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return file.getvalue()


def arrays():
    file = io.BytesIO()
    np.savez(file, kernel=np.zeros(3))
    return file.getvalue()


def tar():
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model"))
    return file.getvalue()


def keras_json():
    return json.dumps({"class_name": "Functional", "config": {}, "keras_version": "3"}).encode()


def js():
    return json.dumps({"modelTopology": {}, "weightsManifest": []}).encode()


CASES = {
    "torch": (zipped(**{"net/data.pkl": "", "net/version": "3"}), "net.pt", "a PyTorch model"),
    "torch_renamed": (zipped(**{"net/data.pkl": ""}), "net.keras", "a PyTorch model"),
    "torch_old": (pickle.dumps({"a": 1}), "net.pth", "a Python pickle"),
    "architecture": (keras_json(), "model.json", "a Keras architecture without weights"),
    "js": (js(), "model.json", "a TensorFlow.js model"),
    "frozen": (b"\x0a\x10\x0a\x05input", "frozen.pb", "a TensorFlow graph without a Keras model"),
    "saved_model": (b"\x08\x01\x12\xff\x01", "saved_model.pb", "a part of a SavedModel; give"),
    "caffe": (b"\x0a\x05hello", "net.caffemodel", "a Caffe model"),
    "coreml": (b"\x08\x04", "net.mlmodel", "a Core ML model"),
    "npz": (arrays(), "weights.npz", "a file of NumPy arrays"),
    "npy": (b"\x93NUMPY\x01\x00", "weights.npy", "a NumPy array"),
    "zip": (zipped(**{"saved/saved_model.pb": ""}), "saved.zip", "a zip with a model inside"),
    "parts": (
        zipped(**{"net/config.json": "", "net/model.weights.h5": ""}),
        "net.zip",
        "a zip with a .keras file's parts",
    ),
    "tar": (tar(), "net.tar", "a compressed archive"),
    "gzip": (b"\x1f\x8b\x08\x00", "net.tar.gz", "a compressed archive"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid", "net.h5", "a pointer of Git LFS"),
    "lfs_tflite": (b"version https://git-lfs.github.com/spec/v1\n", "net.tflite", "git lfs pull"),
    "tflite": (b"../models/net.tflite", "net.tflite", "without the signature of TensorFlow Lite"),
    "unknown": (b"hello world", "net.bin", "neither a zip nor an HDF5 file"),
    "text": (b"{not json", "net.json", "neither a zip nor an HDF5 file"),
}


@pytest.mark.parametrize("case", CASES)
def test_import_model_names_the_kind_of_file(case, tmp_path):
    content, name, expected = CASES[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        import_model(tmp_path / name)
    message = str(caught.value)
    assert f"{name}: " in message
    assert expected in message
    assert "\n" not in message
    assert "damaged" not in message


FOLDERS = {
    "js": ({"model.json": js()}, "a TensorFlow.js model"),
    "weights": ({"checkpoint": b"", "w.index": b""}, "checkpoint, which holds weights only"),
    "models": ({"best.keras": b"", "notes.txt": b""}, "give one of them: best.keras"),
    "outer": ({"saved/saved_model.pb": b""}, "give one of them: saved"),
    "other": ({"notes.txt": b""}, "a folder without saved_model.pb"),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_import_model_names_the_kind_of_folder(case, tmp_path):
    files, expected = FOLDERS[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        import_model(tmp_path)
    assert expected in str(caught.value)
