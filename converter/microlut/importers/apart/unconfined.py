"""Read model files in this process: nothing confines it, and a crash of a library ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from microlut.importers import files
from microlut.importers.keras.custom import NOTHING, Custom
from microlut.importers.keras.damage import too_large
from microlut.support.limits import limits, most_model_bytes


def read(path: Path, custom: Custom = NOTHING) -> Any:  # noqa: ANN401
    """Return a model as its file has it: a KerasModel, a TfliteFile or a ModelProto.

    Raises:
        InvalidInput: The file is damaged, or no model.
        UnsupportedModel: The model is none that can be converted.
        ToolMissing: A package is missing that reads such files.
    """
    try:
        with limits(most_model_bytes()):
            return files.read(path, custom)
    except MemoryError as error:
        raise too_large(path) from error
