"""Read a model object of Keras 3 or Keras 2 (tf_keras) without importing either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from microlut.errors import InvalidInput, Obstacle, UnsupportedModel
from microlut.importers.keras.config import (
    KERAS_MODULES,
    KerasModel,
    LayerPath,
    all_layers,
    one_line,
    parse_config,
    root_layer,
)
from microlut.importers.keras.custom import NOTHING, Custom
from microlut.importers.keras.variables import Arrays
from microlut.importers.keras.wrapped_arrays import arrays_of, has_own, ranges_of


def read(model: object, custom: Custom = NOTHING) -> KerasModel:
    """Return a model object's architecture and arrays.

    Raises:
        InvalidInput: The object is no Keras model.
        UnsupportedModel: The model has no configuration, as is the case for subclassed ones.
    """
    if not all(hasattr(model, name) for name in ("to_json", "layers", "name")):
        raise InvalidInput(
            f"a model is expected as a file's path or a keras.Model, found {type(model).__name__}"
        )
    source = f"model {getattr(model, 'name', '')}"
    try:
        text = model.to_json()  # type: ignore[attr-defined]
    except (NotImplementedError, TypeError, ValueError) as error:
        raise UnsupportedModel(
            f"{source}: has no configuration ({one_line(error)}); build it with "
            "keras.Model(inputs, outputs) or keras.Sequential"
        ) from error
    config = parse_config(text, source, custom)
    layers = list(_layers(model, ()))
    arrays = {path: _layer_arrays(layer) for path, layer in layers if not hasattr(layer, "layers")}
    ranges = {}
    wrapped = {each.path: each for each in all_layers(root_layer(config, source)) if has_own(each)}
    for path, layer in layers:
        if path in wrapped:
            stored = [(weight.name, np.asarray(weight)) for weight in layer.weights]
            arrays[path] = arrays_of(wrapped[path], stored)
            ranges[path] = ranges_of(wrapped[path], stored)
    obstacles = (
        obstacle for path, layer in layers for obstacle in _own_functions(layer, path, custom)
    )
    return KerasModel(config, arrays, source, tuple(obstacles), ranges)


def _layers(
    model: Any,  # noqa: ANN401 - a model of either Keras
    parent: LayerPath,
) -> Iterator[tuple[LayerPath, Any]]:
    """Yield every layer and nested model with its path."""
    for layer in model.layers:
        path = (*parent, layer.name)
        yield path, layer
        if hasattr(layer, "layers"):
            yield from _layers(layer, path)
        while hasattr(layer, "layer"):  # a TimeDistributed
            layer, path = layer.layer, (*path, layer.layer.name)
            if hasattr(layer, "layers"):
                yield from _layers(layer, path)


def _own_functions(
    layer: Any,  # noqa: ANN401 - a layer of either Keras
    path: LayerPath,
    custom: Custom,
) -> Iterator[Obstacle]:
    """Yield activations of other packages that are not said: the configuration has their names."""
    for inner in ("cell", "forward_layer", "backward_layer", "layer"):
        if hasattr(layer, inner):
            yield from _own_functions(getattr(layer, inner), path, custom)
    for option in ("activation", "recurrent_activation"):
        function = getattr(layer, option, None)
        module = getattr(function, "__module__", None)
        name = getattr(function, "__name__", function)
        if function is not None and module is not None and name not in custom:
            yield from _own_function(layer, path, name, module)


def _own_function(
    layer: Any,  # noqa: ANN401 - a layer of either Keras
    path: LayerPath,
    function: object,
    module: str,
) -> Iterator[Obstacle]:
    name = "/".join(path)
    where = f"layer {name!r} ({type(layer).__name__})"
    if module.startswith("keras.src.ops") and function == "gelu":
        yield Obstacle(
            name,
            where,
            "its activation keras.ops.gelu approximates, and files have it as "
            "keras.activations.gelu, which does not",
            "give one of the layers' functions",
        )
    elif module.split(".")[0] not in KERAS_MODULES:
        yield Obstacle(
            name,
            where,
            f"its activation {function} comes from module {module}",
            "give Keras's own, such as keras.activations.relu",
        )


def _layer_arrays(layer: Any) -> Arrays:  # noqa: ANN401 - a layer of either Keras
    """Return a layer's arrays; with LoRA enabled, Keras computes with the property `kernel`."""
    arrays = [np.asarray(array) for array in layer.get_weights()]
    if getattr(layer, "lora_enabled", False):
        arrays[0] = np.asarray(layer.kernel)
    # NumPy itself has no bfloat16
    return tuple(a.astype(np.float32) if a.dtype.name == "bfloat16" else a for a in arrays)
