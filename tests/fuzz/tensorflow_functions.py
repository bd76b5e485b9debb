"""Functions of TensorFlow that models of Keras 2 have instead of those of keras.ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recipe import Options

# The name, and other names of options.
_FUNCTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "abs": ("abs", {}),
    "add": ("add", {}),
    "arcsinh": ("asinh", {}),
    "arctan": ("atan", {}),
    "clip": ("clip_by_value", {"x_min": "clip_value_min", "x_max": "clip_value_max"}),
    "concatenate": ("concat", {}),
    "cos": ("cos", {}),
    "depth_to_space": ("nn.depth_to_space", {}),
    "elu": ("nn.elu", {}),
    "erf": ("math.erf", {}),
    "exp": ("exp", {}),
    "expand_dims": ("expand_dims", {}),
    "gelu": ("nn.gelu", {}),
    "image.resize": ("image.resize", {"interpolation": "method"}),
    "leaky_relu": ("nn.leaky_relu", {"negative_slope": "alpha"}),
    "log": ("math.log", {}),
    "max": ("reduce_max", {}),
    "maximum": ("maximum", {}),
    "mean": ("reduce_mean", {}),
    "min": ("reduce_min", {}),
    "minimum": ("minimum", {}),
    "multiply": ("multiply", {}),
    "negative": ("negative", {}),
    "pad": ("pad", {"pad_width": "paddings"}),
    "reciprocal": ("math.reciprocal", {}),
    "relu": ("nn.relu", {}),
    "relu6": ("nn.relu6", {}),
    "repeat": ("repeat", {}),
    "reshape": ("reshape", {"newshape": "shape"}),
    "rsqrt": ("math.rsqrt", {}),
    "selu": ("nn.selu", {}),
    "sigmoid": ("sigmoid", {}),
    "silu": ("nn.silu", {}),
    "sin": ("sin", {}),
    "softmax": ("nn.softmax", {}),
    "softplus": ("nn.softplus", {}),
    "softsign": ("nn.softsign", {}),
    "space_to_depth": ("nn.space_to_depth", {}),
    "split": ("split", {"indices_or_sections": "num_or_size_splits"}),
    "sqrt": ("sqrt", {}),
    "square": ("square", {}),
    "squeeze": ("squeeze", {}),
    "stack": ("stack", {}),
    "subtract": ("subtract", {}),
    "sum": ("reduce_sum", {}),
    "take": ("gather", {}),
    "tanh": ("tanh", {}),
    "tile": ("tile", {"repeats": "multiples"}),
    "transpose": ("transpose", {"axes": "perm"}),
    "unstack": ("unstack", {}),
}


def tensorflow_function(name: str, options: Options) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the function that does what one of keras.ops does, and its options.

    Raises:
        ValueError: There is none, or it means something else by such an option.
    """
    import tensorflow as tf

    if name not in _FUNCTIONS:
        raise ValueError(f"no function of TensorFlow stands for {name}")
    if options.get("mode") == "edge" or isinstance(options.get("indices_or_sections"), list):
        raise ValueError(f"{name} of TensorFlow has no such option")
    path, renamed = _FUNCTIONS[name]
    found: Any = tf
    for part in path.split("."):
        found = getattr(found, part)
    return found, {renamed.get(key, key): value for key, value in options.items()}
