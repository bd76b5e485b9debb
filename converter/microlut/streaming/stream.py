"""Turn an integer network over whole windows into one that takes the next frames per run.

docs/internals/streaming.md says how. Weights, scales and operators stay as they are, so that the
outputs for a whole window are the same to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from microlut.errors import InvalidInput, UnsupportedModel
from microlut.graph.network import State
from microlut.graph.passes.rewrite import free_name
from microlut.integer import QNode, QuantizedGraph
from microlut.integer.graph import Part, Stream
from microlut.ops.recurrent_integer import QRecurrent
from microlut.ops.recurrent_step import QRecurrentStep
from microlut.streaming.buffers import Buffers
from microlut.streaming.courses import course_of
from microlut.streaming.timed import Beat, Course, Read, Slide, Steps, Take, Timed, resized, whole


def stream(graph: QuantizedGraph, axis: int) -> QuantizedGraph:
    """Return a network that takes the next frames of its inputs per run.

    Args:
        graph: The network over whole windows.
        axis: The dimension of all inputs along which frames come, counted without the batch.

    Raises:
        InvalidInput: Inputs have no such dimension, or differ in the number of frames.
        UnsupportedModel: A layer cannot run frame by frame.
    """
    flow = _follow(graph, axis, steps=True)
    beat = flow.beat()
    if not flow.ends_with(beat):
        flow = _follow(graph, axis, steps=False)
        beat = flow.beat()
    return _streamed(graph, flow, beat, axis)


@dataclass(slots=True)
class _Flow:
    """What each run makes of every tensor, and how each node runs; None: as before."""

    graph: QuantizedGraph
    timed: dict[str, Timed | None] = field(default_factory=dict)
    courses: dict[str, Course | None] = field(default_factory=dict)

    def beat(self) -> Beat:
        """Return the frames per run, and how many runs answer a whole window."""
        frames = math.lcm(*(timed.rate for timed in self.timed.values() if timed is not None))
        return Beat(frames, self._runs(Beat(frames, 1)))

    def ends_with(self, beat: Beat) -> bool:
        """Return whether the last run of a window reads no steps behind it."""
        stepped = [timed for _, timed, read in self.reads() if isinstance(read, Steps)]
        return all(beat.runs * beat.count(timed) == timed.length for timed in stepped)

    def _runs(self, beat: Beat) -> int:
        taken = [(timed, read) for _, timed, read in self.reads() if isinstance(read, Take)]
        stepped = [timed for _, timed, read in self.reads() if isinstance(read, Steps)]
        taken += [(replace(timed, delay=0), Take(0, timed.length)) for timed in stepped]
        for timed in map(self.timed.get, self.graph.outputs):
            if timed is not None:
                late = replace(timed, delay=max(timed.delay, 0))
                taken.append((late, Take(0, timed.length)))
        needed = (
            (read.first + read.count + timed.delay) / beat.count(timed) for timed, read in taken
        )
        return max([1, *map(math.ceil, needed)])

    def reads(self) -> Iterator[tuple[str, Timed, Read]]:
        """Yield what is read in each run, by nodes and by the caller, of which tensors."""
        for node in self.graph.nodes:
            course = self.courses[node.name]
            if course is None:
                continue
            for name, read in zip(node.inputs, course.reads, strict=True):
                timed = self.timed[name]
                if timed is not None and read is not None:
                    yield name, timed, read
        for name in self.graph.outputs:
            timed = self.timed[name]
            if timed is not None:
                yield name, timed, Slide(-max(timed.delay, 0))


def _follow(graph: QuantizedGraph, axis: int, *, steps: bool) -> _Flow:
    """Follow the frames through the network; `steps` tells whether layers may read `Steps`."""
    _check_inputs(graph, axis)
    flow, shapes = _Flow(graph), {name: t.shape for name, t in graph.tensors().items()}
    for tensor in graph.inputs:
        flow.timed[tensor.name] = Timed(axis, tensor.shape[axis])
    for node in graph.nodes:
        read = [flow.timed[name] for name in node.inputs]
        course = None
        if any(timed is not None for timed in read):
            try:
                seen = [shapes[name] for name in node.inputs]
                course = course_of(node.op, read, seen, node.shape)
            except ValueError as error:
                raise UnsupportedModel(f"{node.name}: cannot be streamed: {error}") from error
            if not steps and any(isinstance(one, Steps) for one in course.reads):
                course = whole(node.op, read)
        flow.courses[node.name] = course
        flow.timed[node.output] = None if course is None else course.output
    return flow


def _check_inputs(graph: QuantizedGraph, axis: int) -> None:
    for tensor in graph.inputs:
        if not 0 <= axis < len(tensor.shape):
            raise InvalidInput(
                f"stream is {axis}, but input {tensor.name} has shape {list(tensor.shape)}; give "
                f"the dimension of its frames, 0 to {len(tensor.shape) - 1}, without the batch"
            )
    if len({tensor.shape[axis] for tensor in graph.inputs}) > 1:
        found = ", ".join(f"{t.name} {t.shape[axis]}" for t in graph.inputs)
        raise InvalidInput(
            f"stream is {axis}, but the inputs have unlike numbers of frames ({found}); give "
            "models whose inputs have frames in common"
        )
    if graph.states:
        raise UnsupportedModel(
            f"model {graph.name}: goes on in each run where the last one ended already; leave the "
            "dimension of frames to stream out"
        )


def _streamed(graph: QuantizedGraph, flow: _Flow, beat: Beat, axis: int) -> QuantizedGraph:
    buffers = Buffers(beat, set(graph.tensors()) | {node.name for node in graph.nodes})
    for name, timed, read in flow.reads():
        buffers.ask(name, timed, read)
    inputs = []
    for tensor in graph.inputs:
        made = replace(tensor, shape=resized(tensor.shape, axis, beat.frames))
        inputs.append(made)
        buffers.made(made, flow.timed[tensor.name])
    for node in graph.nodes:
        course = flow.courses[node.name]
        new = node if course is None else _remade(node, course, flow, buffers)
        buffers.nodes.append(new)
        buffers.made(new.outputs[0], flow.timed[node.output])
    outputs, parts = list[str](), list[Part | None]()
    for name in graph.outputs:
        end = flow.timed[name]
        delay = 0 if end is None else max(end.delay, 0)
        outputs.append(name if end is None else buffers.view(name, end, Slide(-delay)).name)
        parts.append(None if end is None else Part(end.axis, delay, end.length))
    window = graph.inputs[0].shape[axis]
    _check_steps(buffers.nodes)
    return replace(
        graph,
        inputs=tuple(inputs),
        nodes=tuple(buffers.nodes),
        outputs=tuple(outputs),
        states=tuple(buffers.states),
        output_names=graph.output_names or graph.outputs,
        stream=Stream(axis, window, beat.runs, tuple(parts)),
    )


def _check_steps(nodes: Sequence[QNode]) -> None:
    """Refuse an LSTM that begins anew in each run: as TensorFlow Lite has it, it always goes on."""
    for node in nodes:
        if isinstance(node.op, QRecurrent) and node.op.cell == "lstm":
            raise UnsupportedModel(
                f"{node.name}: cannot be streamed: an LSTM that reads whole windows, as behind "
                "layers that lag or backwards, begins anew in each run, which TensorFlow Lite's "
                "cannot; give layers before it padding 'causal' and let it read forwards, or use "
                "a GRU"
            )


def _remade(node: QNode, course: Course, flow: _Flow, buffers: Buffers) -> QNode:
    """Return a node as it runs in each run."""
    inputs, shapes = [], []
    for name, read in zip(node.inputs, course.reads, strict=True):
        timed = flow.timed[name]
        seen = buffers.known[name]
        if timed is not None and read is not None:
            seen = buffers.view(name, timed, read)
        inputs.append(seen.name)
        shapes.append(seen.shape)
    op = course.remade(shapes)
    outputs = list(node.outputs)
    if isinstance(op, QRecurrentStep):
        old, new = (
            op.memory(free_name(f"{node.name}/{n}", buffers.taken)) for n in ("memory", "next")
        )
        buffers.states.append(State(old, new.name))
        inputs.append(old.name)
        shapes.append(old.shape)
        outputs.append(new)
    shape, *_ = op.shapes(shapes)
    if course.output is not None:
        assert shape[course.output.axis] == buffers.beat.count(course.output), node.name
    else:
        assert shape == node.shape, node.name
    outputs[0] = replace(outputs[0], shape=shape)
    return replace(node, op=op, inputs=tuple(inputs), outputs=tuple(outputs))
