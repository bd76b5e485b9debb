"""Reads whole-model HDF5 files (`.h5`, `.hdf5`) of Keras 2, and of Keras 3's legacy format.

`separate_process.read` runs this in a child process.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.importers import hdf5
from microlut.importers.keras_config import (
    KerasModel,
    Layer,
    parse_config,
    read_weights,
    root_layer,
)

_Arrays = tuple[NDArray[np.generic], ...]
_Named = Mapping[str, NDArray[np.generic]]


def read(path: Path) -> KerasModel:
    """Return the model in a whole-model HDF5 file.

    Raises:
        InvalidInput: the file holds only weights, or is no Keras model.
        UnsupportedModel: the model is neither Functional nor Sequential.
    """
    source = str(path)
    with h5py.File(path, "r") as file:
        text = file.attrs.get("model_config")
        group = hdf5.subgroup(file, "model_weights", source)
        if not isinstance(text, str | bytes) or group is None:
            holds = (
                "only weights" if "layer_names" in file.attrs or "layers" in file else "no model"
            )
            raise InvalidInput(
                f"{source}: an HDF5 file with {holds}; save the architecture with them: "
                'model.save("model.h5") or model.save("model.keras")'
            )
        config = parse_config(text, source)
        model = root_layer(config, source)
        tops: dict[str, _Named] = {}
        weights = read_weights(model, lambda layer: _layer_arrays(group, layer, tops))
    return KerasModel(config, weights, source)


def _layer_arrays(group: h5py.Group, layer: Layer, tops: dict[str, _Named]) -> _Arrays:
    """Return a layer's arrays; `tops` remembers the groups of top-level layers already read."""
    top = layer.path[0]
    if top not in tops:
        folder = hdf5.subgroup(group, top, layer.source)
        tops[top] = {} if folder is None else _named_arrays(folder, layer.source)
    if len(layer.path) == 1:
        return tuple(tops[top].values())
    return _nested_arrays(tops[top], layer)


def _named_arrays(folder: h5py.Group, source: str) -> _Named:
    """Return a top-level layer's arrays in the order of its attribute `weight_names`."""
    arrays = {}
    for name in _attribute(folder, "weight_names"):
        array = hdf5.dataset(folder, name, source)
        if array is None:
            raise InvalidInput(
                f"{source}: array {name!r} is missing; the file is damaged: save the model again"
            )
        arrays[name] = array
    return arrays


def _attribute(folder: h5py.Group, key: str) -> list[str]:
    """Return a list of names; Keras splits long ones into `key`0, `key`1, ..."""
    parts = [folder.attrs[key]] if key in folder.attrs else []
    while f"{key}{len(parts)}" in folder.attrs:
        parts.append(folder.attrs[f"{key}{len(parts)}"])
    names = [name for part in parts for name in np.asarray(part).reshape(-1).tolist()]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _nested_arrays(named: _Named, layer: Layer) -> _Arrays:
    """Return the arrays of a layer inside a nested model, whose group holds them all.

    Names end in ".../<layer>/<variable>"; where layers of several nested models share a name,
    the one whose models' names match furthest is meant.
    """
    owners: dict[tuple[str, ...], list[NDArray[np.generic]]] = {}
    for name, array in named.items():
        owner = tuple(name.split("/")[:-1])
        if owner[-1:] == layer.path[-1:]:
            owners.setdefault(owner, []).append(array)
    if not owners:
        return ()
    return tuple(owners[max(owners, key=lambda owner: _common_end(owner, layer.path))])


def _common_end(owner: tuple[str, ...], path: tuple[str, ...]) -> int:
    count = 0
    for a, b in zip(reversed(owner), reversed(path), strict=False):
        if a != b:
            break
        count += 1
    return count
