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
from microlut.importers.keras.config import Layer, stepwise
from microlut.importers.keras.dropped import DROPPED
from microlut.importers.keras.known_options import check_options
from microlut.importers.keras.layer_use import PREVIOUS, Handler, LayerUse, Step, behind, limited
from microlut.importers.keras.layers import LAYERS
from microlut.importers.keras.operations import is_operation, operation_handler
from microlut.importers.keras.quantized_classes import QUANTIZED_CLASSES
from microlut.importers.keras.recurrent import RECURRENT
from microlut.importers.keras.temporal import TEMPORAL
from microlut.ops.batch_norm import BatchNorm
from microlut.ops.binary import Binary
from microlut.ops.concatenate import Concatenate
from microlut.ops.elementwise import Elementwise
from microlut.ops.identity import Identity
from microlut.ops.layer_normalization import LayerNormalization
from microlut.ops.movement import Axis, whole
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.slice import Slice
from microlut.ops.softmax import Softmax
from microlut.ops.windows import Window

_BY_LAST_AXIS = {"Activation", "Dense", "ReLU", "Softmax", "UnitNormalization", *AFFINE}
_BY_LAST_AXIS |= {"LayerNormalization", "RMSNormalization"}
_OVER_LAST_AXIS = (BatchNorm, Binary, Elementwise, Identity, LayerNormalization, Relu, Softmax)
_MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
_RESHAPING = ("Flatten", "Reshape")
_TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose")
_WINDOWS = ("Conv", "Pooling")
_HANDLERS = {**LAYERS, **AFFINE, **RECURRENT, **QUANTIZED_CLASSES, **TEMPORAL}


@limited(
    "of models and of any layer; convolutions and pools whose windows overlap in height, recurrent "
    "layers and functions that read more than one value take a call per step"
)
def _time_distributed(use: LayerUse) -> tuple[Step, ...]:
    inner, steps = stepwise(use.layer)
    if inner.is_custom or any(len(shape) <= steps for shape in use.shapes):
        raise _unsupported(use, inner)
    rank = len(use.shapes[0])
    if is_operation(inner):
        use, applied = replace(use, layer=inner), _applied_operation
    else:
        options.check_policy(inner)
        check_options(inner)
        config = from_the_end(inner.config, rank - steps)
        use = replace(use, layer=replace(inner, config=config))
        if inner.class_name in _MERGES and all(len(shape) == rank for shape in use.shapes):
            return LAYERS[inner.class_name](use)
        applied = _in_any_order if len(use.shapes) == 1 else _applied_to_several
    if steps == 1:
        return applied(use)
    before = use.shapes[0][:steps]
    flat = tuple((prod(before), *shape[steps:]) for shape in use.shapes)
    made = behind(applied(replace(use, shapes=flat)), len(flat))
    shape = (*before, *made[-1].shape[1:])
    return (
        *(Step(Reshape(each), each, (i,), f"_steps{i or ''}") for i, each in enumerate(flat)),
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
        return _step_by_step(use, _HANDLERS[kind])
    raise _unsupported(use, use.layer)


TIME_DISTRIBUTED: Mapping[str, Handler] = {"TimeDistributed": _time_distributed}


def _unsupported(use: LayerUse, inner: Layer) -> Exception:
    return inner.unsupported(
        f"is applied to each step of {', '.join(str(list(shape)) for shape in use.shapes)}",
        "supported in TimeDistributed are models, layers and functions that are supported without "
        "it, of steps that have a dimension",
    )


def _applied_operation(use: LayerUse) -> tuple[Step, ...]:
    """Return the steps of an operation that is applied to each step of its inputs."""
    handler = operation_handler(use.layer)
    if handler is None:
        raise _unsupported(use, use.layer)
    return _step_by_step(use, handler)


def _applied_to_several(use: LayerUse) -> tuple[Step, ...]:
    """Return the steps of a layer with several inputs, which is applied to each step of them."""
    if use.layer.class_name not in _HANDLERS:
        raise _unsupported(use, use.layer)
    return _step_by_step(use, _HANDLERS[use.layer.class_name])


def _step_by_step(use: LayerUse, handler: Handler) -> tuple[Step, ...]:
    """Return the layer on each step, and what joins the results; its weights are stored once.

    Operators that do the same for any dimensions before the last are applied to all steps at once.
    """
    count, each = use.shapes[0][0], tuple(shape[1:] for shape in use.shapes)
    inner = handler(replace(use, shapes=each))
    alike = len({len(shape) for shape in each}) == 1  # a shorter one would be broadcast otherwise
    if alike and all(isinstance(step.op, _OVER_LAST_AXIS) for step in inner):
        return tuple(replace(step, shape=(count, *step.shape)) for step in inner)
    made = (1, *inner[-1].shape)
    steps: list[Step] = []
    ends: list[int] = []
    for number in range(count):
        for i, shape in enumerate(each):
            axes = (Axis(number, 1, 1), *map(whole, shape))
            steps.append(Step(Slice(axes), (1, *shape), (i,), f"_at{number}"))
        steps += [Step(Reshape(shape), shape, (-len(each),), f"_given{number}") for shape in each]
        made_here = behind(inner, len(each))
        steps += [replace(step, suffix=f"_step{number}{step.suffix}") for step in made_here]
        ends.append(len(steps))
        steps.append(Step(Reshape(made), made, (PREVIOUS,), f"_made{number}"))
    joined = tuple(end - len(steps) for end in ends)
    return *steps, Step(Concatenate(0), (count, *made[1:]), joined)


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
        return _step_by_step(use, _HANDLERS[layer.class_name])
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
