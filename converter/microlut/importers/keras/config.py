"""A Keras architecture with its arrays, as read from any source.

The configuration is plain JSON data; nothing in it is ever called or imported.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.errors import InvalidInput, Obstacle, UnsupportedModel
from microlut.importers.keras.custom import NOTHING, STORED_CLASS, Custom, with_custom
from microlut.importers.keras.keras_1 import in_todays_names
from microlut.importers.keras.plain_json import MOST_LAYERS, layer_count, plain
from microlut.importers.keras.wrappers import unwrapped, wrappers_of

LayerPath = tuple[str, ...]
Weights = Mapping[LayerPath, tuple[NDArray[np.generic], ...]]
Json = dict[str, Any]
# Ranges that were recorded in training, by the place in the layer: "before" its activation, and of
# its "output".
Recorded = Mapping[str, tuple[float, float]]

STEPWISE = "TimeDistributed"
MODEL_CLASSES = ("Functional", "Model", "Sequential")
MAX_WEIGHT_ELEMENTS = 1 << 26
MAX_NESTING = 16
KERAS_MODULES = (
    *("keras", "tf_keras", "tensorflow", "tensorflow_model_optimization"),
    *("larq", "qkeras"),
)
_ADVICE = "correct the model in Keras and save it again"


@dataclass(frozen=True, slots=True)
class KerasModel:
    """A model as read from a file.

    Attributes:
        config: {"class_name": ..., "config": ...}, with tuples written as lists.
        weights: The arrays of each layer in Keras's order (kernel, bias; gamma, beta, moving mean,
            moving variance), by the layer's path through nested models.
        source: The file or object, for messages.
        obstacles: What the configuration does not tell and cannot be converted.
        ranges: Ranges of values that were recorded in training, by the layer's path.
    """

    config: Json
    weights: Weights
    source: str
    obstacles: tuple[Obstacle, ...] = ()
    ranges: Mapping[LayerPath, Recorded] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of the configuration.

    Attributes:
        path: Names of the nested models that contain it, then its own.
        config: Its options.
        entry: The whole JSON object that it was read from.
        source: The file or object, for messages.
        keras_2: Whether Keras 2 made the model; some names mean something else there.
    """

    path: LayerPath
    class_name: str
    config: Json
    entry: Json
    source: str
    keras_2: bool = False

    @property
    def name(self) -> str:
        """Return the layer's own name."""
        return self.path[-1]

    @property
    def full_name(self) -> str:
        """Return the layer's name after those of the nested models that contain it."""
        return "/".join(self.path)

    @property
    def place(self) -> str:
        """Return the name of the layer in messages."""
        return f"layer {self.full_name!r} ({self.class_name})" if any(self.path) else "the model"

    @property
    def wrappers(self) -> tuple[str, ...]:
        """Return the classes of the wrappers that were taken off it, the outermost first."""
        return wrappers_of(self.entry)

    @property
    def stored_class(self) -> str:
        """Return the class that the file names: that of the outermost wrapper, or the user's."""
        return (*self.wrappers, self.entry.get(STORED_CLASS) or self.class_name)[0]

    @property
    def is_model(self) -> bool:
        """Return whether this is a nested model."""
        return self.class_name in MODEL_CLASSES and not self.is_custom

    @property
    def is_functional(self) -> bool:
        """Return whether this is a nested functional model."""
        return self.is_model and self.class_name != "Sequential"

    @property
    def is_custom(self) -> bool:
        """Return whether the class is not Keras's, whatever its name."""
        module, registered = self.entry.get("module"), self.entry.get("registered_name")
        foreign = isinstance(module, str) and module.split(".")[0] not in KERAS_MODULES
        package, _, name = str(registered).rpartition(">")
        known = name == self.class_name and package in ("", *KERAS_MODULES)
        return foreign or not (registered is None or known)

    def part(self, entry: Json) -> Layer:
        """Return an option that is a layer object, such as an activation or a cell."""
        kind, config = str(entry.get("class_name")), entry.get("config")
        name = config.get("name") if isinstance(config, dict) else None
        path = (*self.path, str(name or kind))
        return replace(self, path=path, class_name=kind, config=config or {}, entry=entry)

    def unsupported(self, found: str, advice: str) -> UnsupportedModel:
        """Return the error for an option that cannot be converted."""
        error = UnsupportedModel(f"{self.source}: {self.place}: {found}; {advice}")
        error.obstacles = (Obstacle(self.full_name, self.place, found, advice),)
        return error

    def invalid(self, found: str, advice: str = _ADVICE) -> InvalidInput:
        """Return the error for a configuration or arrays that are no valid layer."""
        error = InvalidInput(f"{self.source}: {self.place}: {found}; {advice}")
        error.obstacles = (Obstacle(self.full_name, self.place, found, advice, damaged=True),)
        return error


def parse_config(text: str | bytes, source: str, custom: Custom = NOTHING) -> Json:
    """Return a model's architecture from its JSON text, with what the user says about classes.

    Raises:
        InvalidInput: It is not JSON, or no Keras configuration, or lacks a name in `custom`.
    """
    try:
        found = json.loads(text)
        if layer_count(found) > MOST_LAYERS:
            raise UnsupportedModel(
                f"{source}: the model has more than {MOST_LAYERS:,} layers, which is the most that "
                "is converted; use fewer"
            )
        config = plain(found)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{source}: the architecture is no valid JSON ({one_line(error)}); save the model again"
        ) from error
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise InvalidInput(
            f"{source}: the architecture names no class; save the whole model with model.save(...)"
        )
    return with_custom(in_todays_names(config), custom, source)


def root_layer(config: Json, source: str) -> Layer:
    """Return the model itself as a layer with an empty-named path.

    Raises:
        UnsupportedModel: The model is neither Functional nor Sequential.
    """
    keras_2 = _has_key(config, "batch_input_shape")  # Keras 3 calls it batch_shape
    layer = Layer(("",), config["class_name"], _options(config), config, source, keras_2)
    if not layer.is_model:
        raise UnsupportedModel(
            f"{source}: the model's class is {config['class_name']}; microlut converts Functional "
            "and Sequential models: build it with keras.Model(inputs, outputs) or keras.Sequential"
        )
    return layer


def child_layers(model: Layer) -> tuple[Layer, ...]:
    """Return a model's own layers in the order of the configuration.

    Raises:
        InvalidInput: The list is missing or malformed, or two layers share a name.
    """
    entries = model.config.get("layers")
    if not isinstance(entries, list):
        raise model.invalid("has no list of layers")
    if len(model.path) > MAX_NESTING:
        raise model.unsupported(
            f"models are nested more than {MAX_NESTING} deep", "flatten the model"
        )
    parent = () if model.path == ("",) else model.path
    layers = tuple(_child(model, parent, entry) for entry in entries)
    names = [layer.name for layer in layers]
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise model.invalid(f"holds two layers named {repeated!r}")
    return layers


def layers_and_models(model: Layer) -> Iterator[Layer]:
    """Yield every layer and nested model, each model before its own layers."""
    for layer in child_layers(model):
        yield layer
        if layer.is_model:
            yield from layers_and_models(layer)


def inner_layer(layer: Layer) -> Layer:
    """Return the layer that a wrapper, such as TimeDistributed, applies.

    Raises:
        InvalidInput: There is none.
    """
    entry = layer.config.get("layer")
    if not isinstance(entry, dict):
        raise layer.invalid("holds no layer")
    return _child(layer, layer.path, entry)


def stepwise(layer: Layer) -> tuple[Layer, int]:
    """Return the layer that TimeDistributed applies, and how many dimensions have its steps.

    That of any other layer is the layer itself, without such dimensions.
    """
    steps = 0
    while layer.class_name == STEPWISE and not layer.is_custom:
        layer, steps = inner_layer(layer), steps + 1
    return layer, steps


def applied_model(layer: Layer) -> Layer | None:
    """Return the model that TimeDistributed applies to each step; None if it applies a layer."""
    inner, steps = stepwise(layer)
    return inner if steps and inner.is_model else None


def all_layers(model: Layer) -> Iterator[Layer]:
    """Yield every layer that is no model, through all nested models."""
    return (layer for layer in layers_and_models(model) if not layer.is_model)


def one_line(error: BaseException) -> str:
    """Return an exception's text on one line, of at most 200 characters."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def _child(model: Layer, parent: LayerPath, entry: object) -> Layer:
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise model.invalid("holds a layer without a class name")
    entry = unwrapped(entry)
    config = _options(entry)
    name = entry.get("name", config.get("name"))
    if not isinstance(name, str) or not name:
        raise model.invalid(f"holds a {entry['class_name']} layer without a name")
    path = (*parent, name)
    return Layer(path, entry["class_name"], config, entry, model.source, model.keras_2)


def _has_key(value: object, key: str) -> bool:
    """Return whether any object in JSON data has a key."""
    if isinstance(value, dict):
        return key in value or any(_has_key(item, key) for item in value.values())
    return isinstance(value, list) and any(_has_key(item, key) for item in value)


def _options(entry: Json) -> Json:
    """Return the options of a layer or model; before Keras 2.2.3 a Sequential's were a list."""
    config = entry.get("config")
    if isinstance(config, list):
        return {"layers": config, "name": "sequential"}
    return config if isinstance(config, dict) else {}
