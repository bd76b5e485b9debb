"""List the variables of layers in Keras's order, and merge those of LoRA."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras import options
from microlut.importers.keras.config import Layer, stepwise
from microlut.importers.keras.quantized_dense import added_variables, quantized_mode

Arrays = tuple[NDArray[np.generic], ...]

_WITH_KERNEL = (
    *("Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose"),
    *("Dense", "DepthwiseConv1D", "DepthwiseConv2D"),
)
_WITH_TWO_KERNELS = ("SeparableConv1D", "SeparableConv2D")
_RECURRENT = ("GRU", "LSTM", "SimpleRNN", "RNN")
_DIRECTIONS = ("forward_layer", "backward_layer")
# Objects inside layers that own their variables, by class.
_INNER = {
    **dict.fromkeys(_RECURRENT, ("/cell",)),
    "Bidirectional": tuple(f"/{name}/cell" for name in _DIRECTIONS),
}
_WITH_STATISTICS = ("BatchNormalization", "SyncBatchNormalization")
_STATISTICS = ("moving_mean", "moving_variance")
_RENORM_STATISTICS = ("moving_stddev", "renorm_mean", "renorm_stddev")
_ADAPTED = ("mean", "variance", "count")
_LORA = ("lora_kernel_a", "lora_kernel_b")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a layer; `name` is the end of its name in a file, after any slash."""

    name: str
    trainable: bool


def owners(layer: Layer) -> tuple[str, ...]:
    """Return the paths within a layer of the objects that own its variables."""
    inner, steps = stepwise(layer)
    return tuple(f"{'/layer' * steps}{part}" for part in _INNER.get(inner.class_name, ("",)))


def variables(layer: Layer) -> tuple[Variable, ...]:
    """Return a layer's variables; none for an unknown class."""
    layer, _ = stepwise(layer)
    lora = options.flag(layer, "lora_rank", False)
    if layer.class_name in _WITH_STATISTICS:
        names = ("gamma",) * options.flag(layer, "scale", True)
        names += ("beta",) * options.flag(layer, "center", True) + _STATISTICS
        names += _RENORM_STATISTICS * options.flag(layer, "renorm", False)
    elif layer.class_name in _WITH_KERNEL:
        added = added_variables(layer)
        names = (
            "kernel",
            *("bias",) * options.flag(layer, "use_bias", True),
            *_LORA * lora,
            *added,
        )
    elif layer.class_name in _WITH_TWO_KERNELS:
        names = ("depthwise_kernel", "pointwise_kernel")
        names += ("bias",) * options.flag(layer, "use_bias", True)
    elif layer.class_name == "PReLU":
        names = ("alpha",)
    elif layer.class_name in _RECURRENT:
        names = _cell_names(layer.config)
    elif layer.class_name == "Bidirectional":
        inner = layer.config.get("layer")
        inside = _cell_names(inner.get("config") if isinstance(inner, dict) else None)
        names = tuple(f"{direction}/{name}" for direction in _DIRECTIONS for name in inside)
    elif layer.class_name == "Normalization" and layer.config.get("mean") is None:
        names = _ADAPTED
    else:
        return ()
    trainable = options.flag(layer, "trainable", True)
    fixed = {*_STATISTICS, *_RENORM_STATISTICS, *_ADAPTED} | ({"kernel"} if lora else set())
    if quantized_mode(layer) in ("int8", "int4"):
        fixed |= {"kernel", *added_variables(layer)}
    return tuple(Variable(name, trainable and name not in fixed) for name in names)


def _cell_names(config: object) -> tuple[str, ...]:
    """Return the names of a recurrent layer's variables, or of those of an RNN's cell."""
    while isinstance(config, dict) and isinstance(config.get("cell"), dict):
        config = config["cell"].get("config")
    biased = not isinstance(config, dict) or bool(config.get("use_bias", True))
    return ("kernel", "recurrent_kernel", *("bias",) * biased)


def merged(layer: Layer, arrays: Mapping[str, NDArray[np.generic]]) -> Arrays:
    """Return a layer's arrays in the order of variables, with LoRA merged into the kernel."""
    kept = {name: array for name, array in arrays.items() if name not in _LORA}
    if len(kept) < len(arrays):
        rank = options.number(layer, "lora_rank", 1.0)
        factor = options.number(layer, "lora_alpha", rank) / rank
        low, high = (arrays[name] for name in _LORA)
        try:
            kept["kernel"] = kept["kernel"] + factor * np.matmul(low, high)
        except ValueError as error:
            raise layer.invalid(
                f"its LoRA arrays have shapes {list(low.shape)} and {list(high.shape)}, which do "
                f"not make a kernel of {list(kept['kernel'].shape)}"
            ) from error
    return tuple(kept.values())
