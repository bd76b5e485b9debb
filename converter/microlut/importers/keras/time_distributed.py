"""Translate TimeDistributed: a layer that is applied to each of several steps.

Where the layer is over the last dimension, or has windows that stay within a step, the steps become
a part of a shape, and one operator does all of them. Else there is a call per step; their weights
are equal and therefore stored once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from microlut.importers.keras import options
from microlut.importers.keras.activations import activation
from microlut.importers.keras.affine import AFFINE
from microlut.importers.keras.along import from_the_end
from microlut.importers.keras.channels_first import is_channels_first, with_channels_last
from microlut.importers.keras.config import STEPWISE, Layer, inner_layer
from microlut.importers.keras.dropped import DROPPED
from microlut.importers.keras.known_options import check_options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, behind, limited
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.recurrent import RECURRENT
from microlut.ops.concatenate import Concatenate
from microlut.ops.movement import Axis, whole
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.windows import Window

_BY_LAST_AXIS = {"Activation", "Dense", "ReLU", "Softmax", "UnitNormalization", *AFFINE}
_BY_LAST_AXIS |= {"LayerNormalization", "RMSNormalization"}
_MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
_RESHAPING = ("Flatten", "Reshape")
_TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose")
_WINDOWS = ("Conv", "Pooling")
_HANDLERS = {name: made for name, made in {**LAYERS, **AFFINE}.items() if name not in RECURRENT}


@limited(
    "of models, of any layer with one input that is not recurrent, and in models of Add and the "
    "like; convolutions and pools whose windows overlap in height take a call per step"
)
def _time_distributed(use: LayerUse) -> tuple[Step, ...]:
    inner, steps = inner_layer(use.layer), 1  # dimensions of steps
    while inner.class_name == STEPWISE and not inner.is_custom:
        inner, steps = inner_layer(inner), steps + 1
    options.check_policy(inner)
    check_options(inner)
    rank = len(use.shapes[0])
    if rank <= steps or inner.is_custom:
        raise _unsupported(use, inner)
    use = replace(use, layer=replace(inner, config=from_the_end(inner.config, rank - steps)))
    if inner.class_name in _MERGES and all(len(shape) == rank for shape in use.shapes):
        return LAYERS[inner.class_name](use)
    if len(use.shapes) > 1:
        raise _unsupported(use, inner)
    if steps == 1:
        return _in_any_order(use)
    before, each = use.shape[:steps], use.shape[steps:]
    flat = (prod(before), *each)
    made = behind(_in_any_order(replace(use, shapes=(flat,))))
    shape = (*before, *made[-1].shape[1:])
    return (
        Step(Reshape(flat), flat, (0,), "_steps"),
        *made,
        Step(Reshape(shape), shape, (PREVIOUS,), "_dimensions"),
    )


def _in_any_order(use: LayerUse) -> tuple[Step, ...]:
    """Return the steps of a layer that is applied to each step of an input."""
    if is_channels_first(use.layer.config):
        return with_channels_last(use, _applied, 1)
    return _applied(use)


def _applied(use: LayerUse) -> tuple[Step, ...]:
    """Return the steps of a layer with channels last, which is applied to each step of an input."""
    each, kind = use.shape[1:], use.layer.class_name
    if kind in DROPPED:
        return DROPPED[kind](use)
    if kind in _RESHAPING:
        *_, last = _HANDLERS[kind](replace(use, shapes=(each,)))
        shape = (use.shape[0], *last.shape)
        return (Step(Reshape(shape), shape),)
    if kind in _BY_LAST_AXIS:
        return _HANDLERS[kind](use)
    if kind.startswith("Global") and kind in LAYERS:
        return _global_pool(use)
    if any(part in kind for part in _WINDOWS) and kind in LAYERS and len(each) == 2:
        return LAYERS[kind](use)
    if any(part in kind for part in _WINDOWS) and kind in LAYERS and len(each) == 3:
        return _as_tall_picture(use)
    if kind in _HANDLERS:
        return _step_by_step(use)
    raise _unsupported(use, use.layer)


TIME_DISTRIBUTED: Mapping[str, Handler] = {"TimeDistributed": _time_distributed}


def _unsupported(use: LayerUse, inner: Layer) -> Exception:
    return inner.unsupported(
        f"is applied to each step of {', '.join(str(list(shape)) for shape in use.shapes)}",
        "supported in TimeDistributed are models, and layers with one input that are not "
        "recurrent: call it on each step instead",
    )


def _step_by_step(use: LayerUse) -> tuple[Step, ...]:
    """Return the layer on each step, and what joins the results; its weights are stored once."""
    count, *each = use.shape
    inner = _HANDLERS[use.layer.class_name](replace(use, shapes=(tuple(each),)))
    made = (1, *inner[-1].shape)
    steps: list[Step] = []
    for number in range(count):
        axes = (Axis(number, 1, 1), *map(whole, each))
        steps.append(Step(Slice(axes), (1, *each), (0,), f"_at{number}"))
        steps.append(Step(Reshape(tuple(each)), tuple(each), (PREVIOUS,), f"_given{number}"))
        steps += [replace(step, suffix=f"_step{number}{step.suffix}") for step in behind(inner)]
        steps.append(Step(Reshape(made), made, (PREVIOUS,), f"_made{number}"))
    ends = tuple(PREVIOUS - (len(inner) + 3) * (count - 1 - number) for number in range(count))
    return *steps, Step(Concatenate(0), (count, *made[1:]), ends)


def _global_pool(use: LayerUse) -> tuple[Step, ...]:
    """Return a pool over the pixels of each step, which are a row of a picture."""
    options.check_channels_last(use.layer)
    steps, *each, channels = use.shape
    if len(each) != (2 if use.layer.class_name.endswith("2D") else 1):
        raise use.layer.invalid(f"reads shape {list(use.shape[1:])}")
    kind = MaxPool2D if "Max" in use.layer.class_name else AveragePool2D
    row = (1, prod(each))
    before, pooled = (steps, row[1], channels), (steps, 1, channels)
    kept = options.flag(use.layer, "keepdims", False)
    after = (steps, *(1 for _ in each), channels) if kept else (steps, channels)
    return (
        Step(Reshape(before), before, (0,), "_rows"),
        Step(kind(Window(row, row)), pooled, (PREVIOUS,)),
        Step(Reshape(after), after, (PREVIOUS,), "_steps"),
    )


def _as_tall_picture(use: LayerUse) -> tuple[Step, ...]:
    """Return a window over pictures that lie one below the other, if it meets one at a time."""
    steps, height, width, channels = use.shape
    layer = use.layer
    size = options.pair(layer, "pool_size" if "Pooling" in layer.class_name else "kernel_size")
    default = size if "Pooling" in layer.class_name else (1, 1)
    (down, across), dilation = (
        options.pair(layer, "strides", default),
        options.pair(layer, "dilation_rate", (1, 1)),
    )
    valid = str(layer.config.get("padding", "valid")).lower() == "valid"
    if valid and size[0] == height and dilation[0] == 1:
        down = height
    crosses = 1 in activation(layer, use.shape).axes  # the height, along which steps follow
    if layer.class_name in _TRANSPOSED or size[0] != down or height % down or crosses:
        return _step_by_step(use)
    tall = (steps * height, width, channels)
    config = {**layer.config, "strides": [down, across]}
    made = _HANDLERS[layer.class_name](
        replace(use, layer=replace(layer, config=config), shapes=(tall,))
    )
    shape = (steps, height // down, *made[-1].shape[1:])
    return (
        Step(Reshape(tall), tall, (0,), "_rows"),
        *behind(made),
        Step(Reshape(shape), shape, (PREVIOUS,), "_steps"),
    )
