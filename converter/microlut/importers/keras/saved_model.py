"""Read SavedModel folders of Keras 2 as data: no graph in them is ever loaded or run.

TensorFlow is imported only for its protocol buffers and its checkpoint reader.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.importers.keras.config import (
    MAX_NESTING,
    MAX_WEIGHT_ELEMENTS,
    Json,
    KerasModel,
    LayerPath,
    all_layers,
    one_line,
    parse_config,
    root_layer,
)
from microlut.importers.keras.custom import Custom
from microlut.importers.keras.damage import container, damaged
from microlut.importers.keras.metadata import read_keras_metadata
from microlut.importers.keras.wrapped_arrays import has_own, ranges_of
from microlut.importers.keras.wrappers import CLUSTERED
from microlut.support.tensorflow import load_tensorflow

_ROOT = 0
_MAX_GRAPH_BYTES = 512 << 20
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
# The order of Keras's lists of variables; a layer has some of these.
_VARIABLES = (
    "kernel",
    "recurrent_kernel",
    "depthwise_kernel",
    "pointwise_kernel",
    "bias",
    "gamma",
    "beta",
    "moving_mean",
    "moving_variance",
    "mean",
    "variance",
    "alpha",
)


_INNER = ("cell", "forward_layer", "backward_layer")  # objects inside layers


@dataclass(frozen=True, slots=True)
class _SavedModel:
    """The parts of a SavedModel that are read; all but `metadata` are TensorFlow's objects.

    Attributes:
        nodes: The object graph of the SavedModel.
        metadata: Keras's JSON of the objects, by number.
        stored: The object graph of the checkpoint, which has the variables' keys.
        checkpoint: TensorFlow's checkpoint reader.
        source: The folder, for messages.
    """

    nodes: Any
    metadata: Mapping[int, Json]
    stored: Any
    checkpoint: Any
    source: str


def read(folder: Path, custom: Custom) -> KerasModel:
    """Return the model in a SavedModel folder.

    Raises:
        InvalidInput: The folder has no Keras metadata, or is damaged.
        UnsupportedModel: The model is neither Functional nor Sequential.
        ToolMissing: TensorFlow is not installed.
    """
    source = str(folder)
    tensorflow = load_tensorflow(f"{source}: reading a SavedModel")
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        with container(folder):
            saved = _open(folder, tensorflow)
        config = parse_config(json.dumps(saved.metadata[_ROOT]), source, custom)
        model = root_layer(config, source)
        with container(folder):
            places = dict(_places(saved, _ROOT, _ROOT, ()))
            weights = {path: tuple(_arrays(saved, place)) for path, place in places.items()}
            ranges = {
                layer.path: ranges_of(layer, tuple(_ends(saved, places[layer.path])))
                for layer in all_layers(model)
                if has_own(layer) and layer.path in places
            }
    except (DecodeError, tensorflow.errors.OpError) as error:
        raise damaged(folder, one_line(error)) from error
    stored = {path: arrays for path, arrays in weights.items() if arrays}
    return KerasModel(config, stored, source, ranges=ranges)


def _open(folder: Path, tensorflow: ModuleType) -> _SavedModel:
    from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2

    file, index = folder / "saved_model.pb", folder / "variables" / "variables.index"
    size = file.stat().st_size
    if size > _MAX_GRAPH_BYTES:
        raise InvalidInput(f"{file}: {size} bytes, at most {_MAX_GRAPH_BYTES} are read")
    graphs = saved_model_pb2.SavedModel.FromString(file.read_bytes()).meta_graphs
    nodes = graphs[0].object_graph_def.nodes if graphs else []
    metadata = _metadata(folder, nodes)
    if _ROOT not in metadata:
        raise InvalidInput(
            f"{folder}: a SavedModel without Keras metadata (model.export() writes these); "
            'save the model itself with model.save("model.keras")'
        )
    if not index.is_file():
        raise InvalidInput(f"{folder}: variables/variables.index is missing; copy the whole folder")
    checkpoint = tensorflow.train.load_checkpoint(str(index.with_suffix("")))
    stored = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
        checkpoint.get_tensor(_OBJECT_GRAPH)
    )
    return _SavedModel(nodes, metadata, stored.nodes, checkpoint, str(folder))


def _metadata(folder: Path, nodes: Any) -> Mapping[int, Json]:  # noqa: ANN401 - a protobuf
    """Return Keras's JSON of each object, by its number in the object graph."""
    separate = folder / "keras_metadata.pb"
    if separate.is_file():
        texts = read_keras_metadata(separate.read_bytes())
    else:
        texts = {i: node.user_object.metadata for i, node in enumerate(nodes)}
    parsed = {i: json.loads(text) for i, text in texts.items() if text}
    return {i: value for i, value in parsed.items() if isinstance(value, dict)}


def _places(
    saved: _SavedModel, index: int, stored_index: int, parent: LayerPath
) -> Iterator[tuple[LayerPath, int]]:
    """Yield the layers, each with its number in the checkpoint's object graph.

    Walks the model's and the checkpoint's object graphs side by side, by the children's names. The
    first has each layer's name (through the metadata), the second each variable's key.
    """
    if len(parent) > MAX_NESTING:
        raise InvalidInput(f"{saved.source}: nested deeper than {MAX_NESTING}; flatten the model")
    stored = {child.local_name: child.node_id for child in saved.stored[stored_index].children}
    for child in saved.nodes[index].children:
        if not re.match(r"layer(-|$)", child.local_name) or child.local_name not in stored:
            continue
        told = saved.metadata.get(child.node_id, {})
        name = told.get("name")
        if told.get("class_name") in CLUSTERED and _has_centroids(saved, stored[child.local_name]):
            raise UnsupportedModel(
                f"{saved.source}: layer {name!r} ({told['class_name']}): its centroids are not "
                "read from SavedModel folders; save it as .keras, or strip the clustering first"
            )
        path, stored_child = (*parent, str(name)), stored[child.local_name]
        yield path, stored_child
        yield from _places(saved, child.node_id, stored_child, path)


def _has_centroids(saved: _SavedModel, stored_index: int) -> bool:
    return any(
        child.local_name.startswith("original_weight_")
        for child in saved.stored[stored_index].children
    )


def _arrays(saved: _SavedModel, stored_index: int) -> Iterator[NDArray[np.generic]]:
    """Yield a layer's variables in Keras's order."""
    children = {child.local_name: child.node_id for child in saved.stored[stored_index].children}
    if "layer" in children:  # of a TimeDistributed
        yield from _arrays(saved, children["layer"])
        return
    for name in _VARIABLES:
        if name in children:
            for attribute in saved.stored[children[name]].attributes[:1]:
                yield _tensor(saved, attribute.checkpoint_key)
    for name in _INNER:
        if name in children:
            yield from _arrays(saved, children[name])


def _ends(saved: _SavedModel, stored_index: int) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield the ends of the ranges that a wrapper has recorded, with their names."""
    for child in saved.stored[stored_index].children:
        if child.local_name.endswith(("_min", "_max")):
            for attribute in saved.stored[child.node_id].attributes[:1]:
                yield child.local_name, _tensor(saved, attribute.checkpoint_key)


def _tensor(saved: _SavedModel, key: str) -> NDArray[np.generic]:
    shape = saved.checkpoint.get_variable_to_shape_map().get(key)
    if shape is None or np.prod([float(n) for n in shape]) > MAX_WEIGHT_ELEMENTS:
        raise InvalidInput(
            f"{saved.source}: variable {key!r} is "
            f"{'missing' if shape is None else 'larger than any microcontroller'}; "
            "save the model again"
        )
    return np.asarray(saved.checkpoint.get_tensor(key))
