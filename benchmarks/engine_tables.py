"""Rows of the engine's benchmark, and their tables in Markdown."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

MICROLUT = "microlut"
PEER = "CMSIS-NN s8"
DETAILED_BITS = 4
HEADING = "Made by benchmarks/engine.py; [engine.md](engine.md) says what was measured, and how."


@dataclass(frozen=True, slots=True)
class Layer:
    """One kernel call; `merged` are further layers that it computes.

    `cycles` are known only on a Cortex-M4, and `estimated`, the instructions estimated by the plan,
    only for microlut.
    """

    name: str
    merged: tuple[str, ...]
    macs: int
    instructions: int
    cycles: int | None
    estimated: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One inference of one model on one board; `arena_bytes` only where memory is planned.

    `waits` are what cycles.py counts beside the cycles.
    """

    model: str
    board: str
    core: str
    engine: str
    bits: int
    macs: int
    instructions: int
    cycles: int | None
    outside: int
    flash_bytes: int
    arena_bytes: int | None
    layers: tuple[Layer, ...]
    waits: int | None = None


def page(rows: Sequence[Row], detailed: Container[tuple[str, str]]) -> str:
    """Return the page of docs/measurements that has all rows."""
    return f"# The engine, layer by layer\n\n{HEADING}\n\n{markdown(rows, detailed)}\n"


def markdown(rows: Sequence[Row], detailed: Container[tuple[str, str]]) -> str:
    """Return a table of models, and one of layers for each model and core in `detailed`."""
    lines = [
        "| model | core | engine | bits | instructions | estimated | per MAC | modelled M4 cycles "
        "| to CMSIS-NN s8 | image in flash | arena |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.model} | {row.core} | {row.engine} | {row.bits} | {row.instructions:,} "
        f"| {_estimate(row)} | {row.instructions / row.macs:.3f} | {_number(row.cycles)} "
        f"| {_ratio(row, rows)} | {row.flash_bytes:,} | {_number(row.arena_bytes)} |"
        for row in rows
    ]
    for model in dict.fromkeys(row.model for row in rows):
        for core in dict.fromkeys(row.core for row in rows):
            if (model, core) in detailed:
                lines += _layers([row for row in rows if (row.model, row.core) == (model, core)])
    return "\n".join(lines)


def _layers(rows: Sequence[Row]) -> list[str]:
    """Return the layers of one model on one core, one column per row."""
    columns = [(row, f"{row.bits} bits" if row.engine == MICROLUT else row.engine) for row in rows]
    if not columns:
        return []
    first = rows[0]
    detailed = [(row, title) for row, title in columns if (row.engine, row.bits) in _detailed(rows)]
    timed = [(row, title) for row, title in detailed if row.cycles]
    planned = [(row, title) for row, title in detailed if row.engine == MICROLUT]
    titles = [title for _, title in columns]
    titles += [f"{title}, estimated" for _, title in planned]
    titles += [f"{title}, cycles" for _, title in timed]
    lines = [
        f"\n{first.model}, {first.core}: instructions of each call\n",
        f"| layer | MACs | {' | '.join(titles)} |",
        "|---" * (2 + len(titles)) + "|",
    ]
    for layer in first.layers:
        names = (layer.name, *layer.merged)
        cells = [_sum(other.instructions for other in _named(row, names)) for row in rows]
        cells += [_sum(other.estimated or 0 for other in _named(row, names)) for row, _ in planned]
        cells += [_sum(other.cycles or 0 for other in _named(row, names)) for row, _ in timed]
        lines.append(f"| {' + '.join(names)} | {_number(layer.macs)} | {' | '.join(cells)} |")
    return lines


def _estimate(row: Row) -> str:
    """Return the relative error of the plan's estimate, if there is one."""
    estimated = [layer.estimated for layer in row.layers if layer.estimated is not None]
    if not estimated:
        return ""
    return f"{sum(estimated) / sum(layer.instructions for layer in row.layers) - 1.0:+.1%}"


def _ratio(row: Row, rows: Sequence[Row]) -> str:
    """Return the cycles, or else the instructions, relative to those of CMSIS-NN's int8 kernels."""
    for other in rows:
        if (other.model, other.board, other.engine) == (row.model, row.board, PEER):
            return f"{(row.cycles or row.instructions) / (other.cycles or other.instructions):.2f}"
    return ""


def _detailed(rows: Sequence[Row]) -> set[tuple[str, int]]:
    """Return the engines and widths whose cycles are shown; showing all would be too wide."""
    widths = {row.bits for row in rows if row.engine == MICROLUT}
    shown = DETAILED_BITS if DETAILED_BITS in widths else max(widths)
    return {(MICROLUT, shown)} | {(row.engine, row.bits) for row in rows if row.engine != MICROLUT}


def _named(row: Row, names: Sequence[str]) -> list[Layer]:
    return [layer for layer in row.layers if layer.name in names]


def _sum(counts: Iterable[int]) -> str:
    return f"{sum(counts):,}"


def _number(value: int | None) -> str:
    return f"{value:,}" if value else ""
