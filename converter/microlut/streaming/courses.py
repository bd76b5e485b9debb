"""How each operator runs frame by frame. An operator that is not here cannot be streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch

from microlut.ops.add import QAdd
from microlut.ops.arrays import Shape
from microlut.ops.base import IntegerOp
from microlut.ops.binary import QBinary
from microlut.ops.concatenate import QConcatenate
from microlut.ops.conv2d import QConv2D
from microlut.ops.dense import QDense
from microlut.ops.depthwise_conv2d import QDepthwiseConv2D
from microlut.ops.gather import QGather
from microlut.ops.mean import QMean
from microlut.ops.move import QMove
from microlut.ops.movement import Axis
from microlut.ops.pad import QPad
from microlut.ops.pool2d import QPool2D
from microlut.ops.prelu import QPrelu
from microlut.ops.rectify_16 import QRectify16
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.recurrent_step import QRecurrentStep
from microlut.ops.reduce import QReduce
from microlut.ops.relu import QRelu
from microlut.ops.requantize import QRequantize
from microlut.ops.reshape import QReshape
from microlut.ops.scale import QScale
from microlut.ops.sigmoid_16 import QSigmoid16
from microlut.ops.softmax import QSoftmax
from microlut.ops.softmax_16 import QSoftmax16
from microlut.ops.table import QTable
from microlut.ops.table_16 import QTable16
from microlut.ops.unit_normalization import QUnitNormalization, QUnitNormalization16
from microlut.ops.windows import Padding
from microlut.streaming.timed import (
    Course,
    Slide,
    Steps,
    Take,
    Timed,
    each_frame,
    kept_axis,
    resized,
    sliding,
    whole,
)

_LATER = (
    "it pads after the newest frame, as padding 'same' does, so it waits for frames to come; train "
    "the model with padding 'causal' or 'valid' along the frames"
)
_OTHER = "it pads before the first frame with other values than zeros; pad with zeros"
_MIXED = (
    "it pads before the first frame, after layers without padding, which lag behind; give these "
    "padding 'causal', too, or none to any layer"
)


def course_of(
    op: IntegerOp, inputs: Sequence[Timed | None], shapes: Sequence[Shape], output: Shape
) -> Course:
    """Return how an operator runs in each run.

    Args:
        op: The operator over whole windows.
        inputs: What each run makes of the tensors that it reads; None for what is complete.
        shapes: Their shapes in whole windows.
        output: The output's shape.

    Raises:
        ValueError: It cannot run frame by frame. The message says why, and what to do.
    """
    timed = [one for one in inputs if one is not None]
    if len(timed) < len(inputs):
        return whole(op, inputs)
    return _course(op, timed, shapes, output)


@singledispatch
def _course(
    op: IntegerOp, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape
) -> Course:
    raise ValueError(
        f"{op.kind} is not computed frame by frame; remove the layer, or convert without --stream"
    )


def _by_value(
    op: IntegerOp, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape
) -> Course:
    if len({timed.axis for timed in inputs}) > 1:
        return whole(op, inputs)
    return each_frame(op, inputs, inputs[0].axis)


for _kind in (QAdd, QRectify16, QRelu, QRequantize, QScale, QSigmoid16, QTable, QTable16):
    _course.register(_kind, _by_value)


@_course.register
def _binary(op: QBinary, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape) -> Course:
    axes = {t.axis + len(output) - len(shape) for t, shape in zip(inputs, shapes, strict=True)}
    if len(axes) > 1:
        return whole(op, inputs)
    (axis,) = axes
    if op.constant is not None:
        _check_constant(op.constant.shape, output, axis)
    return each_frame(op, inputs, axis)


@_course.register
def _prelu(op: QPrelu, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape) -> Course:
    _check_constant(op.slopes.shape, output, inputs[0].axis)
    return each_frame(op, inputs, inputs[0].axis)


def _check_constant(shape: Shape, output: Shape, axis: int) -> None:
    """Raise ValueError if a constant, broadcast to the output, differs from frame to frame."""
    place = axis - len(output) + len(shape)
    if place >= 0 and shape[place] > 1:
        raise ValueError(
            "its weights differ from frame to frame; share them along the frames, as with "
            "PReLU(shared_axes=[1])"
        )


@_course.register
def _concatenate(
    op: QConcatenate, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape
) -> Course:
    axes = {timed.axis for timed in inputs}
    if len(axes) > 1 or op.axis in axes:
        return whole(op, inputs)
    return each_frame(op, inputs, inputs[0].axis)


@_course.register(QDense)
@_course.register(QSoftmax)
@_course.register(QSoftmax16)
@_course.register(QUnitNormalization | QUnitNormalization16)
def _over_the_last(
    op: IntegerOp, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape
) -> Course:
    axis = inputs[0].axis
    if axis == len(shapes[0]) - 1:
        return whole(op, inputs)
    return each_frame(op, inputs, axis)


@_course.register
def _recurrent(
    op: QRecurrent, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape
) -> Course:
    """Go on where the last run ended, unless that would not be as in training.

    Behind layers that lag, the first steps would read what is no part of a window. Then, and if the
    layer reads backwards, each run begins with zeros and reads the whole window again.
    """
    (timed,) = inputs
    if timed.axis != 0 or timed.delay > 0 or op.backwards:
        return whole(op, inputs)
    made = replace(timed, delay=0) if op.sequences else None
    read = Slide(0) if op.sequences else Steps()
    return Course((read,), made, lambda _: QRecurrentStep(op))


@_course.register
def _gather(op: QGather, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape) -> Course:
    if inputs[0].axis == op.axis:
        return whole(op, inputs)
    return each_frame(op, inputs, inputs[0].axis)


@_course.register
def _mean(op: QMean, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape) -> Course:
    return each_frame(op, inputs, 2) if inputs[0].axis == 2 else whole(op, inputs)


@_course.register
def _reduce(op: QReduce, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape) -> Course:
    axis = inputs[0].axis
    if axis in op.axes:
        return whole(op, inputs)
    gone = 0 if op.keep else sum(other < axis for other in op.axes)
    return each_frame(op, inputs, axis - gone)


@_course.register
def _reshape(
    op: QReshape, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape
) -> Course:
    (timed,) = inputs
    axis = kept_axis(shapes[0], timed.axis, op.shape)
    if axis is None:
        return whole(op, inputs)
    made = Timed(axis, timed.length, timed.rate, timed.delay)

    def streamed(seen: Sequence[Shape]) -> IntegerOp:
        return QReshape(resized(op.shape, axis, seen[0][timed.axis]))

    return Course((Slide(-timed.delay),), made, streamed)


@_course.register
def _pad(op: QPad, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape) -> Course:
    """Nothing runs: zeros before the first frame are what states begin with."""
    (timed,) = inputs
    before, after = _along(op.padding, timed.axis)
    if after:
        raise ValueError(_LATER)
    if before and (timed.delay > 0 or op.value is not None):
        raise ValueError(_MIXED if op.value is None else _OTHER)
    made = replace(timed, length=timed.length + before, delay=timed.delay - before)
    rest, read = replace(op, padding=_across(op.padding, timed.axis)), (Slide(-timed.delay),)
    return Course(read, made, lambda seen: rest if rest.padding else QReshape(tuple(seen[0])))


@_course.register(QConv2D)
@_course.register(QDepthwiseConv2D)
@_course.register(QPool2D)
def _window(
    op: QConv2D | QDepthwiseConv2D | QPool2D,
    inputs: Sequence[Timed],
    shapes: Sequence[Shape],
    output: Shape,
) -> Course:
    (timed,), window = inputs, op.window
    axis = timed.axis
    if axis == 2:
        return whole(op, inputs)
    before, _ = _along(window.padding, axis)
    stride, span = window.strides[axis], window.spans[axis]
    made = output[axis]
    if (made - 1) * stride + span - before > timed.length:
        raise ValueError(_LATER)
    if before and timed.delay > 0:
        raise ValueError(_MIXED)
    if before and isinstance(op, QPool2D):
        raise ValueError(
            "it pools fewer frames at the first ones; give it padding 'valid' along the frames"
        )
    if made == 1 and not before:
        return whole(op, inputs)
    inside = replace(window, padding=_across(window.padding, axis))
    read, result = sliding(timed, span, stride, before, made, axis)
    return Course((read,), result, lambda _: replace(op, window=inside))


def _along(padding: Padding, axis: int) -> tuple[int, int]:
    """Return the padding before and after a picture along a dimension of it."""
    sides = (padding.top, padding.bottom), (padding.left, padding.right), (0, 0)
    return sides[axis]


def _across(padding: Padding, axis: int) -> Padding:
    """Return the padding along the other dimension."""
    if axis == 0:
        return replace(padding, top=0, bottom=0)
    return replace(padding, left=0, right=0) if axis == 1 else padding


@_course.register
def _move(op: QMove, inputs: Sequence[Timed], shapes: Sequence[Shape], output: Shape) -> Course:
    (timed,), movement = inputs, op.movement
    place = kept_axis(shapes[0], timed.axis, movement.source)
    if place is None:
        return whole(op, inputs)

    def remade(count: int, taken: Axis, shape: Shape) -> QMove:
        axes = (*movement.axes[:place], taken, *movement.axes[place + 1 :])
        source = resized(movement.source, place, count)
        return QMove(replace(movement, source=source, axes=axes, shape=shape))

    taken = movement.axes[place]
    if taken.size == 1:  # nothing else of the window is needed
        return Course(
            (Take(taken.begin, 1),), None, lambda _: remade(1, Axis(0, 1, 1), movement.shape)
        )
    sizes = tuple(movement.axes[i].size for i in movement.order)
    axis = kept_axis(sizes, movement.order.index(place), movement.shape)
    if axis is None:
        return whole(op, inputs)
    if taken.step < 1:
        raise ValueError(
            "it repeats frames or reverses their order; remove the layer, or convert without "
            "--stream"
        )
    read, made = sliding(timed, 1, taken.step, -taken.begin, taken.size, axis)

    def streamed(seen: Sequence[Shape]) -> QMove:
        count = seen[0][timed.axis]
        own = Axis(0, taken.step, -(-count // taken.step))
        return remade(count, own, resized(movement.shape, axis, own.size))

    return Course((read,), made, streamed)
