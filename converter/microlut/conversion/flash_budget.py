"""Choose bits, or rates of entropy-coded indices, within a budget of flash bytes."""

from __future__ import annotations

from dataclasses import replace

from microlut.conversion.allocation import (
    CLEARLY,
    Allocation,
    allocation,
    better_of,
    configs_of,
    flash_bytes,
    held_out,
)
from microlut.conversion.coding import DECODER_BYTES
from microlut.conversion.decisions import Decision
from microlut.conversion.prepared import Prepared
from microlut.conversion.uniform import uniform_within_bytes
from microlut.errors import InvalidInput
from microlut.quantize.bits.allocate import allocate_bytes, check_left
from microlut.quantize.bits.sensitivity import Candidates

_STAGE_BYTES = 4  # per output channel, in the compact form
_ATTEMPTS = 8  # to leave space for output stages that need more


def within_bytes(prepared: Prepared, measured: Candidates, budget: int) -> Allocation:
    """Return the best allocation with or without entropy-coded indices, whose decoder counts.

    They have to be clearly better, unless packed indices do not fit.

    Raises:
        InvalidInput: Neither fits.
    """
    packed = {
        name: tuple(choice for choice in choices if choice.config.rate is None)
        for name, choices in measured.items()
    }
    try:
        plain = _allocated_within(prepared, packed, budget)
    except InvalidInput as refused:
        coded = _coded_within(prepared, measured, budget)
        if coded is None:
            raise refused from None
        return coded
    coded = _coded_within(prepared, measured, budget)
    if coded is None:
        return plain
    lost = [held_out(prepared, one).divergence for one in (plain, coded)]
    better = lost[1] < CLEARLY * lost[0]
    names = "packed indices", "entropy-coded indices"
    decision = Decision(
        "bits",
        names[better],
        "divergence",
        prepared.samples is not None,
        dict(zip(names, lost, strict=True)),
    )
    found = coded if better else plain
    return replace(found, decisions=(*found.decisions, decision))


def _coded_within(prepared: Prepared, measured: Candidates, budget: int) -> Allocation | None:
    """Return the best allocation with entropy-coded indices; None if it has none, or none fits."""
    offered = {
        name
        for name, choices in measured.items()
        if any(choice.config.rate is not None for choice in choices)
    }
    kinds = {op.becomes for node, op in prepared.graph.weighted() if node.name in offered}
    left = budget - sum(DECODER_BYTES[kind] for kind in kinds)
    if not offered or left <= 0:
        return None
    try:
        found = _allocated_within(prepared, measured, left)
    except InvalidInput:
        return None
    return found if any(one.rate is not None for one in found.configs.values()) else None


def _allocated_within(prepared: Prepared, measured: Candidates, budget: int) -> Allocation:
    """Allocate the bytes that output stages leave; their size is known only afterwards."""
    graph = prepared.graph
    left = budget - _STAGE_BYTES * sum(len(op.bias) for _, op in graph.weighted())
    for _ in range(_ATTEMPTS):
        check_left(budget, left)
        found = allocation(prepared, configs_of(allocate_bytes(measured, left)))
        excess = flash_bytes(found.quantized) - budget
        if excess <= 0:
            uniform = uniform_within_bytes(prepared, measured, left)
            return better_of(prepared, found, uniform, budget)
        left -= excess
    raise InvalidInput(
        f"flash budget is {budget:,} bytes; no choice of bits keeps to it; give more"
    )
