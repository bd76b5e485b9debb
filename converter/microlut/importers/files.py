"""Read a model file of any format; its content decides what it is, never its suffix.

`apart.read` calls this in a confined process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microlut.errors import InvalidInput
from microlut.importers import foreign
from microlut.importers.keras import h5, saved_model, v3
from microlut.importers.keras.config import KerasModel
from microlut.importers.keras.custom import Custom
from microlut.importers.keras.damage import container
from microlut.importers.onnx import file as onnx_file
from microlut.importers.tflite import reading

_ONNX, _TFLITE = "onnx", "tflite"
_ZIP_MAGIC = b"PK"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_FORMATS = (
    "a .keras file, a whole-model .h5 file, a Keras 2 SavedModel folder, or a .tflite or .onnx file"
)


def libraries_of(path: Path) -> list[str]:
    """Return the formats of a file whose libraries take long to import."""
    if reading.is_tflite(path):
        return [_TFLITE]
    try:
        return [_ONNX] if path.is_file() and foreign.is_onnx(path) else []
    except OSError:  # the reader says what is wrong
        return []


def load(formats: Sequence[str]) -> None:
    """Import the libraries of formats.

    Raises:
        ToolMissing: One of them is not installed.
    """
    if _TFLITE in formats:
        reading.schema()
    if _ONNX in formats:
        onnx_file.library()


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files that are read of a folder; 0 without any."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        inside = [*path.glob("*.pb"), *path.glob("variables/variables.*")]
        return sum(each.stat().st_size for each in inside)
    except OSError:
        return 0


def read(path: Path, custom: Custom) -> Any:  # noqa: ANN401
    """Return a model as its file has it: a KerasModel, a TfliteFile or a ModelProto.

    Raises:
        InvalidInput: The file is damaged, or no model.
        UnsupportedModel: The model is none that can be converted.
        ToolMissing: A package is missing that reads such files.
    """
    if reading.is_tflite(path):
        _check_no_custom(path, custom, "a .tflite file")
        return reading.read(path)
    if path.is_file():
        with container(path):
            is_onnx = foreign.is_onnx(path)
        if is_onnx:
            _check_no_custom(path, custom, "an ONNX model")
            return onnx_file.read(path)
    return _read_keras(path, custom)


def _check_no_custom(path: Path, custom: Custom, what: str) -> None:
    if custom:
        raise InvalidInput(
            f"{path}: custom says what classes of Keras are, and this is {what}; leave it out"
        )


def _read_keras(path: Path, custom: Custom) -> KerasModel:
    if not path.exists():
        raise InvalidInput(f"{path}: no such file or folder; a model is {_FORMATS}")
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return saved_model.read(path, custom)
        with container(path):
            other = foreign.describe_folder(path)
        _refuse(path, other)
        raise InvalidInput(f"{path}: a folder without saved_model.pb; a model is {_FORMATS}")
    if not path.is_file():
        raise InvalidInput(f"{path}: neither a file nor a folder; a model is {_FORMATS}")
    with container(path), path.open("rb") as file:
        magic = file.read(len(_HDF5_MAGIC))
        other = None if magic == _HDF5_MAGIC else foreign.describe(path)
    _refuse(path, other)
    if magic.startswith(_ZIP_MAGIC):
        return v3.read(path, custom)
    if magic == _HDF5_MAGIC:
        return h5.read(path, custom)
    what = "an empty file" if not magic else "neither a zip nor an HDF5 file"
    raise InvalidInput(f"{path}: {what}; a model is {_FORMATS}")


def _refuse(path: Path, known: tuple[str, str] | None) -> None:
    """Raise an error for a file that is known to be no Keras model."""
    if known is not None:
        what, advice = known
        article = "an" if what[0] in "AEIO" else "a"
        raise InvalidInput(f"{path}: {article} {what}; {advice}")
