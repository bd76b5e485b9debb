"""The cells of recurrent layers in real numbers, for NumPy and for TensorFlow.

Rows of a kernel are its gates, one after the other, in the order of Keras: input, forget, cell and
output of an LSTM; update, reset and candidate of a GRU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

# A GRU resets its state before the recurrent product (Keras: reset_after=False), or after it.
Cell = Literal["lstm", "gru", "gru_reset_before", "simple_rnn"]
GATES: dict[Cell, int] = {"lstm": 4, "gru": 3, "gru_reset_before": 3, "simple_rnn": 1}

Array = Any  # of NumPy or of TensorFlow


@dataclass(frozen=True, slots=True)
class Functions:
    """The functions that a cell needs, and its recurrent parameters.

    Attributes:
        sigmoid: The sigmoid.
        tanh: The hyperbolic tangent.
        recurrent: [units, rows] recurrent weights.
        bias: [rows] added to the recurrent products.
        limit: Limits an LSTM's cell state.
    """

    sigmoid: Callable[[Array], Array]
    tanh: Callable[[Array], Array]
    recurrent: Array
    bias: Array
    limit: Callable[[Array], Array]


def order(steps: int, backwards: bool) -> range:
    """Return the numbers of the steps in the order in which a layer reads them."""
    return range(steps - 1, -1, -1) if backwards else range(steps)


def step(cell: Cell, f: Functions, sums: Array, hidden: Array, state: Array) -> tuple[Array, Array]:
    """Return the next hidden state and cell state, [batch, units] each.

    Args:
        cell: The cell.
        f: Its functions and parameters.
        sums: [batch, rows] products of the input, with the bias.
        hidden: The last hidden state.
        state: The last cell state of an LSTM; other cells pass it on.
    """
    units = hidden.shape[-1]

    def gate(values: Array, number: int) -> Array:
        return values[..., number * units : (number + 1) * units]

    if cell == "gru_reset_before":
        both = hidden @ f.recurrent[:, : 2 * units] + f.bias[: 2 * units]
        update, reset = (f.sigmoid(gate(sums, i) + gate(both, i)) for i in range(2))
        inner = (reset * hidden) @ f.recurrent[:, 2 * units :] + f.bias[2 * units :]
        candidate = f.tanh(gate(sums, 2) + inner)
        return update * hidden + (1.0 - update) * candidate, state
    found = hidden @ f.recurrent + f.bias
    if cell == "gru":
        update, reset = (f.sigmoid(gate(sums, i) + gate(found, i)) for i in range(2))
        candidate = f.tanh(gate(sums, 2) + reset * gate(found, 2))
        return update * hidden + (1.0 - update) * candidate, state
    total = sums + found
    if cell == "simple_rnn":
        return f.tanh(total), state
    takes, keeps, gives = (f.sigmoid(gate(total, i)) for i in (0, 1, 3))
    state = f.limit(keeps * state + takes * f.tanh(gate(total, 2)))
    return gives * f.tanh(state), state
