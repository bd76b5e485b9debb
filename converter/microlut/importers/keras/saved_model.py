"""Read SavedModel folders of Keras 2 as data: no graph in them is ever loaded or run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.importers.keras.checkpoint import Checkpoint
from microlut.importers.keras.config import (
    MAX_NESTING,
    MAX_WEIGHT_ELEMENTS,
    Json,
    KerasModel,
    LayerPath,
    all_layers,
    parse_config,
    root_layer,
)
from microlut.importers.keras.custom import Custom
from microlut.importers.keras.damage import container
from microlut.importers.keras.object_graph import (
    Tracked,
    metadata_texts,
    saved_objects,
    stored_objects,
)
from microlut.importers.keras.wrapped_arrays import has_own, ranges_of
from microlut.importers.keras.wrappers import CLUSTERED
from microlut.support.limits import Quota

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
    """The parts of a SavedModel that are read.

    Attributes:
        nodes: The object graph of the SavedModel.
        metadata: Keras's JSON of the objects, by number.
        stored: The object graph of the checkpoint, which has the variables' keys.
        checkpoint: The variables.
        source: The folder, for messages.
        quota: Bytes that arrays may still take.
    """

    nodes: Sequence[Tracked]
    metadata: Mapping[int, Json]
    stored: Sequence[Tracked]
    checkpoint: Checkpoint
    source: str
    quota: Quota


def read(folder: Path, custom: Custom) -> KerasModel:
    """Return the model in a SavedModel folder.

    Raises:
        InvalidInput: The folder has no Keras metadata, or is damaged.
        UnsupportedModel: The model is neither Functional nor Sequential.
    """
    source = str(folder)
    with container(folder):
        saved = _open(folder)
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
    stored = {path: arrays for path, arrays in weights.items() if arrays}
    return KerasModel(config, stored, source, ranges=ranges)


def _open(folder: Path) -> _SavedModel:
    file, index = folder / "saved_model.pb", folder / "variables" / "variables.index"
    nodes = saved_objects(_content(file))
    metadata = _metadata(folder, nodes)
    if _ROOT not in metadata:
        raise InvalidInput(
            f"{folder}: a SavedModel without Keras metadata (model.export() writes these); "
            'save the model itself with model.save("model.keras")'
        )
    if not index.is_file():
        raise InvalidInput(f"{folder}: variables/variables.index is missing; copy the whole folder")
    checkpoint = Checkpoint(index)
    stored = stored_objects(memoryview(checkpoint.text(_OBJECT_GRAPH)))
    return _SavedModel(nodes, metadata, stored, checkpoint, str(folder), Quota())


def _content(file: Path) -> memoryview:
    size = file.stat().st_size
    if size > _MAX_GRAPH_BYTES:
        raise InvalidInput(f"{file}: {size} bytes, at most {_MAX_GRAPH_BYTES} are read")
    return memoryview(file.read_bytes())


def _metadata(folder: Path, nodes: Sequence[Tracked]) -> Mapping[int, Json]:
    """Return Keras's JSON of each object, by its number in the object graph."""
    separate = folder / "keras_metadata.pb"
    if separate.is_file():
        texts = metadata_texts(_content(separate))
    else:
        texts = {i: node.text for i, node in enumerate(nodes)}
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
    stored = saved.stored[stored_index].children
    for local_name, child in saved.nodes[index].children.items():
        if not re.match(r"layer(-|$)", local_name) or local_name not in stored:
            continue
        told = saved.metadata.get(child, {})
        name = told.get("name")
        if told.get("class_name") in CLUSTERED and _has_centroids(saved, stored[local_name]):
            raise UnsupportedModel(
                f"{saved.source}: layer {name!r} ({told['class_name']}): its centroids are not "
                "read from SavedModel folders; save it as .keras, or strip the clustering first"
            )
        path, stored_child = (*parent, str(name)), stored[local_name]
        yield path, stored_child
        yield from _places(saved, child, stored_child, path)


def _has_centroids(saved: _SavedModel, stored_index: int) -> bool:
    names = saved.stored[stored_index].children
    return any(name.startswith("original_weight_") for name in names)


def _arrays(saved: _SavedModel, stored_index: int) -> Iterator[NDArray[np.generic]]:
    """Yield a layer's variables in Keras's order."""
    children = saved.stored[stored_index].children
    if "layer" in children:  # of a TimeDistributed
        yield from _arrays(saved, children["layer"])
        return
    for name in _VARIABLES:
        if name in children:
            for key in saved.stored[children[name]].keys[:1]:
                yield _tensor(saved, key)
    for name in _INNER:
        if name in children:
            yield from _arrays(saved, children[name])


def _ends(saved: _SavedModel, stored_index: int) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Yield the ends of the ranges that a wrapper has recorded, with their names."""
    for name, child in saved.stored[stored_index].children.items():
        if name.endswith(("_min", "_max")):
            for key in saved.stored[child].keys[:1]:
                yield name, _tensor(saved, key)


def _tensor(saved: _SavedModel, key: str) -> NDArray[np.generic]:
    entry = saved.checkpoint.entry(key)
    if entry is None or math.prod(entry.shape) > MAX_WEIGHT_ELEMENTS:
        raise InvalidInput(
            f"{saved.source}: variable {key!r} is "
            f"{'missing' if entry is None else 'larger than any microcontroller'}; "
            "save the model again"
        )
    saved.quota.take(entry.array_bytes, saved.source)
    return saved.checkpoint.array(entry)
