"""Look at the JSON of an architecture before anything is made of it."""

from __future__ import annotations

from typing import Any

MOST_LAYERS = 100_000
_MAX_DEPTH = 200


def layer_count(config: object) -> int:
    """Return how many layers all models in a configuration list, as far as this matters."""
    count, left = 0, [config]
    while left and count <= MOST_LAYERS:
        value = left.pop()
        if isinstance(value, dict):
            layers = value.get("layers")
            count += len(layers) if isinstance(layers, list) else 0
            left += value.values()
        elif isinstance(value, list):
            left += value
    return count


def plain(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON is untyped
    """Return JSON data with Keras's wrapped tuples, shapes and arrays turned into lists."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested more than {_MAX_DEPTH} deep")
    if isinstance(value, dict):
        if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
            return plain(value["items"], depth + 1)
        array = value.get("config") if value.get("class_name") == "__numpy__" else None
        if isinstance(array, dict) and "value" in array:
            return plain(array["value"], depth + 1)
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    return value
