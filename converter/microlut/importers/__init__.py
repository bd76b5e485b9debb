"""Import trained models of Keras, ONNX and TensorFlow Lite as graphs.

The content of a source decides what it is, never its suffix. No code in a model is ever run.
"""

from __future__ import annotations

from microlut.graph.ir import Graph
from microlut.importers import apart
from microlut.importers.keras import memory
from microlut.importers.keras.config import KerasModel
from microlut.importers.keras.custom import Custom, check_custom
from microlut.importers.keras.translate import translate
from microlut.importers.onnx.memory import Exported
from microlut.importers.onnx.translate import translate as translate_onnx
from microlut.importers.tflite.file import TfliteFile
from microlut.importers.tflite.translate import translate as translate_tflite
from microlut.importers.translation import Translation
from microlut.support.arguments import PathLike, is_path, path_of
from microlut.support.texts import plain


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
        ToolMissing: A package that reads such files is not installed.
    """
    return examine_model(source, name, custom).checked()


def examine_model(
    source: PathLike | object, name: str | None = None, custom: Custom | None = None
) -> Translation:
    """Return what becomes of a model, and all its obstacles; takes `import_model`'s arguments.

    Raises:
        InvalidInput: The file is missing, damaged or no Keras model.
        UnsupportedModel: The model is no network of layers whose input is known.
        ToolMissing: A package that reads such files is not installed.
    """
    said = check_custom(custom)
    if isinstance(source, Exported):
        return translate_onnx(source.model, f"module {source.name}", name or source.name)
    if not is_path(source):
        model = memory.read(source, said)
        return translate(model, name or str(getattr(source, "name", "model")))
    path = path_of("model", source)
    name = name or plain(path.resolve().stem)
    found = apart.read(path, said)
    if isinstance(found, KerasModel):
        return translate(found, name)
    if isinstance(found, TfliteFile):
        return translate_tflite(found, name)
    return translate_onnx(found, str(path), name)
