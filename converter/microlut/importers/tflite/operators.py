"""The operators of TensorFlow Lite that can be imported, by their names in the schema."""

from __future__ import annotations

from collections.abc import Mapping

from microlut.importers.tflite.functions import FUNCTIONS
from microlut.importers.tflite.joined import JOINED
from microlut.importers.tflite.linear import LINEAR
from microlut.importers.tflite.moves import MOVES
from microlut.importers.tflite.pictures import PICTURES
from microlut.importers.tflite.recurrent import RECURRENT
from microlut.importers.tflite.svdf import SVDF
from microlut.importers.tflite.types import TYPES
from microlut.importers.tflite.use import Handler

OPERATORS: Mapping[str, Handler] = {
    **FUNCTIONS,
    **JOINED,
    **LINEAR,
    **MOVES,
    **PICTURES,
    **RECURRENT,
    **SVDF,
    **TYPES,
}
