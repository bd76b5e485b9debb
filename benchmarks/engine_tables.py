"""What the engine's benchmark found: rows enter, tables in Markdown leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MICROLUT = "microlut"
DETAILED_BITS = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """One kernel call; `cycles` only on a Cortex-M4. `merged` are layers done by the same call."""

    name: str
    merged: tuple[str, ...]
    macs: int
    instructions: int
    cycles: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """One inference of one model on one board; `arena_bytes` only where memory is planned."""

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


def markdown(rows: Sequence[Row]) -> str:
    """Return a table of models, and one of layers for each model and core."""
    lines = [
        "| model | core | engine | bits | instructions | a MAC | modelled M4 cycles | image in "
        "flash | arena |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.model} | {row.core} | {row.engine} | {row.bits} | {row.instructions:,} "
        f"| {row.instructions / row.macs:.3f} | {_number(row.cycles)} | {row.flash_bytes:,} "
        f"| {_number(row.arena_bytes)} |"
        for row in rows
    ]
    for model in dict.fromkeys(row.model for row in rows):
        for core in dict.fromkeys(row.core for row in rows):
            lines += _layers([row for row in rows if (row.model, row.core) == (model, core)])
    return "\n".join(lines)


def _layers(rows: Sequence[Row]) -> list[str]:
    """Return the layers of one model on one core, a column a row."""
    columns = [(row, f"{row.bits} bits" if row.engine == MICROLUT else row.engine) for row in rows]
    if not columns:
        return []
    first = rows[0]
    timed = [row for row in rows if row.cycles and (row.engine, row.bits) in _detailed(rows)]
    titles = [title for _, title in columns]
    titles += [f"{title}, cycles" for row, title in columns if row in timed]
    lines = [
        f"\n{first.model}, {first.core}: instructions of each call\n",
        f"| layer | MACs | {' | '.join(titles)} |",
        "|---" * (2 + len(titles)) + "|",
    ]
    for layer in first.layers:
        names = (layer.name, *layer.merged)
        cells = [_sum(other.instructions for other in _named(row, names)) for row in rows]
        cells += [_sum(other.cycles or 0 for other in _named(row, names)) for row in timed]
        lines.append(f"| {' + '.join(names)} | {_number(layer.macs)} | {' | '.join(cells)} |")
    return lines


def _detailed(rows: Sequence[Row]) -> set[tuple[str, int]]:
    """Return of which rows the cycles of layers are shown: a column each would be too wide."""
    widths = {row.bits for row in rows if row.engine == MICROLUT}
    shown = DETAILED_BITS if DETAILED_BITS in widths else max(widths)
    return {(MICROLUT, shown)} | {(row.engine, row.bits) for row in rows if row.engine != MICROLUT}


def _named(row: Row, names: Sequence[str]) -> list[Layer]:
    return [layer for layer in row.layers if layer.name in names]


def _sum(counts: Iterable[int]) -> str:
    return f"{sum(counts):,}"


def _number(value: int | None) -> str:
    return f"{value:,}" if value else ""
