"""Read whole-model HDF5 files (`.h5`, `.hdf5`) of Keras 2, and of Keras 3's legacy format.

`separate_process.read` runs this in a child process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput
from microlut.importers.keras import hdf5
from microlut.importers.keras.config import (
    KerasModel,
    Layer,
    LayerPath,
    Recorded,
    all_layers,
    child_layers,
    parse_config,
    root_layer,
)
from microlut.importers.keras.custom import Custom
from microlut.importers.keras.damage import container
from microlut.importers.keras.dropped import DROPPED
from microlut.importers.keras.keras_1 import todays_arrays
from microlut.importers.keras.known_options import KNOWN
from microlut.importers.keras.stored_order import positions
from microlut.importers.keras.variables import Arrays, merged
from microlut.importers.keras.wrapped_arrays import arrays_of, has_own, ranges_of
from microlut.support.limits import Quota

_KNOWN = {*KNOWN, *DROPPED}
_MOST_NAMED = 8


def read(path: Path, custom: Custom) -> KerasModel:
    """Return the model in a whole-model HDF5 file.

    Raises:
        InvalidInput: The file has only weights, or is no Keras model.
        UnsupportedModel: The model is neither Functional nor Sequential.
    """
    source = str(path)
    with container(path):
        file = h5py.File(path, "r")
    with file:
        text = hdf5.attribute(file, "model_config", source)
        group = hdf5.subgroup(file, "model_weights", source)
        if not isinstance(text, str | bytes) or group is None:
            raise _no_model(file, source)
        config = parse_config(text, source, custom)
        model = root_layer(config, source)
        version = 3 if _text(hdf5.attribute(file, "keras_version", source)).startswith("3") else 2
        weights: dict[LayerPath, Arrays] = {}
        ranges: dict[LayerPath, Recorded] = {}
        quota = Quota()
        for layer in child_layers(model):
            stored = _stored(group, layer, quota)
            weights.update(_arrays(layer, stored, version))
            if has_own(layer):
                ranges[layer.path] = ranges_of(layer, stored)
    return KerasModel(config, weights, source, ranges=ranges)


def _no_model(file: h5py.File, source: str) -> InvalidInput:
    weights = hdf5.attribute(file, "layer_names", source) is not None
    weights = weights or hdf5.subgroup(file, "layers", source) is not None
    return InvalidInput(
        f"{source}: an HDF5 file with {'only weights' if weights else 'no model'}; save the "
        'architecture with them: model.save("model.h5") or model.save("model.keras")'
    )


def _stored(group: h5py.Group, layer: Layer, quota: Quota) -> list[tuple[str, NDArray[np.generic]]]:
    """Return the arrays of a top-level layer or nested model, with their names."""
    folder = hdf5.subgroup(group, layer.name, layer.source)
    names = () if folder is None else _weight_names(folder, layer.source)
    return [(name, _array(folder, name, layer, quota)) for name in names]


def _arrays(
    layer: Layer, stored: Sequence[tuple[str, NDArray[np.generic]]], version: int
) -> dict[LayerPath, Arrays]:
    """Return the arrays of a top-level layer, or of all layers of a nested model, by path."""
    names, arrays = [name for name, _ in stored], [array for _, array in stored]
    found = positions(layer, names, version)
    if found is None and has_own(layer):
        return {layer.path: arrays_of(layer, stored)}
    if found is None and not layer.is_model:
        return {layer.path: todays_arrays(layer.entry, tuple(arrays))}
    if found is None and all(each.class_name in _KNOWN for each in all_layers(layer)):
        shown = ", ".join(names[:_MOST_NAMED])
        raise layer.invalid(
            f"its layers need other arrays than the {len(names)} that are stored ({shown}, ...)"
        )
    return {
        owner.path: merged(owner, {variable: arrays[i] for variable, i in indices.items()})
        for owner, indices in found or ()
    }


def _array(folder: h5py.Group, name: str, layer: Layer, quota: Quota) -> NDArray[np.generic]:
    array = hdf5.dataset(folder, name, layer.source, quota)
    if array is None:
        raise layer.invalid(
            f"looked for array {name!r}, which its list of arrays names, and found none"
        )
    return array


def _weight_names(folder: h5py.Group, source: str) -> tuple[str, ...]:
    """Return the names of a group's arrays; Keras splits long lists into parts 0, 1, ..."""
    key = "weight_names"
    parts = [hdf5.attribute(folder, key, source)]
    while (part := hdf5.attribute(folder, f"{key}{len(parts) - 1}", source)) is not None:
        parts.append(part)
    names = [name for part in parts if part is not None for name in np.asarray(part).reshape(-1)]
    return tuple(_text(name) for name in names)


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
