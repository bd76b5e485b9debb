"""Import trained models of Keras, ONNX and TensorFlow Lite as graphs.

The content of a source decides what it is, never its suffix. No code in a model is ever run.
"""

from __future__ import annotations

from pathlib import Path

from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.importers import foreign
from microlut.importers.keras import memory, saved_model, separate_process
from microlut.importers.keras import v3 as keras_v3
from microlut.importers.keras.config import KerasModel
from microlut.importers.keras.custom import Custom, check_custom
from microlut.importers.keras.damage import container
from microlut.importers.keras.translate import translate
from microlut.importers.onnx import file as onnx_file
from microlut.importers.onnx.memory import Exported
from microlut.importers.onnx.translate import translate as translate_onnx
from microlut.importers.tflite import reading
from microlut.importers.tflite.translate import translate as translate_tflite
from microlut.importers.translation import Translation
from microlut.support.arguments import PathLike, is_path, path_of
from microlut.support.texts import plain

_ZIP_MAGIC = b"PK"
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_FORMATS = (
    "a .keras file, a whole-model .h5 file, a Keras 2 SavedModel folder, or a .tflite or .onnx file"
)


def import_model(
    source: PathLike | object, name: str | None = None, custom: Custom | None = None
) -> Graph:
    """Return the float graph of a model.

    Args:
        source: The path of a `.keras` or `.h5` file or SavedModel folder, or a `keras.Model` or
            `tf_keras.Model` object.
        name: Name of the graph; by default the file's stem, or the object's name.
        custom: What classes, activations and layers are, by their names: classes of Keras, or
            expressions such as "x / 255".

    Raises:
        InvalidInput: The file is missing, damaged or no Keras model.
        UnsupportedModel: The model has something that microlut cannot convert.
        ToolMissing: The source is a SavedModel and TensorFlow is not installed.
    """
    return examine_model(source, name, custom).checked()


def examine_model(
    source: PathLike | object, name: str | None = None, custom: Custom | None = None
) -> Translation:
    """Return what becomes of a model, and all its obstacles; takes `import_model`'s arguments.

    Raises:
        InvalidInput: The file is missing, damaged or no Keras model.
        UnsupportedModel: The model is no network of layers whose input is known.
        ToolMissing: The source is a SavedModel and TensorFlow is not installed.
    """
    said = check_custom(custom)
    if isinstance(source, Exported):
        return translate_onnx(source.model, f"module {source.name}", name or source.name)
    if not is_path(source):
        model = memory.read(source, said)
        return translate(model, name or str(getattr(source, "name", "model")))
    path = path_of("model", source)
    name = name or plain(path.resolve().stem)
    if reading.is_tflite(path):
        _check_no_custom(path, said, "a .tflite file")
        return translate_tflite(reading.read(path), name)
    if path.is_file() and foreign.is_onnx(path):
        _check_no_custom(path, said, "an ONNX model")
        return translate_onnx(onnx_file.read(path), str(path), name)
    return translate(_read(path, said), name)


def _check_no_custom(path: Path, custom: Custom, what: str) -> None:
    if custom:
        raise InvalidInput(
            f"{path}: custom says what classes of Keras are, and this is {what}; leave it out"
        )


def _read(path: Path, custom: Custom) -> KerasModel:
    if not path.exists():
        raise InvalidInput(f"{path}: no such file or folder; a model is {_FORMATS}")
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            return saved_model.read(path, custom)
        with container(path):
            other = foreign.describe_folder(path)
        _refuse(path, other)
        raise InvalidInput(f"{path}: a folder without saved_model.pb; a model is {_FORMATS}")
    with container(path), path.open("rb") as file:
        magic = file.read(len(_HDF5_MAGIC))
        other = None if magic == _HDF5_MAGIC else foreign.describe(path)
    _refuse(path, other)
    if magic.startswith(_ZIP_MAGIC):
        return keras_v3.read(path, custom)
    if magic == _HDF5_MAGIC:
        return separate_process.read(path, custom)
    what = "an empty file" if not magic else "neither a zip nor an HDF5 file"
    raise InvalidInput(f"{path}: {what}; a model is {_FORMATS}")


def _refuse(path: Path, known: tuple[str, str] | None) -> None:
    """Raise an error for a file that is known to be no Keras model."""
    if known is not None:
        what, advice = known
        article = "an" if what[0] in "AEIO" else "a"
        raise InvalidInput(f"{path}: {article} {what}; {advice}")
