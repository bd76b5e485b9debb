"""Find layers that are one object although the architecture names them several times.

Keras numbers such layers with `shared_object_id`. But the first occurrence has no number if it is
inside a nested model that was written before Keras met the second one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from microlut.importers.keras.config import Layer, LayerPath, child_layers, layers_and_models

_ID = "shared_object_id"


def fingerprint(layer: Layer) -> str:
    """Return the properties that all occurrences of a layer share: class, name and options."""
    return json.dumps([layer.class_name, layer.name, _without_ids(layer.config)], sort_keys=True)


def _without_ids(value: Any) -> Any:  # noqa: ANN401 - JSON is untyped
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items() if key != _ID}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A layer that may be a further occurrence of an object.

    Attributes:
        originals: Paths of candidates for its first occurrence.
        certain: Whether a number says so; otherwise the layer may itself be a first occurrence.
    """

    originals: tuple[LayerPath, ...]
    certain: bool


def occurrences(model: Layer) -> dict[LayerPath, Occurrence]:
    """Return the layers and nested models that may be further occurrences, in Keras's order."""
    layers = list(layers_and_models(model))
    numbers = any(_number(layer) is not None for layer in layers)
    search = _Search(numbers and all("module" in layer.entry for layer in layers))
    search.walk(model)
    return search.found


def _number(layer: Layer) -> int | None:
    number = layer.entry.get(_ID)
    return number if isinstance(number, int) else None


@dataclass(frozen=True, slots=True)
class _Search:
    """A walk through all layers.

    Attributes:
        by_number: Whether Keras has numbered all shared layers; Keras 2 does not after it has
            written the same model in another format: then nested layers do not name their module.
        numbered: The first layer of each number.
        others: The layers without a number, by fingerprint.
        found: The result.
    """

    by_number: bool
    numbered: dict[int, LayerPath] = field(default_factory=dict)
    others: dict[str, list[LayerPath]] = field(default_factory=dict)
    found: dict[LayerPath, Occurrence] = field(default_factory=dict)

    def walk(self, model: Layer) -> None:
        for layer in child_layers(model):
            number, mark = _number(layer), fingerprint(layer)
            if number in self.numbered:
                self.found[layer.path] = Occurrence((self.numbered[number],), certain=True)
                continue
            if mark in self.others and (number is not None or not self.by_number):
                self.found[layer.path] = Occurrence(tuple(self.others[mark]), certain=False)
            if number is None:
                self.others.setdefault(mark, []).append(layer.path)
            else:
                self.numbered[number] = layer.path
            if layer.is_model:
                self.walk(layer)
