"""Take off the wrappers of the TensorFlow Model Optimization toolkit.

A wrapper holds a layer, and variables for training: masks, centroids, ranges. The layer keeps the
wrapper's name and calls; what the ranges and centroids say is read in `wrapped_arrays.py`.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

CLUSTERED = ("ClusterWeights", "ClusterWeightsRNN")
WRAPPERS = (
    *("QuantizeAnnotate", "QuantizeWrapper", "QuantizeWrapperV2"),
    *("PruneLowMagnitude", *CLUSTERED),
)
# Activations that only round their values: what they hold is the activation.
_ROUNDED = "QuantizeAwareActivation"
_NONE = "NoOpActivation"
_PLACED = ("batch_input_shape", "batch_shape", "dtype")  # options of the wrapper that count
_KEY = "wrappers"


def unwrapped(entry: Json) -> Json:
    """Return the entry of the layer inside wrappers, which are listed in it, or the entry itself.

    >>> inner = {"class_name": "Dense", "config": {"name": "dense"}}
    >>> outer = {"class_name": "PruneLowMagnitude", "config": {"name": "prune", "layer": inner}}
    >>> unwrapped(outer)["config"]["name"]
    'prune'
    """
    found: list[str] = []
    name = entry.get("name")
    placed: Json = {}
    calls = {key: entry[key] for key in ("inbound_nodes",) if key in entry}
    while entry.get("class_name") in WRAPPERS and isinstance(entry.get("config"), dict):
        config = entry["config"]
        inner = config.get("layer")
        if not isinstance(inner, dict) or not isinstance(inner.get("config"), dict):
            break
        found.append(entry["class_name"])
        name = name or config.get("name")
        placed = {key: config[key] for key in _PLACED if key in config} | placed
        entry = inner
    if not found:
        return entry
    config = {**placed, **entry["config"]}
    if isinstance(name, str):
        config["name"] = name
    if "activation" in config:
        config["activation"] = _activation(config["activation"])
    named = {"name": name} if isinstance(name, str) else {}
    return {**entry, **named, **calls, "config": config, _KEY: found}


def _activation(value: object) -> object:
    """Return the activation that one with rounding holds."""
    while isinstance(value, dict) and value.get("class_name") in (_ROUNDED, _NONE):
        if value["class_name"] == _NONE:
            return "linear"
        config = value.get("config")
        value = config.get("activation") if isinstance(config, dict) else None
    return value


def wrappers_of(entry: Json) -> tuple[str, ...]:
    """Return the classes of the wrappers that were taken off a layer, the outermost first."""
    return tuple(entry.get(_KEY, ()))


def is_clustered(entry: Json) -> bool:
    """Return whether a layer's weights are the centroids nearest to the stored ones."""
    return any(name in CLUSTERED for name in wrappers_of(entry))
