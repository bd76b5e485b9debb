"""Reads the `.keras` format (a zip of JSON and HDF5) of Keras 3 and of late Keras 2.

Entries are read in memory and never extracted.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.importers import hdf5
from microlut.importers.keras_config import (
    KerasModel,
    Layer,
    LayerPath,
    child_layers,
    parse_config,
    root_layer,
)

_MAX_CONFIG_BYTES = 32 << 20
_MAX_WEIGHTS_BYTES = 1 << 30
_CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"
# The folder of a model's layers; the second name was written by Keras 2.12 and 2.13.
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def read(path: Path) -> KerasModel:
    """Return the model in a `.keras` file.

    Raises:
        InvalidInput: the zip holds no Keras model, or too large a one.
        UnsupportedModel: the model is neither Functional nor Sequential.
    """
    source = str(path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if _CONFIG not in names or _WEIGHTS not in names:
            missing = _WEIGHTS if _CONFIG in names else _CONFIG
            raise InvalidInput(
                f"{source}: a zip without {missing}, so no .keras file; "
                'save the whole model with model.save("model.keras")'
            )
        config = parse_config(_entry(archive, _CONFIG, _MAX_CONFIG_BYTES, source), source)
        stored = _entry(archive, _WEIGHTS, _MAX_WEIGHTS_BYTES, source)
    model = root_layer(config, source)
    with h5py.File(io.BytesIO(stored), "r") as file:
        return KerasModel(config, dict(_model_weights(model, file)), source)


def snake_case(class_name: str) -> str:
    """Return a class name as Keras writes it in paths.

    >>> snake_case("DepthwiseConv2D")
    'depthwise_conv2d'
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _entry(archive: zipfile.ZipFile, name: str, limit: int, source: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > limit:
        raise InvalidInput(
            f"{source}: {name} has {size} bytes, at most {limit} are read; use a smaller model"
        )
    return archive.read(name)


def _model_weights(
    model: Layer, group: h5py.Group
) -> Iterator[tuple[LayerPath, tuple[NDArray[np.generic], ...]]]:
    """Yield the arrays of each layer below a model, whose own folder is `group`.

    A layer's folder is its class's snake-cased name; the second of a class gets "_1", and so on.
    """
    counts: dict[str, int] = {}
    for layer in child_layers(model):
        key = snake_case(layer.class_name)
        count = counts.get(key, 0)
        counts[key] = count + 1
        folder = _layer_folder(group, f"{key}_{count}" if count else key, layer)
        if folder is None:
            continue
        if layer.is_model:
            yield from _model_weights(layer, folder)
        else:
            yield layer.path, _variables(folder, layer)


def _layer_folder(group: h5py.Group, key: str, layer: Layer) -> h5py.Group | None:
    for container in _CONTAINERS:
        for name in (key, layer.name):
            folder = hdf5.subgroup(group, f"{container}/{name}", layer.source)
            if folder is not None:
                return folder
    return None


def _variables(folder: h5py.Group, layer: Layer) -> tuple[NDArray[np.generic], ...]:
    """Return vars/0, vars/1, ... up to the first that is missing."""
    arrays: list[NDArray[np.generic]] = []
    while (array := hdf5.dataset(folder, f"vars/{len(arrays)}", layer.source)) is not None:
        arrays.append(array)
    return tuple(arrays)
