"""Make Keras models of recipes, with drawn weights, and compute their tensors on the way."""

from __future__ import annotations

import operator
import os
import zlib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from recipe import STEPWISE, Call, Constant, Given, Options, Part, Recipe
from tensorflow_functions import tensorflow_function

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # without it, few layers have channels first

SAMPLES = 8
_INITIALIZERS = {  # of weights that are drawn afterwards: zeros take least time
    "Conv": ("kernel",),
    "Dense": ("kernel",),
    "Depthwise": ("depthwise",),
    "Separable": ("depthwise", "pointwise"),
    "GRU": ("kernel", "recurrent"),
    "LSTM": ("kernel", "recurrent"),
    "SimpleRNN": ("kernel", "recurrent"),
}


_ADDITIONS = ("Add", "Average", "operator.add", "ops.add")


class Building:
    """A model under construction: tensors of Keras, and their values, by name."""

    def __init__(self, seed: int, library: str = "keras") -> None:
        self.seed = seed
        self.library = library
        self.keras: Any = import_module(library)
        self.symbols: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.layers: dict[str, Any] = {}

    def give(self, given: Given, values: Any = None) -> None:
        """Add an input, of its own values or of those of what calls an inner model."""
        import tensorflow as tf

        self.symbols[given.name] = self.keras.Input(given.shape, name=given.name)
        if values is None:
            rng = np.random.default_rng([self.seed, zlib.crc32(given.name.encode())])
            drawn = rng.normal(given.center, given.spread, (SAMPLES, *given.shape))
            values = tf.constant(drawn.astype(np.float32))
        self.values[given.name] = values

    def add(self, call: Call) -> None:
        """Apply a call; raises what Keras raises, or ValueError where Keras adds wrongly."""
        reads = [self.values[name] for name in call.reads]
        if self.library == "keras" and call.what in _ADDITIONS:
            _check_sum(call, [tuple(values.shape) for values in reads])
        apply = self._applied(call, reads)
        symbol = apply([self.symbols[name] for name in call.reads])
        if call.name in self.layers and not call.shares and "inner" not in call.options:
            draw_weights(self.layers[call.name], [self.seed, zlib.crc32(call.name.encode())])
        self.values[call.name] = apply(reads)
        if self.library == "keras":
            _check_biases(call, tuple(self.values[call.name].shape))
        self.symbols[call.name] = symbol

    def model(self, recipe: Recipe) -> Any:
        """Return the model of all inputs and some outputs."""
        inputs = {given.name: self.symbols[given.name] for given in recipe.given}
        outputs = [self.symbols[name] for name in recipe.outputs]
        if recipe.ends == "dict":
            ends = {f"end{i}": symbol for i, symbol in enumerate(outputs)}
            return self.keras.Model(inputs, ends, name=recipe.name)
        one = outputs[0] if len(outputs) == 1 else outputs
        return self.keras.Model(list(inputs.values()), one, name=recipe.name)

    def _applied(self, call: Call, values: Sequence[Any]) -> Any:
        """Return what applies a call to tensors, real or symbolic."""
        if call.what.startswith("operator."):
            return _operation(call)
        if call.what == "item":
            return lambda tensors: tensors[0][call.options["index"]]
        if call.what.startswith("ops."):
            return _function(call, self.library)
        layer = self._layer(call, values)
        self.layers[call.name] = layer
        return lambda tensors: layer(list(tensors) if len(tensors) > 1 else tensors[0])

    def _layer(self, call: Call, values: Sequence[Any]) -> Any:
        if call.shares:
            return self.layers[call.shares]
        if "inner" in call.options:
            return _inner(call, values[0], self)
        return make_layer(self.keras, call.what, call.options, call.name)


def rebuilt(recipe: Recipe) -> Building:
    """Return the tensors of a recipe's model."""
    building = Building(recipe.seed, recipe.library)
    for given in recipe.given:
        building.give(given)
    for call in recipe.calls:
        building.add(call)
    return building


def make_layer(keras: Any, what: str, options: Options, name: str = "") -> Any:
    """Return a layer; one without a name gets one from Keras."""
    found = {key: _made(keras, value) for key, value in options.items()}
    for kind, prefixes in _INITIALIZERS.items():
        if what.startswith(kind):
            found |= {f"{prefix}_initializer": "zeros" for prefix in prefixes}
    if keras.__name__ == "tf_keras" and what == "LeakyReLU":
        found["alpha"] = found.pop("negative_slope", 0.3)
    if not hasattr(keras.layers, what):
        raise ValueError(f"{keras.__name__} has no {what}")
    return getattr(keras.layers, what)(**found, **({"name": name} if name else {}))


def _check_sum(call: Call, shapes: list[tuple[int, ...]]) -> None:
    """Raise ValueError if Keras 3 adds along another dimension than broadcasting does.

    With TensorFlow, it takes any term that could be the biases of channels for these.
    """
    constant = call.options.get("constant")
    if isinstance(constant, Constant):
        shapes = (
            [constant.shape, *shapes] if call.options.get("first") else [*shapes, constant.shape]
        )
    total = shapes[0]
    for term in shapes[1:]:
        sizes = [n for n in term if n > 1]
        if len(total) > 1 and len(sizes) == 1 and sizes[0] in (total[1], total[-1]):
            along = -1 if total[-1] == sizes[0] else 1 - len(total)
            if along != term.index(sizes[0]) - len(term):
                raise ValueError("Keras adds this along another dimension")
        total = np.broadcast_shapes(total, term)


def _check_biases(call: Call, shape: tuple[int, ...]) -> None:
    """Raise ValueError if Keras 3 adds the biases of channels first along another dimension."""
    what, options, inner = call.what, call.options, call.options.get("layer")
    if isinstance(inner, Part):  # applied to each step
        what, options, shape = inner.what, inner.options, (shape[0], *shape[2:])
    if "Conv" in what and "data_format" in options and options.get("use_bias", True):
        _check_sum(call, [shape, (1, shape[1], *(1 for _ in shape[2:]))])


def array_of(constant: Constant) -> np.ndarray:
    """Return the numbers of a constant."""
    rng = np.random.default_rng([constant.seed, 5])
    return rng.uniform(constant.low, constant.high, constant.shape).astype(np.float32)


def _made(keras: Any, value: Any) -> Any:
    if isinstance(value, Part):
        return make_layer(keras, value.what, value.options)
    if isinstance(value, Constant):
        return array_of(value).tolist()
    return value


def _operation(call: Call) -> Any:
    function = getattr(operator, call.what.removeprefix("operator."))
    if "constant" not in call.options:
        return lambda tensors: function(*tensors)
    constant = call.options["constant"]
    constant = array_of(constant) if isinstance(constant, Constant) else constant
    if call.options.get("first"):
        return lambda tensors: function(constant, tensors[0])
    return lambda tensors: function(tensors[0], constant)


def _keras_function(name: str) -> Callable[..., Any]:
    import keras

    found: Any = keras.ops
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def _function(call: Call, library: str) -> Any:
    options, name = dict(call.options), call.what.removeprefix("ops.")
    if library == "keras":
        function = _keras_function(name)
    else:
        function, options = tensorflow_function(name, options)
    take, listed = options.pop("take", None), options.pop("listed", False)
    constant, first = options.pop("constant", None), options.pop("first", False)
    constants = [] if constant is None else [array_of(constant)]

    def apply(tensors: Sequence[Any]) -> Any:
        ends = [*constants, *tensors] if first else [*tensors, *constants]
        made = function(list(tensors), **options) if listed else function(*ends, **options)
        return made if take is None else made[take]

    return apply


def _inner(call: Call, values: Any, outer: Building) -> Any:
    """Return the model of a recipe within another one."""
    inner, keras = call.options["inner"], outer.keras
    what = call.what.removeprefix(STEPWISE)
    stepwise = what != call.what
    building = Building(inner.seed, outer.library)
    building.give(inner.given[0], each_step(values) if stepwise else values)
    for each in inner.calls:
        building.add(each)
    if what == "Model":
        model = building.model(inner)
    else:
        layers = [building.layers[each.name] for each in inner.calls]
        model = keras.Sequential([keras.Input(inner.given[0].shape), *layers], name=inner.name)
    return keras.layers.TimeDistributed(model, name=call.name) if stepwise else model


def each_step(values: Any) -> Any:
    """Return the values of a sequence, with one step as each sample."""
    import tensorflow as tf

    return tf.reshape(values, (-1, *values.shape[2:]))


def draw_weights(layer: Any, seed: list[int]) -> None:
    """Give all weights of a layer values, whose channels differ in scale."""
    drawn = []
    for i, variable in enumerate(layer.weights):
        rng, shape = np.random.default_rng([*seed, i]), variable.shape
        path = getattr(variable, "path", variable.name)  # Keras 2 has names of that form
        if "seed_generator" in path:
            return
        if "variance" in path:
            drawn.append(rng.uniform(0.2, 2.0, shape))
        elif len(shape) > 1 and not any(name in path for name in ("alpha", "gamma", "beta")):
            fan = max(1.0, np.prod(shape[:-1]))
            channels = 10.0 ** rng.uniform(-0.7, 0.3, shape[-1])
            draw = rng.normal if rng.random() < 0.6 else rng.laplace
            drawn.append(draw(size=shape) * channels / fan**0.5)
        elif "gamma" in path:
            drawn.append(rng.uniform(0.3, 1.7, shape) * rng.choice([1, 1, 1, -1], shape))
        else:
            drawn.append(rng.normal(0.0, 0.4, shape))
    if drawn:
        layer.set_weights([np.asarray(values, np.float32) for values in drawn])
