"""Give dense layers that `model.quantize(...)` has quantized real kernels again.

Keras also rounds what int8 and float8 layers read, which is left to the conversion.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras.config import STEPWISE, Layer, inner_layer

Arrays = tuple[NDArray[np.generic], ...]
Mode = Literal["int8", "int4", "float8"]
MODES: tuple[str, ...] = get_args(Mode)
_POLICIES = ("QuantizedDTypePolicy", "Int4DTypePolicy", "QuantizedFloat8DTypePolicy")
_SCALES = ("inputs_scale", "inputs_amax_history", "kernel_scale", "kernel_amax_history")
_FLOAT8 = (*_SCALES, "outputs_grad_scale", "outputs_grad_amax_history")
# The numbers of float8: a sign, 4 bits of exponent, 3 of mantissa, and no infinity.
_LARGEST_FLOAT8, _LEAST_EXPONENT, _MANTISSA_BITS = 448.0, -6, 3


def quantized_mode(layer: Layer) -> Mode | None:
    """Return how a dense layer's kernel is quantized; None if it is not, or not so."""
    mode = _mode(layer).partition("/")[0]
    dense = layer.class_name == "Dense" and not layer.config.get("lora_rank")
    return next((each for each in get_args(Mode) if dense and each == mode), None)


def _mode(layer: Layer) -> str:
    policy = layer.config.get("dtype")
    inner = policy.get("config") if isinstance(policy, dict) else None
    known = isinstance(policy, dict) and policy.get("class_name") in _POLICIES
    return str(inner.get("mode")) if known and isinstance(inner, dict) else ""


def added_variables(layer: Layer) -> tuple[str, ...]:
    """Return the names of the variables that a layer has besides the kernel and the bias."""
    mode = quantized_mode(layer)
    if mode == "float8":
        return _FLOAT8
    in_blocks = mode == "int4" and _mode(layer).rpartition("/")[2] not in ("int4", "-1", "None")
    return ("kernel_scale",) * (mode is not None) + ("kernel_zero", "g_idx") * in_blocks


def dequantized(layer: Layer, arrays: Arrays) -> Arrays:
    """Return a layer's arrays, with the kernel of a quantized dense layer as real numbers.

    Args:
        layer: Any layer.
        arrays: Those of a dense layer are the kernel, the bias if it has one, and those that
            quantization adds; `.h5` files have the bias first.

    Raises:
        InvalidInput: They are not those of a layer that is quantized so.
    """
    while layer.class_name == STEPWISE:
        layer = inner_layer(layer)
    mode, names = quantized_mode(layer), added_variables(layer)
    if mode is None or (mode != "float8" and not any(each.dtype == np.int8 for each in arrays)):
        return arrays
    bias = int(bool(layer.config.get("use_bias", True)))
    if len(arrays) != 1 + bias + len(names):
        raise layer.invalid(
            f"has {len(arrays)} arrays, expected those of a layer that is quantized to {mode}"
        )
    found = list(arrays)
    biases = [found.pop(0 if found[0].ndim == 1 else 1)] if bias else []
    kernel, added = found[0], dict(zip(names, found[1:], strict=True))
    real = _of_float8(layer, kernel, added) if mode == "float8" else _of_int(layer, kernel, added)
    return (real.astype(np.float32), *biases)


def _of_int(
    layer: Layer, kernel: NDArray[np.generic], added: dict[str, NDArray[np.generic]]
) -> NDArray[np.float64]:
    """Return the real kernel of int8, or of int4, which holds two outputs in each byte."""
    units, scale = layer.config.get("units"), _scale(layer, added["kernel_scale"])
    is_int4 = quantized_mode(layer) == "int4"
    if kernel.dtype != np.int8 or kernel.ndim != 2:
        raise layer.invalid(f"has no int8 kernel, but {kernel.dtype} {list(kernel.shape)}")
    steps = kernel.astype(np.int64)
    if is_int4:
        both = np.stack([steps & 15, (steps >> 4) & 15], axis=-1).reshape(len(steps), -1)
        steps = ((both ^ 8) - 8)[:, :units]
    if steps.shape[1] != units:
        raise layer.invalid(
            f"its {quantized_mode(layer)} kernel has shape {list(kernel.shape)}, expected that of "
            f"{units} units",
            "save the model again with Keras 3.15",
        )
    if "kernel_zero" not in added:
        if scale.shape != (units,):
            raise layer.invalid(f"kernel_scale has shape {list(scale.shape)}, expected [{units}]")
        return np.asarray(steps / scale)
    zero, group = (added[name].astype(np.int64) for name in ("kernel_zero", "g_idx"))
    fits = scale.ndim == 2 and scale.shape == zero.shape and scale.shape[1] == units
    if (
        not fits
        or group.shape != steps.shape[:1]
        or not 0 <= group.min() <= group.max() < len(zero)
    ):
        raise layer.invalid("its blocks of weights do not fit its kernel")
    return np.asarray((steps - zero[group]) * scale[group])


def _of_float8(
    layer: Layer, kernel: NDArray[np.generic], added: dict[str, NDArray[np.generic]]
) -> NDArray[np.float64]:
    """Return a kernel rounded to float8, as Keras computes with it."""
    scale = _scale(layer, added["kernel_scale"])
    if scale.shape != () or kernel.dtype.kind != "f":
        raise layer.invalid("its kernel_scale is no number, or its kernel has no real ones")
    limited = np.clip(kernel.astype(np.float64) / scale, -_LARGEST_FLOAT8, _LARGEST_FLOAT8)
    exponent = np.maximum(np.frexp(limited)[1] - 1, _LEAST_EXPONENT)
    step = np.ldexp(1.0, exponent - _MANTISSA_BITS)
    return np.asarray(np.rint(limited / step) * step * scale)


def _scale(layer: Layer, values: NDArray[np.generic]) -> NDArray[np.float64]:
    scale = values.astype(np.float64)
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise layer.invalid("kernel_scale holds values that are not above 0")
    return scale
