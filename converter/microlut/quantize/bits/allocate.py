"""Allocate bits to layers within a budget.

The allocation is exact: a mixed-integer programme with one binary variable per layer and choice.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import accumulate

import numpy as np

from microlut.errors import InvalidInput
from microlut.quantize.bits.sensitivity import Candidate, Candidates
from microlut.quantize.levels.densities import Array

_STANDARD_OUTPUT = 1  # file descriptor


def allocate_bytes(layers: Candidates, budget: int) -> Mapping[str, Candidate]:
    """Return the choices of least total divergence within a budget of bytes.

    Raises:
        InvalidInput: No choices are that small.
    """
    found = _allocate(layers, [float(c.bytes) for c in _flat(layers)], budget)
    if found is None:
        least = sum(min(choice.bytes for choice in choices) for choices in layers.values())
        raise InvalidInput(too_few_bytes(budget, least))
    return found


def too_few_bytes(budget: int, least: int) -> str:
    """Return the message for a budget of bytes that even the fewest bits exceed."""
    return (
        f"{budget:,} bytes cannot hold the weights, which take {least:,} at least; give more, "
        "allow fewer bits for layers that the configuration pins, or use a smaller model"
    )


def check_left(budget: int, left: int) -> None:
    """Raise InvalidInput if all of a budget of bytes is taken before any weight."""
    if left <= 0:
        raise InvalidInput(
            f"flash budget is {budget:,} bytes, of which output stages and biases alone take "
            f"{budget - left:,}; give more, or use a smaller model"
        )


def allocate_average(layers: Candidates, average: float) -> Mapping[str, Candidate]:
    """Return the choices of least total divergence with at most `average` bits per weight.

    Raises:
        InvalidInput: No choices have so few bits.
    """
    total = sum(choices[0].weights for choices in layers.values())
    costs = [float(choice.config.bits * choice.weights) for choice in _flat(layers)]
    found = _allocate(layers, costs, average * total)
    if found is None:
        ends = list(accumulate(len(choices) for choices in layers.values()))
        least = sum(min(part) for part in np.split(np.array(costs), ends[:-1])) / total
        raise InvalidInput(too_few_bits(average, least))
    return found


def too_few_bits(average: float, least: float) -> str:
    """Return the message for a budget of bits that even the fewest exceed."""
    return (
        f"{average:g} bits per weight on average: at least {least:.2f} are needed; give more, or "
        "allow fewer bits for layers that the configuration pins"
    )


def _flat(layers: Candidates) -> list[Candidate]:
    return [choice for choices in layers.values() for choice in choices]


def _allocate(
    layers: Candidates, costs: list[float], budget: float
) -> Mapping[str, Candidate] | None:
    """Return one choice per layer, of least total divergence; None if none is affordable."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # half a second, which few need

    if not layers:
        return {}
    choices = _flat(layers)
    owner = np.repeat(np.arange(len(layers)), [len(options) for options in layers.values()])
    one_each = (owner == np.arange(len(layers))[:, None]).astype(np.float64)
    with _standard_output_closed():
        found = milp(
            _objective(choices),
            integrality=np.ones(len(choices), dtype=np.int64),
            bounds=Bounds(0, 1),
            constraints=[
                LinearConstraint(one_each, 1, 1),
                LinearConstraint(np.array([costs]), -np.inf, budget),
            ],
            options={"mip_rel_gap": 0.0},  # the optimum, not one close to it
        )
    if found.x is None:
        return None
    taken = [choice for choice, share in zip(choices, found.x, strict=True) if share > 0.5]
    return dict(zip(layers, taken, strict=True))


@contextmanager
def _standard_output_closed() -> Iterator[None]:
    """Keep the solver's messages off standard output, which may have JSON.

    HiGHS 1.12 prints a line even if told to be silent (its issue 2783); the C library buffers it
    until it is flushed.
    """
    sys.stdout.flush()
    flush = ctypes.CDLL(None).fflush
    flush(None)
    kept = os.dup(_STANDARD_OUTPUT)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 (no path of the user's)
            os.dup2(nowhere.fileno(), _STANDARD_OUTPUT)
            yield
            flush(None)
    finally:
        os.dup2(kept, _STANDARD_OUTPUT)
        os.close(kept)


def _objective(choices: list[Candidate]) -> Array:
    """Return the objective: divergences, in units that the solver can distinguish."""
    divergences = np.array([choice.divergence for choice in choices])
    return divergences / (np.median(divergences) or 1.0)
