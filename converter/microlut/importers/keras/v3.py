"""Read the `.keras` format (a zip of JSON and HDF5) of Keras 3 and of late Keras 2.

Entries are read in memory and never extracted.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput, Obstacle
from microlut.importers.keras import hdf5
from microlut.importers.keras.config import (
    KerasModel,
    Layer,
    LayerPath,
    Recorded,
    applied_model,
    child_layers,
    parse_config,
    root_layer,
    stepwise,
)
from microlut.importers.keras.custom import Custom
from microlut.importers.keras.damage import container
from microlut.importers.keras.sharing import Occurrence, occurrences
from microlut.importers.keras.variables import Arrays, owners
from microlut.importers.keras.wrapped_arrays import (
    QUANTIZE_LAYER,
    arrays_of,
    clustered,
    has_own,
    named,
    ranges_of,
)
from microlut.importers.keras.wrappers import is_clustered
from microlut.support.limits import Quota, check_model_bytes

_MAX_CONFIG_BYTES = 32 << 20
_CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"
# The folder of a model's layers; Keras 2.12 and 2.13 write the second name.
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


def read(path: Path, custom: Custom) -> KerasModel:
    """Return the model in a `.keras` file.

    Raises:
        InvalidInput: The zip has no Keras model, or too large a one.
        UnsupportedModel: The model is neither Functional nor Sequential.
    """
    source = str(path)
    with container(path):
        archive = zipfile.ZipFile(path)
    with archive:
        names = archive.namelist()
        if _CONFIG not in names or _WEIGHTS not in names:
            missing = _WEIGHTS if _CONFIG in names else _CONFIG
            raise InvalidInput(
                f"{source}: a zip without {missing}, so no .keras file; "
                'save the whole model with model.save("model.keras")'
            )
        text = _entry(archive, _CONFIG, _MAX_CONFIG_BYTES, source)
        config = parse_config(text, source, custom)
        stored = _entry(archive, _WEIGHTS, None, source)
    model = root_layer(config, source)
    with container(source):
        file = h5py.File(io.BytesIO(stored), "r")
    with file:
        weights: dict[LayerPath, Arrays] = {}
        reading = _Reading(file, source, weights, occurrences(model))
        _read_model(model, "", reading)
    return KerasModel(config, weights, source, tuple(reading.obstacles), reading.ranges)


def snake_case(class_name: str) -> str:
    """Return a class name as Keras writes it in paths.

    >>> snake_case("DepthwiseConv2D")
    'depthwise_conv2d'
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _entry(archive: zipfile.ZipFile, name: str, limit: int | None, source: str) -> bytes:
    size = archive.getinfo(name).file_size
    if limit is None:
        check_model_bytes(source, size)
    elif size > limit:
        raise InvalidInput(
            f"{source}: {name} has {size} bytes, at most {limit} are read; use a smaller model"
        )
    with container(source):
        return archive.read(name)


@dataclass(frozen=True, slots=True)
class _Reading:
    """The state of reading: the source, the arrays and obstacles so far, and shared layers."""

    file: h5py.File
    source: str
    weights: dict[LayerPath, Arrays]
    occurrences: Mapping[LayerPath, Occurrence]
    obstacles: list[Obstacle] = field(default_factory=list)
    ranges: dict[LayerPath, Recorded] = field(default_factory=dict)
    quota: Quota = field(default_factory=Quota)

    def members(self, folder: str) -> tuple[str, ...]:
        r"""Return the members of a folder; Keras 2 on Windows wrote layers\conv2d as one name."""
        group = hdf5.subgroup(self.file, folder, self.source)
        if group is not None:
            return hdf5.names(group, self.source)
        prefix = folder.replace("/", "\\") + "\\"
        found = hdf5.names(self.file, self.source)
        inside = (name.removeprefix(prefix) for name in found if name.startswith(prefix))
        return tuple(dict.fromkeys(name.partition("\\")[0] for name in inside))

    def variables(self, folder: str) -> Arrays:
        """Return vars/0, vars/1, ... up to the first that is missing."""
        arrays: list[NDArray[np.generic]] = []
        while (array := self._array(folder, f"vars/{len(arrays)}")) is not None:
            arrays.append(array)
        return tuple(arrays)

    def _array(self, folder: str, name: str) -> NDArray[np.generic] | None:
        windows = folder.replace("/", "\\")
        for path in (
            f"{folder}/{name}",
            f"{windows}/{name}",
            f"{windows}/{name}".replace("/", "\\"),
        ):
            array = hdf5.dataset(self.file, path, self.source, self.quota)
            if array is not None:
                return array
        return None


def _read_model(model: Layer, folder: str, reading: _Reading) -> None:
    """Read the arrays of all layers of a model, whose folder is `folder`.

    A layer's folder is its class name in snake case; the second of a class gets "_1", and so on.
    """
    containers = [f"{folder}/{name}".lstrip("/") for name in _CONTAINERS]
    within = next((name for name in containers if reading.members(name)), containers[0])
    stored = reading.members(within)
    layers = child_layers(model)
    places = {}
    for key in {snake_case(layer.stored_class): None for layer in layers}:
        alike = [layer for layer in layers if snake_case(layer.stored_class) == key]
        places.update(_places(key, alike, stored, reading.occurrences))
    for layer in layers:
        place = places.get(layer.path)
        if place is None:
            _copy(reading, layer)
            continue
        if place not in stored and layer.name in stored:
            place = layer.name
        applied = applied_model(layer)
        if applied is not None:
            _, steps = stepwise(layer)
            _read_model(applied, f"{within}/{place}{'/layer' * steps}", reading)
        elif layer.is_model:
            _read_model(layer, f"{within}/{place}", reading)
        else:
            if has_own(layer):
                _read_wrapped(layer, f"{within}/{place}", reading)
                continue
            parts = [f"{within}/{place}{inner}" for inner in owners(layer)]
            arrays = [array for part in parts for array in reading.variables(part)]
            reading.weights[layer.path] = tuple(arrays)


def _read_wrapped(layer: Layer, folder: str, reading: _Reading) -> None:
    """Read the arrays of a layer that wrappers were taken off."""
    inside = f"{folder}{'/layer' * len(layer.wrappers)}"
    parts = [f"{inside}{inner}" for inner in owners(layer)]
    arrays = tuple(array for part in parts for array in reading.variables(part))
    if is_clustered(layer.entry):
        arrays = arrays_of(layer, clustered(layer, reading.variables(folder), arrays))
    elif layer.class_name == QUANTIZE_LAYER or layer.wrappers[0].startswith("Quantize"):
        stored = named(layer, reading.variables(folder), arrays)
        arrays, reading.ranges[layer.path] = arrays_of(layer, stored), ranges_of(layer, stored)
    reading.weights[layer.path] = arrays


def _places(
    key: str,
    layers: Sequence[Layer],
    stored: Collection[str],
    occurrences: Mapping[LayerPath, Occurrence],
) -> dict[LayerPath, str]:
    """Return the folders of a model's layers of one class; those stored elsewhere have none.

    Keras stores an object only at its first occurrence. Keras 3 counts further ones, Keras 2 does
    not, and it is not always certain which layers are further ones. The existing folders decide.
    """
    paths = [layer.path for layer in layers]
    sure = {path for path in paths if path in occurrences and occurrences[path].certain}
    unsure = {path for path in paths if path in occurrences}
    present = {name for name in stored if re.fullmatch(rf"{re.escape(key)}(_\d+)?", name)}
    counted = _numbered(key, paths, sure, True)
    absent = {path for path in unsure if counted.get(path) not in present}
    guesses = [
        _numbered(key, paths, elsewhere, counts)
        for elsewhere, counts in ((unsure, True), (unsure, False), (absent, True), (sure, False))
    ]
    fitting = [guess for guess in guesses if set(guess.values()) == present]
    in_order = (_in_order(paths, elsewhere, present) for elsewhere in (unsure, sure))
    fitting += [guess for guess in in_order if guess]
    return next(iter(fitting), counted)


def _numbered(
    key: str, paths: Sequence[LayerPath], elsewhere: Collection[LayerPath], counted: bool
) -> dict[LayerPath, str]:
    """Return the folders' names if the layers `elsewhere` have none but may be counted."""
    places: dict[LayerPath, str] = {}
    for number, path in enumerate(paths):
        if path not in elsewhere:
            index = number if counted else len(places)
            places[path] = f"{key}_{index}" if index else key
    return places


def _in_order(
    paths: Sequence[LayerPath], elsewhere: Collection[LayerPath], present: Collection[str]
) -> dict[LayerPath, str]:
    """Return the folders by ascending number, if there are as many as layers.

    Keras 2.13 has a list in which layers with arrays are twice, so it counts them twice: dense,
    dense_2, dense_4.
    """
    own = [path for path in paths if path not in elsewhere]
    folders = sorted(present, key=lambda name: (len(name), name))
    return dict(zip(own, folders, strict=True)) if len(own) == len(folders) else {}


def _copy(reading: _Reading, layer: Layer) -> None:
    """Give a layer, or all layers of a model, the arrays of its first occurrence."""
    originals = reading.occurrences[layer.path].originals
    contents = [
        {
            path[len(original) :]: arrays
            for path, arrays in reading.weights.items()
            if path[: len(original)] == original
        }
        for original in originals
    ]
    first = contents[0]
    if any(
        each.keys() != first.keys() or any(each[path] is not first[path] for path in first)
        for each in contents[1:]
    ):
        shown = ", ".join(repr("/".join(path)) for path in originals)
        error = layer.unsupported(
            f"is shared with one of {shown}, and the file does not say with which",
            "give these layers names that differ and save the model again",
        )
        reading.obstacles.extend(error.obstacles)
    reading.weights.update({layer.path + path: arrays for path, arrays in first.items()})
