"""Translate the layers of larq and QKeras, which round weights and activations by quantizers.

Weights become what their quantizer makes of them. An activation is clipped; one of 8 bits has the
range in which int8 rounds it likewise, one of fewer bits is rounded by a Floor.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.importers.keras.channels_first import in_either_order
from microlut.importers.keras.config import Layer
from microlut.importers.keras.known_options import check_options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, behind, limited
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.options import window
from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.base import FloatOp
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.identity import Identity
from microlut.ops.pad import Pad
from microlut.ops.saturating import Clip
from microlut.ops.unary import Floor, Sign

_Array = NDArray[np.float64]
_INT8_BITS = 8
_PLAIN = {
    **{f"Quant{name}": name for name in ("Conv1D", "Conv2D", "Dense", "DepthwiseConv2D")},
    **{f"Q{name}": name for name in ("Conv1D", "Conv2D", "Dense", "DepthwiseConv2D")},
}
_WEIGHT_QUANTIZERS = ("kernel_quantizer", "depthwise_quantizer")
_SIGNS = ("ste_sign", "SteSign", "approx_sign", "ApproxSign", "swish_sign", "SwishSign")
_DOREFA = ("dorefa_quantizer", "DoReFa", "DoReFaQuantizer", "STCustomDoReFa")
_OF_ST = "STCustomDoReFa"  # in STMicroelectronics's model zoo
_NOT_KNOWN = "supported are ste_sign, DoReFa, quantized_bits with alpha=1, and quantized_relu"
_Quantizer = tuple[str, Mapping[str, Any]]


def _layer(use: LayerUse) -> tuple[Step, ...]:
    layer = use.layer
    config = dict(layer.config)
    given = _quantizer(layer, config.pop("input_quantizer", None))
    weights = [_quantizer(layer, config.pop(key, None)) for key in _WEIGHT_QUANTIZERS]
    bias = _quantizer(layer, config.pop("bias_quantizer", None))
    pad = config.pop("pad_values", 0.0)
    for key in ("kernel_range", "bias_range", "depthwise_range"):
        config.pop(key, None)
    quantizers = [next((each for each in weights if each), None), bias]
    arrays = tuple(
        array if by is None else _rounded(layer, by, np.asarray(array, np.float64))
        for array, by in zip(use.weights, quantizers, strict=False)
    )
    steps = _activation_steps(layer, given, use.shape)
    own = own_activation(layer)
    if own is not None:
        config["activation"] = "linear"
    plain = replace(layer, class_name=_PLAIN[layer.class_name], config=config)
    check_options(plain)
    inner = replace(use, layer=plain, weights=arrays)
    if pad and str(config.get("padding")).lower() == "same":
        steps = (*steps, *_padded(inner, float(pad), bool(steps)))
        config["padding"] = "valid"
        inner = replace(inner, layer=replace(plain, config=config), shapes=(steps[-1].shape,))
    made = LAYERS[plain.class_name](inner)
    made = behind(made) if steps else made
    after = () if own is None else _activation_steps(layer, own, made[-1].shape)
    return _named((*steps, *made, *(behind(after) if after else ())), len(steps) + len(made) - 1)


@limited("as in [Activations](#activations)")
def _activation_layer(use: LayerUse) -> tuple[Step, ...]:
    given = own_activation(use.layer)
    if given is None:
        return LAYERS["Activation"](use)
    return _named(_activation_steps(use.layer, given, use.shape), None)


QUANTIZED_CLASSES: Mapping[str, Handler] = {
    **dict.fromkeys(_PLAIN, in_either_order(_layer)),
    "Activation": _activation_layer,
    "QActivation": _activation_layer,
}


def _named(steps: Sequence[Step], main: int | None) -> tuple[Step, ...]:
    """Return steps with unique suffixes; the main one, or else the last, keeps its own."""
    kept = len(steps) - 1 if main is None else main
    return tuple(
        step if i == kept else replace(step, suffix=f"{step.suffix}_part{i + 1}")
        for i, step in enumerate(steps)
    )


def _quantizer(layer: Layer, value: Any) -> _Quantizer | None:  # noqa: ANN401 - JSON is untyped
    """Return the name and the options of a quantizer: an object, a name, or a call as a text."""
    if value is None:
        return None
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        return str(value.get("class_name")), value["config"]
    if not isinstance(value, str):
        raise layer.unsupported(f"quantizer {str(value)[:40]}", _NOT_KNOWN)
    name, has_arguments, _ = value.partition("(")
    if not has_arguments:
        return name, {}
    try:
        call = ast.parse(value, mode="eval").body
        if not isinstance(call, ast.Call):
            raise layer.unsupported(f"quantizer {value[:40]}", _NOT_KNOWN)
        positional = [ast.literal_eval(each) for each in call.args]
        named = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    except (SyntaxError, ValueError):
        raise layer.unsupported(f"quantizer {value[:40]}", _NOT_KNOWN) from None
    return name, {**dict(zip(("bits", "integer"), positional, strict=False)), **named}


def own_activation(layer: Layer) -> _Quantizer | None:
    """Return the activation of a layer if it is a quantizer; None for one of Keras."""
    value = layer.config.get("activation")
    text = value if isinstance(value, str) else ""
    kind = str(value.get("class_name")) if isinstance(value, dict) else ""
    names = (*_SIGNS, *_DOREFA)
    is_own = kind in names or kind.startswith("quantized_") or text.startswith("quantized_")
    return _quantizer(layer, value) if is_own or text in names else None


def _fixed_point(layer: Layer, by: _Quantizer) -> tuple[float, float, float, int]:
    """Return the lowest and highest value, the step and the bits of a quantizer of QKeras."""
    name, given = by
    bits, integer = int(given.get("bits", 8)), int(given.get("integer", 0))
    relu = name == "quantized_relu"
    plain = given.get("alpha", None) in (None, 1, 1.0) and not any(
        given.get(key)
        for key in ("use_stochastic_rounding", "negative_slope", "use_sigmoid", "symmetric")
    )
    plain &= given.get("qnoise_factor", 1.0) == 1.0 and given.get("relu_upper_bound") is None
    plain &= given.get("keep_negative", True) in (True, 1)
    if name not in ("quantized_relu", "quantized_bits") or not plain or not 1 < bits <= 16:
        raise layer.unsupported(f"quantizer {name} {dict(given)}"[:200], _NOT_KNOWN)
    step = 2.0 ** (integer - bits + (not relu))
    return (0.0 if relu else -(2.0**integer)), 2.0**integer - step, step, bits


def _rounded(layer: Layer, by: _Quantizer, values: _Array) -> NDArray[np.float32]:
    """Return weights as their quantizer makes them."""
    name, given = by
    if name in _SIGNS:
        return frozen_array(np.where(values >= 0, 1.0, -1.0))
    if name in _DOREFA:
        bits = int(given.get("k_bit", 2))
        limited = np.tanh(values.astype(np.float32))
        largest = float(np.abs(limited).max()) or 1.0
        n = 2**bits - (2 if name == _OF_ST else 1)
        return frozen_array(2 * np.round((limited / (2 * largest) + 0.5) * n) / n - 1)
    low, high, step, _ = _fixed_point(layer, by)
    return frozen_array(np.clip(np.round(values / step) * step, low, high))


def _activation_steps(layer: Layer, by: _Quantizer | None, shape: Shape) -> tuple[Step, ...]:
    """Return the steps of an activation's quantizer."""
    if by is None:
        return ()
    name, given = by
    if name in _SIGNS:  # 1 of zero
        tenth = _affine(shape, 1.0, 0.1)
        return _chain((Sign(), tenth, Sign()), shape)
    if name in _DOREFA and given.get("mode", "activations") == "activations":
        bits = int(given.get("k_bit", 2))
        signed = name == _OF_ST
        step = 2.0 ** (1 - bits) if signed else 1.0 / (2**bits - 1)
        low, high = (-1.0, 1.0 - step) if signed else (0.0, 1.0)
    else:
        low, high, step, bits = _fixed_point(layer, by)
    if bits >= _INT8_BITS:
        return _chain((Clip(low, high), Identity((low, high))), shape)
    up = _affine(shape, 1.0 / step, 0.5)
    down = _affine(shape, step, 0.0)
    return _chain((Clip(low, high), up, Floor(), down), shape)


def _affine(shape: Shape, scale: float, offset: float) -> BatchNorm:
    ones = np.ones(shape[-1])
    return BatchNorm(frozen_array(scale * ones), frozen_array(offset * ones))


def _chain(ops: Sequence[FloatOp], shape: Shape) -> tuple[Step, ...]:
    return tuple(Step(op, shape, (PREVIOUS if i else 0,)) for i, op in enumerate(ops))


def _padded(use: LayerUse, value: float, is_behind: bool) -> tuple[Step, ...]:
    """Return the steps that pad with a value: with zeros, where this value is zero."""
    padding = window(use.layer, use.shape, "kernel_size", (1, 1)).padding
    shape = (
        use.shape[0] + padding.top + padding.bottom,
        use.shape[1] + padding.left + padding.right,
        use.shape[2],
    )
    lower, raised = _affine(use.shape, 1.0, -value), _affine(use.shape, 1.0, value)
    return (
        Step(lower, use.shape, (PREVIOUS if is_behind else 0,)),
        Step(Pad(padding), shape, (PREVIOUS,)),
        Step(raised, shape, (PREVIOUS,)),
    )
