"""Models and errors as an answer holds them: JSON with the numbers of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput, MicrolutError, Obstacle, ToolMissing, UnsupportedModel
from microlut.importers.apart.answers import Packing
from microlut.importers.keras.config import KerasModel
from microlut.importers.onnx import file as onnx_file
from microlut.importers.tflite.file import FileOperator, FileTensor, Subgraph, TfliteFile

Arrays = Sequence[NDArray[Any]]

_KINDS = {kind.__name__: kind for kind in (InvalidInput, UnsupportedModel, ToolMissing)}


def packed_error(error: MicrolutError) -> Any:  # noqa: ANN401 - JSON is untyped
    """Return an error as JSON."""
    return [type(error).__name__, str(error), [astuple(each) for each in error.obstacles]]


def error_in(content: Any) -> MicrolutError:  # noqa: ANN401
    """Return the error that an answer holds."""
    name, message, obstacles = content
    error: MicrolutError = _KINDS[name](str(message))
    error.obstacles = tuple(_obstacle(*each) for each in obstacles)
    return error


def packed(model: object, packing: Packing) -> Any:  # noqa: ANN401
    """Return a model of any format as JSON; its arrays are added to the packing."""
    if isinstance(model, KerasModel):
        return ["keras", _packed_keras(model, packing)]
    if isinstance(model, TfliteFile):
        return ["tflite", _packed_tflite(model, packing)]
    content = onnx_file.encode(model)
    return ["onnx", packing.add(np.frombuffer(content, np.uint8))]


def model_in(content: Any, arrays: Arrays, source: str) -> Any:  # noqa: ANN401
    """Return the model that an answer holds."""
    kind, told = content
    if kind == "keras":
        return _keras(told, arrays, source)
    if kind == "tflite":
        return _tflite(told, arrays, source)
    return onnx_file.decoded(arrays[told].tobytes(), source)


def _obstacle(layer: str, where: str, found: str, advice: str, damaged: bool) -> Obstacle:
    return Obstacle(str(layer), str(where), str(found), str(advice), bool(damaged))


def _packed_keras(model: KerasModel, packing: Packing) -> Any:  # noqa: ANN401
    numbers: dict[int, int] = {}  # layers that share an array must go on sharing it
    weights = []
    for path, arrays in model.weights.items():
        for array in arrays:
            if id(array) not in numbers:
                numbers[id(array)] = packing.add(array)
        weights.append([path, [numbers[id(array)] for array in arrays]])
    ranges = [[path, dict(found)] for path, found in model.ranges.items()]
    return [model.config, weights, ranges, [astuple(each) for each in model.obstacles]]


def _keras(told: Any, arrays: Arrays, source: str) -> KerasModel:  # noqa: ANN401
    config, weights, ranges, obstacles = told
    return KerasModel(
        config,
        {tuple(path): tuple(arrays[i] for i in numbers) for path, numbers in weights},
        source,
        tuple(_obstacle(*each) for each in obstacles),
        {
            tuple(path): {place: (low, high) for place, (low, high) in found.items()}
            for path, found in ranges
        },
    )


def _packed_tflite(model: TfliteFile, packing: Packing) -> Any:  # noqa: ANN401
    def tensor(each: FileTensor) -> list[Any]:
        constant = None if each.constant is None else packing.add(each.constant)
        quantized = each.scales.tolist(), each.zero_points.tolist(), each.axis
        return [each.name, each.shape, each.dtype, *quantized, each.unknown, constant,
                each.is_variable]  # fmt: skip

    def operator(each: FileOperator) -> list[Any]:
        return [each.kind, dict(each.options), each.inputs, each.outputs, each.name, each.is_custom]

    graphs = [
        [[tensor(t) for t in graph.tensors], [operator(o) for o in graph.operators],
         graph.inputs, graph.outputs]
        for graph in model.subgraphs
    ]  # fmt: skip
    names = [list(names.items()) for names in (model.input_names, model.output_names)]
    return [graphs, *names, model.description]


def _tflite(told: Any, arrays: Arrays, source: str) -> TfliteFile:  # noqa: ANN401
    graphs, inputs, outputs, description = told
    subgraphs = tuple(
        Subgraph(
            tuple(_tensor(number, arrays, each) for number, each in enumerate(tensors)),
            tuple(_operator(each) for each in operators),
            tuple(first),
            tuple(last),
        )
        for tensors, operators, first, last in graphs
    )
    return TfliteFile(source, subgraphs, dict(inputs), dict(outputs), description)


def _tensor(number: int, arrays: Arrays, told: list[Any]) -> FileTensor:
    name, shape, dtype, scales, zero_points, axis, unknown, constant, is_variable = told
    return FileTensor(
        number=number,
        name=name,
        shape=tuple(shape),
        dtype=dtype,
        scales=np.array(scales, np.float32),
        zero_points=np.array(zero_points, np.int64),
        axis=axis,
        unknown=tuple(unknown),
        constant=None if constant is None else arrays[constant],
        is_variable=is_variable,
    )


def _operator(told: list[Any]) -> FileOperator:
    kind, found, inputs, outputs, name, is_custom = told
    options = {
        key: tuple(value) if isinstance(value, list) else value for key, value in found.items()
    }
    return FileOperator(kind, options, tuple(inputs), tuple(outputs), name, is_custom)
