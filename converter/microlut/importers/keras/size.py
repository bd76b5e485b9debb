"""Limit how large a model may be, before work and memory are spent on it."""

from __future__ import annotations

from microlut.importers.keras.config import Layer, child_layers
from microlut.importers.keras.plain_json import MOST_LAYERS


def check_size(model: Layer) -> None:
    """Raise UnsupportedModel if nested models make too many calls of layers together."""
    count = _count(model)
    if count > MOST_LAYERS:
        raise model.unsupported(
            f"its layers are called {count:,} times, those of nested models in each of their calls",
            f"up to {MOST_LAYERS:,} calls are converted: use fewer layers",
        )


def _count(model: Layer) -> int:
    """Return how many calls of layers a model makes, which takes one look at each layer."""
    sequential = model.class_name == "Sequential"
    total = 0
    for layer in child_layers(model):
        calls = layer.entry.get("inbound_nodes", [])
        each = _count(layer) if layer.is_model else 1
        total += each * (1 if sequential or not isinstance(calls, list) else len(calls))
    return total
