"""Improve a network by one batch, in slices where its tensors would take too much memory.

The gradients of the slices are added: together they are those of the batch. What errors are
relative to is a property of the batch, too, so the float network runs over all slices before. Its
sums are float64, since those of squares cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import tensorflow as tf
from numpy.typing import NDArray

from microlut.distill.student import Tensor
from microlut.graph.ir import Graph
from microlut.ops.add import Add
from microlut.quantize.quality import judged

# Of all tensors of a batch together. Training keeps each a dozen times: that is 0.8 GB.
_WHOLE_VALUES = 1 << 24
_SLICE_VALUES = 1 << 22  # of a slice where the batch has more

# The squared deviations of tensors from their channels' means, for one sample. Those that are
# missing are computed from the batch.
Powers = Mapping[str, Tensor]
Loss = Callable[..., Tensor]  # takes powers and a batch


class Learner(Protocol):
    """What training changes."""

    variables: list[Any]

    def limit(self) -> None:
        """Keep the variables within what is allowed; called after each change."""


def step_of(
    graph: Graph,
    student: Learner,
    optimizer: Any,  # noqa: ANN401
    loss: Loss,
) -> Callable[..., None]:
    """Return what improves the student by one batch: inputs by name, and what else `loss` takes.

    Batches are arrays of NumPy: only one slice at a time is copied into tensors.
    """

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def whole(*batch: Any) -> None:  # noqa: ANN401
        optimizer.apply(gradients({}, *batch), student.variables)
        student.limit()

    @tf.function(autograph=False, reduce_retracing=True)  # type: ignore[untyped-decorator]
    def part(share: Tensor, powers: Powers, *batch: Any) -> list[Tensor]:  # noqa: ANN401
        found = gradients(powers, *batch)
        return [None if each is None else share * tf.convert_to_tensor(each) for each in found]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def move(found: list[Tensor]) -> None:
        optimizer.apply(found, student.variables)
        student.limit()

    def gradients(powers: Powers, *batch: Any) -> list[Tensor]:  # noqa: ANN401
        with tf.GradientTape() as tape:
            found = loss(powers, *batch)
        made: list[Tensor] = tape.gradient(found, student.variables)
        return made

    moments = tf.function(lambda x: _moments(graph, x), autograph=False, reduce_retracing=True)
    values = sum(tensor.size for tensor in graph.tensors().values())

    def step(*batch: Any) -> None:  # noqa: ANN401
        count = len(next(iter(batch[0].values())))
        if count * values <= _WHOLE_VALUES:
            whole(*_constants(batch))
            return
        parts = [*_slices(batch, count, max(1, _SLICE_VALUES // values))]
        powers = _powers([moments(_constants(each[0])) for _, each in parts], count)
        total: list[Tensor] | None = None
        for size, each in parts:
            found = part(tf.constant(size / count), powers, *_constants(each))
            total = found if total is None else [*map(_sum, total, found)]
        move(total)

    return step


def guides(graph: Graph) -> list[str]:
    """Return the tensors inside a network that guide its training.

    These are the sums where branches meet, or else the outputs of layers with weights.
    """
    sums = [node.output for node in graph.nodes if isinstance(node.op, Add)]
    return sums or [node.output for node, _ in graph.weighted()]


def float_tensors(graph: Graph, x: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return every tensor of the float network by name, for inputs [batch, ...] by name."""
    found = dict(x)
    for node in graph.nodes:
        made = node.op.train(tf, [found[name] for name in node.inputs])
        found.update(zip((tensor.name for tensor in node.outputs), made, strict=True))
    return found


def _constants(arrays: Any) -> Any:  # noqa: ANN401
    return tf.nest.map_structure(tf.constant, arrays)


def _slices(batch: Any, count: int, most: int) -> Iterator[tuple[int, Any]]:  # noqa: ANN401
    """Yield slices of a batch with their sizes, which differ by one at most."""
    number = -(-count // most)
    for i in range(number):
        begin, end = count * i // number, count * (i + 1) // number

        def cut(array: NDArray[Any], begin: int = begin, end: int = end) -> NDArray[Any]:
            return array[begin:end]

        yield end - begin, tf.nest.map_structure(cut, batch)


def _moments(graph: Graph, x: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Return values per channel, their sums [channels] and those of their squares, by tensor."""
    tensors = float_tensors(graph, x)
    found = {}
    for name in {*guides(graph), *(judged(graph, output)[0] for output in graph.outputs)}:
        flat = tf.reshape(tf.cast(tensors[name], tf.float64), (-1, tensors[name].shape[-1]))
        sums = (tf.reduce_sum(flat, axis=0), tf.reduce_sum(tf.square(flat), axis=0))
        found[name] = (tf.cast(tf.shape(flat)[0], tf.float64), *sums)
    return found


def _powers(parts: list[dict[str, tuple[Tensor, Tensor, Tensor]]], count: int) -> Powers:
    """Return what one sample has of the squared deviations of all parts."""
    found = {}
    for name in parts[0]:
        values, sums, squares = (sum(each) for each in zip(*(p[name] for p in parts), strict=True))
        power = tf.reduce_sum(squares - tf.square(sums) / values) / count
        found[name] = tf.cast(power, tf.float32)
    return found


def _sum(a: Tensor, b: Tensor) -> Tensor:
    return None if a is None or b is None else a + b
