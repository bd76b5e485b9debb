"""Recurrent layers as operators of TensorFlow Lite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from microlut.ops.builtin import Builtin, Constant, Variable
from microlut.ops.cells import GATES, Cell
from microlut.ops.integer_cells import ANY_STATE
from microlut.ops.tensor import DType, Quantization, Tensor

_NONE = {"fusedActivationFunction": "NONE"}
_SUMS = Quantization(2.0**-12, 0)
_STATE = Quantization(2.0**-15, 0)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parameters of a layer; rows are those of its gates, one after the other.

    Attributes:
        weights: [rows, inputs + units] decoded weights.
        own_scales: [gates] scales of the weights of the input.
        recurrent_scales: [gates] scales of those of the hidden state.
        bias: [rows] added to the products of the input.
        recurrent_bias: [rows] added to those of the hidden state.
    """

    weights: NDArray[np.int8]
    own_scales: NDArray[np.float32]
    recurrent_scales: NDArray[np.float32]
    bias: NDArray[np.int32]
    recurrent_bias: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Export:
    """A layer to export; the fields are those of `QRecurrent`."""

    cell: Cell
    parts: Parts
    power: int
    clip: int
    sequences: bool
    backwards: bool
    flipped: bool

    @property
    def units(self) -> int:
        """Length of the hidden state."""
        return len(self.parts.bias) // GATES[self.cell]

    @property
    def cell_clip(self) -> float:
        """Largest size of a cell state as a real number; 0: any."""
        return 0.0 if self.clip == ANY_STATE else self.clip * 2.0**self.power

    def constants(self, source: Tensor, gate: int, hidden_scale: float) -> list[Constant]:
        """Return a gate's weights and bias for the input, and both for the hidden state."""
        units, p = self.units, self.parts
        kind = np.int64 if source.dtype == "int16" else np.int32
        rows = slice(gate * units, (gate + 1) * units)
        inputs = p.weights.shape[1] - units
        made = []
        for name, columns, scales, other, bias in (
            ("kernel", slice(inputs), p.own_scales, source.scale, p.bias),
            ("recurrent", slice(inputs, None), p.recurrent_scales, hidden_scale, p.recurrent_bias),
        ):
            scale = scales[gate : gate + 1]
            weights = np.ascontiguousarray(p.weights[rows, columns])
            made.append(Constant(f"{name}{gate}", weights, scale))
            values = bias[rows].astype(kind)
            made.append(Constant(f"{name}{gate}/bias", values, scale * np.float32(other)))
        return made


def lstm_builtins(layer: Export, source: Tensor, output: Tensor) -> tuple[Builtin, ...]:
    """Return UNIDIRECTIONAL_SEQUENCE_LSTM, between operators that reverse the order of steps.

    Its variables are its states, so a runtime must reset them before each run.
    """
    constants = [layer.constants(source, gate, output.scale) for gate in range(4)]
    zero = (layer.units,)
    hidden = Tensor(f"{output.name}/hidden", zero, output.dtype, output.quantization)
    state = Tensor(f"{output.name}/state", zero, "int16", Quantization(2.0**layer.power, 0))
    all_steps = (source.shape[0], layer.units)
    before, read = _reversed(source, f"{output.name}/backwards", layer.backwards)
    flips = layer.sequences and layer.flipped
    made = output
    if flips or not layer.sequences:
        made = replace(output, name=f"{output.name}/steps", shape=all_steps)
    lstm = Builtin(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        3,
        (
            read,
            *(parts[0] for parts in constants),
            *(parts[2] for parts in constants),
            *(None,) * 3,
            *(parts[1] for parts in constants),
            *(None,) * 2,
            Variable(hidden),
            Variable(state),
            *(None,) * 4,
        ),
        (made,),
        "UnidirectionalSequenceLSTMOptions",
        {"fusedActivationFunction": "TANH", "cellClip": layer.cell_clip},
    )
    if flips:
        return (*before, lstm, _reverse(made, output))
    if layer.sequences:
        return (*before, lstm)
    last = source.shape[0] - 1
    bounds = ((0, last, 0), (1, last + 1, layer.units), (1, 1, 1))
    places = [
        Constant(name, np.array(values, np.int32))
        for name, values in zip(("begin", "end", "strides"), bounds, strict=True)
    ]
    slicing = {"shrinkAxisMask": 2}
    cut = Builtin("STRIDED_SLICE", 2, (made, *places), (output,), "StridedSliceOptions", slicing)
    return (*before, lstm, cut)


def _reversed(source: Tensor, name: str, backwards: bool) -> tuple[tuple[Builtin, ...], Tensor]:
    """Return operators that come first, and the tensor that the layer reads."""
    if not backwards:
        return (), source
    made = replace(source, name=name)
    return (_reverse(source, made),), made


def _reverse(source: Tensor, made: Tensor) -> Builtin:
    axis = Constant("axis", np.array([1], np.int32))
    return Builtin("REVERSE_V2", 2, (source, axis), (made,), "ReverseV2Options")


def unrolled_builtins(
    layer: Export, source: Tensor, output: Tensor, memory: tuple[Tensor, Tensor] | None = None
) -> tuple[Builtin, ...]:
    """Return the operators of all steps on int16 tensors, which read the same weights.

    `memory` is the hidden state before the first step and after the last one; by default the layer
    begins with zeros.
    """
    return tuple(_Unrolled(layer, source, output, memory).builtins())


@dataclass(slots=True)
class _Unrolled:
    """Collects the operators of a layer."""

    layer: Export
    source: Tensor
    output: Tensor
    memory: tuple[Tensor, Tensor] | None = None
    made: list[Builtin] = field(default_factory=list)

    def builtins(self) -> list[Builtin]:
        """Return all operators."""
        layer, source, output = self.layer, self.source, self.output
        steps, inputs = source.shape
        constants = [
            layer.constants(source, gate, _STATE.scale) for gate in range(GATES[layer.cell])
        ]
        centered = source
        if source.dtype == "int8":
            centered = self.tensor("centered", source.shape, Quantization(source.scale, 0))
            self.made.append(Builtin("QUANTIZE", 1, (source,), (centered,), "QuantizeOptions"))
        xs = [self.tensor(f"x{t}", (inputs,), centered.quantized) for t in range(steps)]
        fields = {"num": steps, "axis": 1}
        self.made.append(Builtin("UNPACK", 2, (centered,), tuple(xs), "UnpackOptions", fields))
        zeros = Constant("zeros", np.zeros((1, layer.units), np.int16), _scale(_STATE))
        one = Constant("one", np.full((1, layer.units), 32767, np.int16), _scale(_STATE))
        hidden: Tensor | Constant = self.memory[0] if self.memory else zeros
        ends = []
        for number, x in enumerate(reversed(xs) if layer.backwards else xs):
            hidden = self.step(number, x, hidden, constants, one)
            if layer.sequences or number == steps - 1:
                ends.append(self.end(hidden, number))
        if layer.sequences:
            ordered = tuple(reversed(ends) if layer.flipped else ends)
            fields = {"valuesCount": steps, "axis": 1}
            self.made.append(Builtin("PACK", 2, ordered, (output,), "PackOptions", fields))
        return self.made

    def tensor(
        self, name: str, shape: tuple[int, ...], q: Quantization, dtype: DType = "int16"
    ) -> Tensor:
        """Return a tensor between the operators."""
        return Tensor(f"{self.output.name}/{name}", shape, dtype, q)

    def end(self, hidden: Tensor, number: int) -> Tensor:
        """Return a hidden state in the output's type, which is the output if there is only one."""
        made = self.output
        if self.layer.sequences:
            if made.dtype == "int16":
                return hidden
            made = self.tensor(f"y{number}", (self.layer.units,), self.output.quantized, "int8")
        self.made.append(Builtin("QUANTIZE", 1, (hidden,), (made,), "QuantizeOptions"))
        return made

    def apply(
        self,
        name: str,
        number: int,
        inputs: tuple[Tensor | Constant, ...],
        suffix: str,
        q: Quantization = _STATE,
    ) -> Tensor:
        """Add an operator, and return what it makes."""
        made = self.tensor(f"{suffix}{number}", (self.layer.units,), q)
        if self.memory is not None and (suffix, number) == ("hidden/", self.source.shape[0] - 1):
            made = self.memory[1]
        options, version = {
            "FULLY_CONNECTED": ("FullyConnectedOptions", 7),
            "ADD": ("AddOptions", 3),
            "SUB": ("SubOptions", 5),
            "MUL": ("MulOptions", 4),
            "LOGISTIC": (None, 3),
            "TANH": (None, 3),
        }[name]
        fields = {} if options is None else dict(_NONE)
        self.made.append(Builtin(name, version, inputs, (made,), options, fields))
        return made

    def step(
        self,
        number: int,
        x: Tensor,
        hidden: Tensor | Constant,
        constants: Sequence[Sequence[Constant]],
        one: Constant,
    ) -> Tensor:
        """Add the operators of a step, and return the hidden state."""

        def apply(
            name: str, inputs: tuple[Tensor | Constant, ...], made: str, q: Quantization = _STATE
        ) -> Tensor:
            return self.apply(name, number, inputs, made, q)

        def own(gate: int) -> Tensor:
            return apply("FULLY_CONNECTED", (x, *constants[gate][:2]), f"own{gate}/", _SUMS)

        def after(gate: int, state: Tensor | Constant) -> Tensor:
            parts = (state, *constants[gate][2:])
            return apply("FULLY_CONNECTED", parts, f"recurrent{gate}/", _SUMS)

        def total(gate: int, other: Tensor) -> Tensor:
            return apply("ADD", (own(gate), other), f"total{gate}/", _SUMS)

        if self.layer.cell == "simple_rnn":
            return apply("TANH", (total(0, after(0, hidden)),), "hidden/")
        update, reset = (
            apply("LOGISTIC", (total(gate, after(gate, hidden)),), f"gate{gate}/")
            for gate in range(2)
        )
        if self.layer.cell == "gru":
            inner = apply("MUL", (reset, after(2, hidden)), "inner/", _SUMS)
        else:
            inner = after(2, apply("MUL", (reset, hidden), "reset/"))
        candidate = apply("TANH", (total(2, inner),), "candidate/")
        rest = apply("SUB", (one, update), "rest/")
        kept, new = apply("MUL", (update, hidden), "kept/"), apply("MUL", (rest, candidate), "new/")
        return apply("ADD", (kept, new), "hidden/")


def _scale(q: Quantization) -> NDArray[np.float32]:
    return np.array([q.scale], np.float32)
