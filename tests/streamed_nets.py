"""Seeded random networks over frames, which can be streamed: 1-D and 2-D, valid and causal.

In those of the causal kind, layers pad before the first frame only; in the others, they do not pad
along the frames. Both have strides, dilation, pools, branches that join, and one of many ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import random_graphs as rg
from microlut.integer import QuantizedGraph
from microlut.integer.check import check_graph
from microlut.ops.activation import ActivationKind
from microlut.ops.add import Add
from microlut.ops.arrays import Shape, frozen_array
from microlut.ops.concatenate import Concatenate
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.maximum import Maximum
from microlut.ops.mean import Mean
from microlut.ops.movement import Axis, whole
from microlut.ops.mul import Mul
from microlut.ops.pad import Pad
from microlut.ops.pool2d import AveragePool2D, MaxPool2D
from microlut.ops.prelu import Prelu
from microlut.ops.reduce import ReduceMax, ReduceMean
from microlut.ops.relu import Relu
from microlut.ops.reshape import Reshape
from microlut.ops.sigmoid import Sigmoid
from microlut.ops.slice import Slice
from microlut.ops.softmax import Softmax
from microlut.ops.tanh import Tanh
from microlut.ops.transpose import Transpose
from microlut.ops.windows import Padding, Window


def networks(count: int, seed: int = 0) -> Iterator[tuple[QuantizedGraph, int]]:
    """Yield integer networks over whole windows, with the dimension of their frames."""
    for i in range(count):
        rng = np.random.default_rng([seed, i, 19])
        made = _Frames(f"stream{seed}_{i}", rng, causal=i % 2 == 1, flat=i // 2 % 2 == 1)
        bits = 8 if i % 4 else 2 + i % 6  # others take longer to quantize
        graph = made.build().case(rng, bits, granularity=i // 7 % 2).quantized()
        check_graph(graph)
        yield graph, made.input_axis


@dataclass
class _Frames:
    """A network under construction: pictures whose dimension `axis` is that of frames."""

    name: str
    rng: np.random.Generator
    causal: bool
    flat: bool  # 1-D: sequences, as pictures of height 1

    def __post_init__(self) -> None:
        rng = self.rng
        frames, channels = int(rng.integers(14, 40)), int(rng.choice([1, 2, 3, 4, 8]))
        if self.flat:
            self.axis, self.input_axis, shape = 1, 0, (frames, channels)
        else:
            self.axis = self.input_axis = int(rng.integers(2))
            sizes = [frames, int(rng.integers(1, 7))]
            shape = (*(sizes if self.axis == 0 else sizes[::-1]), channels)
        self.net = rg.Network(self.name, shape)
        if self.flat:
            self.net.add(Reshape((1, *shape)), (1, *shape))

    def build(self) -> rg.Network:
        for _ in range(int(self.rng.integers(1, 5))):
            blocks = (self._convolve, self._convolve, self._pool, self._residual, self._branches)
            blocks[self.rng.integers(len(blocks))]()
            if self.rng.random() < 0.4:
                self._by_value()
        self._end()
        return self.net

    @property
    def shape(self) -> Shape:
        return self.net.shape

    def _most(self) -> int:
        """Return the longest span of a window."""
        return max(1, self.shape[self.axis] // (1 if self.causal else 3))

    def _window(self, stride: int | None = None, across: bool = True) -> Window:
        rng, other = self.rng, 1 - self.axis
        size = int(rng.integers(1, 5))
        dilation = int(rng.choice([1, 1, 2, 3]))
        while (size - 1) * dilation + 1 > self._most():
            size, dilation = size - 1, 1
        if stride is None:
            stride = int(rng.choice([1, 1, 1, 2, 3])) if self.shape[self.axis] > 9 else 1
        width = int(rng.integers(1, min(3, self.shape[other]) + 1)) if across else 1
        before = (size - 1) * dilation if self.causal else 0
        order = (lambda a, b: (a, b)) if self.axis == 0 else (lambda a, b: (b, a))
        sides = (before, 0, 0, width - 1) if self.axis == 0 else (0, width - 1, before, 0)
        return Window(order(size, width), order(stride, 1), Padding(*sides), order(dilation, 1))

    def _convolve(self, window: Window | None = None, source: str | None = None) -> str:
        rng, channels = self.rng, self.shape[2]
        window = window or self._window()
        read = (source,) if source else ()
        kind = rng.choice(list(ActivationKind))
        if rng.random() < 0.4:
            kernel = rg.weights(rng, (*window.size, channels), 2)
            op = DepthwiseConv2D(kernel, rg.bias(rng, channels), window, 1, ActivationKind(kind))
        else:
            filters = channels if source else int(rng.integers(1, 7))
            kernel = rg.weights(rng, (filters, *window.size, channels), 0)
            op = Conv2D(kernel, rg.bias(rng, filters), window, ActivationKind(kind))
        return self.net.add(op, op.shapes([self._shape_of(source)])[0], *read)

    def _shape_of(self, name: str | None) -> Shape:
        if name is None:
            return self.shape
        return next(node.shape for node in self.net.nodes if node.name == name)

    def _pool(self) -> None:
        rng, kind = self.rng, (MaxPool2D, AveragePool2D)[self.rng.integers(2)]
        size = int(rng.integers(1, min(4, self._most()) + 1))
        lags = not self.causal and rng.random() < 0.5
        stride = int(rng.integers(1, 4)) if lags else size
        order = (lambda a, b: (a, b)) if self.axis == 0 else (lambda a, b: (b, a))
        if self.causal and rng.random() < 0.4:
            stride = 1
            padding = Padding(size - 1) if self.axis == 0 else Padding(left=size - 1)
            self.net.add(Pad(padding), Pad(padding).shapes([self.shape])[0])
        op = kind(Window(order(size, 1), order(stride, 1)))
        self.net.add(op, op.shapes([self.shape])[0])

    def _by_value(self) -> None:
        ops = (
            Relu(ActivationKind.RELU),
            Sigmoid(),
            Tanh(),
            Prelu(frozen_array(self.rng.normal(size=self.shape[2]))),
        )
        self.net.add(ops[self.rng.integers(len(ops))], self.shape)

    def _name(self) -> str:
        """Return a tensor to branch from: a node, which all but a 2-D network have at first."""
        if not self.net.nodes:
            self._convolve()
        return self.net.last

    def _residual(self) -> None:
        x, before = self._name(), self.shape
        made = self._convolve(self._window(stride=1, across=False), x)
        self._join(Add() if self.rng.random() < 0.6 else Mul(), x, before, made)

    def _branches(self) -> None:
        x = self._name()
        first = self._convolve(self._window(stride=1, across=False), x)
        before = self.shape
        second = self._convolve(self._window(stride=1, across=False), x)
        lengths = before[self.axis], self.shape[self.axis]
        if lengths[0] < lengths[1]:
            first, second = second, first
            before = self._shape_of(first)
            # the last node must be the shorter one
            self.net.nodes[-2:] = self.net.nodes[:-3:-1]
        op = (Concatenate(2), Maximum())[self.rng.integers(2)]
        self._join(op, first, before, second)

    def _join(
        self, op: Add | Mul | Concatenate | Maximum, x: str, before: Shape, made: str
    ) -> None:
        """Join two tensors, of which the longer is cropped at any place."""
        shape, axis = self._shape_of(made), self.axis
        spare = before[axis] - shape[axis]
        if spare:
            axes = [whole(n) for n in before]
            axes[axis] = Axis(int(self.rng.integers(spare + 1)), 1, shape[axis])
            cropped = tuple(a.size for a in axes)
            x = self.net.add(Slice(tuple(axes)), cropped, x)
        both = (x, made) if self.rng.random() < 0.5 else (made, x)
        shapes = [self._shape_of(name) for name in both]
        if isinstance(op, Concatenate) or shapes[0] == shapes[1]:
            self.net.add(op, op.shapes(shapes)[0], *both)

    def _end(self) -> None:
        rng = self.rng
        ends = (self._mean, self._pooled, self._flat, self._last, self._each, self._reduced)
        end = int(rng.integers(len(ends)))
        ends[end]()
        if end == 4 or rng.random() < 0.4:
            return
        size = self.shape[-1]
        op = Dense(rg.weights(rng, (4, size), 0), rg.bias(rng, 4))
        self.net.add(op, (*self.shape[:-1], 4))
        if rng.random() < 0.2:
            self.net.add(Softmax(), self.shape)

    def _mean(self) -> None:
        self.net.add(Mean(), (1, 1, self.shape[2]))

    def _pooled(self) -> None:
        op = MaxPool2D(Window(self.shape[:2]))
        self.net.add(op, (1, 1, self.shape[2]))

    def _flat(self) -> None:
        size = int(np.prod(self.shape))
        if size > 900:
            self._mean()
        else:
            self.net.add(Reshape((size,)), (size,))

    def _last(self) -> None:
        axes = [whole(n) for n in self.shape]
        axes[self.axis] = Axis(self.shape[self.axis] - 1, 1, 1)
        taken = tuple(a.size for a in axes)
        self.net.add(Slice(tuple(axes)), taken)

    def _each(self) -> None:
        order = (1, 0, 2)
        if self.rng.random() < 0.5:
            self.net.add(Transpose(order), tuple(self.shape[i] for i in order))

    def _reduced(self) -> None:
        op = (ReduceMax, ReduceMean)[self.rng.integers(2)]((self.axis,))
        self.net.add(op, op.shapes([self.shape])[0])
