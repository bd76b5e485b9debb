"""Replace sizes of the batch that a model computes, `tf.shape(x)[0]`, by what stands for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from microlut.importers.keras.config import Layer

_SHAPES = ("compat.v1.shape", "shape")
_ELEMENT = "__operators__.getitem"
BATCH = -1  # stands for the batch in shapes


def without_batch_sizes(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers of a model in which the size of the batch is `BATCH`.

    Only Keras 2 saves the operations that compute it: for Keras 3, shapes are no tensors.
    """
    shapes = {layer.name for layer in layers if layer.config.get("function") in _SHAPES}
    sizes = {layer.name for layer in layers if _is_first_of(layer, shapes)}
    return tuple(_with_known(layer, sizes) for layer in layers) if sizes else tuple(layers)


def _is_first_of(layer: Layer, shapes: set[str]) -> bool:
    """Return whether a layer reads the first number of a shape, in its only call."""
    if layer.config.get("function") != _ELEMENT:
        return False
    match layer.entry.get("inbound_nodes"):
        case [[str(name), 0, 0, {"slice_spec": 0}]]:
            return name in shapes
    return False


def _with_known(layer: Layer, sizes: set[str]) -> Layer:
    nodes = layer.entry.get("inbound_nodes")
    return replace(layer, entry={**layer.entry, "inbound_nodes": _known(nodes, sizes)})


def _known(value: Any, sizes: set[str]) -> Any:  # noqa: ANN401 - JSON is untyped
    match value:
        case [str(name), 0, 0] if name in sizes:
            return BATCH
        case list():
            return [_known(item, sizes) for item in value]
        case dict():
            return {key: _known(item, sizes) for key, item in value.items()}
    return value
