"""Models as Keras would store them, made without Keras: a configuration and arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

Json = dict[str, object]


@dataclass(frozen=True)
class FakeLayer:
    """One layer of a Sequential model."""

    class_name: str
    config: Json
    weights: tuple[np.ndarray, ...] = ()

    @property
    def name(self) -> object:
        return self.config["name"]

    def get_weights(self) -> list[np.ndarray]:
        return list(self.weights)

    def entry(self) -> Json:
        return {"class_name": self.class_name, "config": self.config, "module": "keras.layers"}


@dataclass(frozen=True)
class FakeModel:
    """A Sequential model in memory."""

    name: str
    input_shape: tuple[object, ...]
    layers: tuple[FakeLayer, ...]

    def to_json(self) -> str:
        first = {"class_name": "InputLayer", "config": self._input_config()}
        layers = [first, *(layer.entry() for layer in self.layers)]
        config = {"name": self.name, "layers": layers}
        return json.dumps({"class_name": "Sequential", "config": config})

    def _input_config(self) -> Json:
        return {"name": f"{self.name}-in", "batch_shape": [None, *self.input_shape]}


def dense(name: str, inputs: int, units: int, seed: int = 0) -> FakeLayer:
    """Return a Dense layer with random weights."""
    rng = np.random.default_rng(seed)
    kernel = rng.standard_normal((inputs, units)).astype(np.float32)
    config = {"name": name, "units": units, "use_bias": True, "activation": "relu"}
    return FakeLayer("Dense", config, (kernel, rng.standard_normal(units).astype(np.float32)))
