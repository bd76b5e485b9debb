"""Recognise files that are no complete Keras model, and say what to give instead."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

_HEAD_BYTES = 512
_MAX_JSON_BYTES = 64 << 20
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LFS = b"version https://git-lfs"
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_KERAS = "give the Keras model it was made from: its .keras, .h5 or SavedModel"
_TORCH = (
    "PyTorch model",
    "microlut reads Keras models only: build the same layers in Keras and copy the weights",
)
_ARCHITECTURE = (
    "Keras architecture without weights",
    'build the model from it, load its weights and save all with model.save("model.keras")',
)
_UNPACK = "unpack it and give the model inside"
# Formats without a signature.
_BY_SUFFIX = {
    ".caffemodel": ("Caffe model", "microlut reads Keras models only: build it in Keras"),
    ".ckpt": ("checkpoint", _ARCHITECTURE[1]),
    ".mlmodel": ("Core ML model", _KERAS),
    ".pb": ("TensorFlow graph without a Keras model", _KERAS),
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".tflite": (
        "file without the signature of TensorFlow Lite",
        "another tool has changed it: give the .tflite file that a converter wrote",
    ),
}


def describe(path: Path) -> tuple[str, str] | None:
    """Return what a file is and what to do instead, or None if that is not known."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"PK"):
        return _of_zip(path)
    return _of_bytes(path, head) or _BY_SUFFIX.get(path.suffix.lower())


def describe_folder(path: Path) -> tuple[str, str] | None:
    """Return what a folder without saved_model.pb is and what to do, or None if not known."""
    names = sorted(entry.name for entry in path.iterdir())
    models = [name for name in names if name.endswith((".keras", ".h5", ".hdf5"))]
    inner = [name for name in names if (path / name / "saved_model.pb").is_file()]
    if models or inner:
        return "folder that holds models", f"give one of them: {', '.join((models + inner)[:3])}"
    if "model.json" in names:
        return _of_json(path / "model.json")
    if "checkpoint" in names or any(name.endswith(".index") for name in names):
        return "TensorFlow checkpoint, which holds weights only", _ARCHITECTURE[1]
    return None


def _of_bytes(path: Path, head: bytes) -> tuple[str, str] | None:
    if head[:1] == b"\x80" and b"\x02" <= head[1:2] <= b"\x05":
        return "Python pickle, which holds code", "save the model with model.save"
    if head.startswith(b"\x93NUMPY"):
        return "NumPy array", _ARCHITECTURE[1]
    if head.startswith(_LFS):
        return "pointer of Git LFS", "the model was not fetched: run git lfs pull in its repository"
    if head.startswith(b"\x1f\x8b") or head[_TAR_OFFSET:].startswith(_TAR_MAGIC):
        return "compressed archive", _UNPACK
    if path.name in ("saved_model.pb", "keras_metadata.pb"):
        return "part of a SavedModel", f"give its folder: {path.resolve().parent}"
    if path.suffix.lower() == ".pb":
        return _BY_SUFFIX[".pb"]
    if head.lstrip().startswith(b"{"):
        return _of_json(path)
    return None


def is_onnx(path: Path) -> bool:
    """Return whether a file is one of ONNX: by its first bytes, or by its suffix if no other."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if _begins_as_onnx(head):
        return path.suffix.lower() != ".pb"
    known = head.startswith((b"PK", _HDF5)) or _of_bytes(path, head) is not None
    return path.suffix.lower() == ".onnx" and not known


def _begins_as_onnx(head: bytes) -> bool:
    """Return whether a message begins as in ONNX: a version, then the producer's name."""
    return (
        len(head) > 4
        and head[0] == 0x08
        and head[1] < 0x80
        and head[2] == 0x12
        and head[4 : 4 + head[3]].isascii()
        and head[3] < _HEAD_BYTES // 4
    )


def _of_zip(path: Path) -> tuple[str, str] | None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    last = {name.rsplit("/", 1)[-1] for name in names}
    if "data.pkl" in last:
        return _TORCH
    if "config.json" in last and "model.weights.h5" in last:
        return None if "config.json" in names else ("zip with a .keras file's parts", _UNPACK)
    if "saved_model.pb" in last or any(name.endswith((".keras", ".h5")) for name in last):
        return "zip with a model inside", _UNPACK
    if names and all(name.endswith(".npy") for name in names):
        return "file of NumPy arrays", _ARCHITECTURE[1]
    return None


def _of_json(path: Path) -> tuple[str, str] | None:
    if path.stat().st_size > _MAX_JSON_BYTES:
        return None
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if "modelTopology" in found or "weightsManifest" in found:
        return "TensorFlow.js model", _KERAS
    return _ARCHITECTURE if "class_name" in found else None
