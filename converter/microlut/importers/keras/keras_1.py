"""Read models of Keras 1: other names of classes and options, and other shapes of some arrays.

Files are recognised by options that only Keras 1 has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
Arrays = tuple[NDArray[np.generic], ...]

_KEY = "_keras_1"
_TELLING = ("border_mode", "consume_less", "dim_ordering", "nb_filter", "W_constraint")
_CLASSES: Mapping[str, str] = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}
_MERGES: Mapping[str, str] = {
    "ave": "Average",
    "concat": "Concatenate",
    "cos": "Dot",
    "dot": "Dot",
    "max": "Maximum",
    "mul": "Multiply",
    "sum": "Add",
}
_RECURRENT = {"output_dim": "units", "inner_activation": "recurrent_activation"}
_OF_ALL = {"bias": "use_bias", "border_mode": "padding", "dim_ordering": "data_format"}
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "AveragePooling1D": {"pool_length": "pool_size", "stride": "strides"},
    "Conv1D": {
        "nb_filter": "filters",
        "filter_length": "kernel_size",
        "subsample_length": "strides",
        "atrous_rate": "dilation_rate",
    },
    "Conv2D": {"nb_filter": "filters", "subsample": "strides", "atrous_rate": "dilation_rate"},
    "Dense": {"output_dim": "units"},
    "GRU": _RECURRENT,
    "LSTM": _RECURRENT,
    "MaxPooling1D": {"pool_length": "pool_size", "stride": "strides"},
    "SeparableConv2D": {"nb_filter": "filters", "subsample": "strides"},
    "SimpleRNN": _RECURRENT,
    "UpSampling1D": {"length": "size"},
}
_FORMATS = {"default": None, "tf": "channels_last", "th": "channels_first"}
# Options of training and building, and those that say once more what others say.
_WITHOUT_EFFECT = (
    *("init", "inner_init", "forget_bias_init", "depthwise_init", "pointwise_init", "beta_init"),
    *("gamma_init", "input_dim", "input_length", "input_dtype", "consume_less", "dropout_W"),
    *("dropout_U", "b_constraint", "W_constraint", "W_learning_rate_multiplier"),
)
_GATES = {"GRU": (0, 1, 2), "LSTM": (0, 2, 1, 3)}  # their order in Keras 2


def in_todays_names(config: Json) -> Json:
    """Return a model's configuration with the names of Keras 2, if it is one of Keras 1."""
    return _renamed(config) if _is_told(config) else config


def todays_arrays(entry: Json, arrays: Arrays) -> Arrays:
    """Return a layer's arrays in the shapes of Keras 2, if it is one of Keras 1."""
    kind, config = entry.get("class_name"), entry.get("config")
    if not entry.get(_KEY) or not isinstance(config, dict) or not arrays:
        return arrays
    if kind == "TimeDistributed" and isinstance(config.get("layer"), dict):
        return todays_arrays(config["layer"], arrays)
    kernel = arrays[0]
    if kind == "Conv1D" and kernel.ndim == 4:
        if kernel.shape[1] != 1 or kernel.shape[3] != config.get("filters"):
            kernel = kernel.transpose(2, 3, 1, 0)  # of [filters, channels, steps, 1]
        return (kernel[:, 0], *arrays[1:])
    if kind == "Conv2D" and kernel.ndim == 4 and config.get("data_format") == "channels_first":
        return (kernel.transpose(2, 3, 1, 0), *arrays[1:])
    order = _GATES.get(str(kind), ())
    if order and len(arrays) == 3 * len(order):  # kernel, recurrent kernel and bias of each gate
        return tuple(
            np.concatenate([arrays[3 * gate + part] for gate in order], axis=-1)
            for part in range(3)
        )
    return arrays


def _is_told(value: object) -> bool:
    if isinstance(value, dict):
        return any(key in value for key in _TELLING) or any(map(_is_told, value.values()))
    return isinstance(value, list) and any(map(_is_told, value))


def _renamed(value: Any) -> Any:  # noqa: ANN401 - JSON is untyped
    """Return JSON data with all layers renamed."""
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: _renamed(item) for key, item in value.items()}
    is_layer = isinstance(found.get("class_name"), str) and isinstance(found.get("config"), dict)
    return _layer(found) if is_layer else found


def _layer(entry: Json) -> Json:
    given: Json = {k: v for k, v in entry["config"].items() if k not in _WITHOUT_EFFECT}
    kind = _CLASSES.get(entry["class_name"], entry["class_name"])
    if kind == "Merge":
        kind, given = _merge(given)
    names = {**_OF_ALL, **_OPTIONS.get(kind, {})}
    config = {names.get(key, key): item for key, item in given.items()}
    if config.get("data_format") in _FORMATS:
        config["data_format"] = _FORMATS[config["data_format"]]
    size = [config.pop(key, None) for key in ("nb_row", "nb_col")]
    if kind in ("Conv2D", "SeparableConv2D"):
        config["kernel_size"] = size
    elif kind == "BatchNormalization" and config.get("mode") == 0:
        del config["mode"]
    elif kind == "GRU":
        config["reset_after"] = False
    elif kind == "ZeroPadding2D":
        config["padding"] = _sides(config.get("padding"))
    return {**entry, "class_name": kind, "config": config, _KEY: True}


def _merge(config: Json) -> tuple[str, Json]:
    """Return the class and options of a Merge; its own if it holds models or a function."""
    mode = config.get("mode")
    if not isinstance(mode, str) or mode not in _MERGES or config.get("layers"):
        return "Merge", config
    found: Json = {"name": config.get("name")}
    if mode == "concat":
        found["axis"] = config.get("concat_axis", -1)
    elif mode in ("dot", "cos"):
        found |= {"axes": config.get("dot_axes", -1), "normalize": mode == "cos"}
    return _MERGES[mode], found


def _sides(padding: object) -> object:
    """Return the padding of rows and columns, of which Keras 1 may have four numbers in a row."""
    if isinstance(padding, list) and len(padding) == 4:
        return [padding[:2], padding[2:]]
    return padding
