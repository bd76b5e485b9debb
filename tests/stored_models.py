"""Keras 2 `.h5` files of Sequential models, written by hand: configurations and named arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Json = dict[str, Any]


@dataclass(frozen=True)
class Stored:
    """A layer as a file has it: class, options, and arrays by their names."""

    class_name: str
    config: Json
    arrays: Sequence[tuple[str, np.ndarray]] = field(default_factory=tuple)

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def entry(self) -> Json:
        return {"class_name": self.class_name, "config": self.config}

    def wrapped(self, kind: str, arrays: Sequence[tuple[str, np.ndarray]], **options: Any):
        """Return the layer in a wrapper, whose arrays come after the layer's."""
        config = {"name": f"wrapped_{self.name}", "layer": self.entry, **options}
        own = [(f"{config['name']}/{name}:0", array) for name, array in arrays]
        return Stored(kind, config, (*self.arrays, *own))

    def with_options(self, **options: Any):
        """Return the layer with other options."""
        return replace(self, config={**self.config, **options})


def stored(kind: str, name: str, arrays: dict[str, np.ndarray] | None = None, **options: Any):
    """Return a layer; its arrays are called NAME/kernel:0 and so on."""
    named = [(f"{name}/{key}:0", value) for key, value in (arrays or {}).items()]
    return Stored(kind, {"name": name, **options}, named)


def write_h5(path: Path, shape: Sequence[int], layers: Sequence[Stored]) -> Path:
    """Write a Sequential model that reads [None, *shape], and return its path."""
    entries = [layer.entry for layer in layers]
    first = entries[0]["config"]
    entries[0] = {**entries[0], "config": {**first, "batch_input_shape": [None, *shape]}}
    config = {"class_name": "Sequential", "config": {"name": "made", "layers": entries}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        for layer in layers:
            group = file.create_group(f"model_weights/{layer.name}")
            group.attrs["weight_names"] = [name.encode() for name, _ in layer.arrays]
            for name, array in layer.arrays:
                group.create_dataset(name, data=array)
    return path


def random_arrays(seed: int, **shapes: Sequence[int]) -> dict[str, np.ndarray]:
    """Return random arrays of these shapes, from 0.1 to 1."""
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(0.1, 1.0, shape).astype(np.float32) for name, shape in shapes.items()}
