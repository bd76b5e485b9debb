"""Format the analysis of a model as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from microlut.conversion.analysis import Analysis, BoardEstimate, LayerAnalysis
from microlut.show.table import count_text, size_text, table
from microlut.support.texts import visible

_LAYERS = ("layer", "kind", "output", "parameters", "bits", "weights", "stage", "MACs")
_BOARDS = ("board", "core", "flash", "RAM", "arena", "instructions", "fits")
_UNKNOWN = "?"


def analysis_text(analysis: Analysis) -> str:
    """Return layers and boards as tables, then the obstacles, one line each."""
    return "\n".join(_lines(analysis))


def _lines(analysis: Analysis) -> Iterator[str]:
    if analysis.layers:
        rows = map(_layer_cells if analysis.convertible else _known_cells, analysis.layers)
        headers = (*_LAYERS, "instructions") if analysis.convertible else _LAYERS[:4]
        yield table(headers, rows, "<<<".ljust(len(headers), ">"))
    if analysis.convertible:
        yield (
            f"{analysis.model}: {analysis.parameters:,} parameters, {analysis.macs or 0:,} MACs, "
            f"weights {size_text(analysis.weight_bytes or 0)}, "
            f"output stages {size_text(analysis.parameter_bytes or 0)}"
        )
        own = f", of a layer on {analysis.boards[0].core}" if len(analysis.boards) > 1 else ""
        yield f"\nEstimated, without calibration inputs; instructions per inference{own}:"
        yield table(_BOARDS, map(_board_cells, analysis.boards), "<<>>>><")
    else:
        count = len(analysis.obstacles)
        noun = "obstacle" if count == 1 else "obstacles"
        yield f"{analysis.model}: {analysis.parameters:,} parameters, {count} {noun}:"
    for number, obstacle in enumerate(analysis.obstacles, 1):
        yield visible(f"{number}. {obstacle.text}")
    yield from (visible(f"Note: {note}") for note in analysis.notes)


def _known_cells(layer: LayerAnalysis) -> tuple[str, ...]:
    return visible(layer.name), visible(layer.kind), _shape(layer), count_text(layer.parameters)


def _layer_cells(layer: LayerAnalysis) -> tuple[str, ...]:
    return (
        *_known_cells(layer),
        str(layer.bits or ""),
        count_text(layer.weight_bytes),
        count_text(layer.parameter_bytes),
        count_text(layer.macs or 0),
        count_text(layer.instructions or 0),
    )


def _shape(layer: LayerAnalysis) -> str:
    return _UNKNOWN if layer.shape is None else "x".join(map(str, layer.shape))


def _board_cells(estimate: BoardEstimate) -> tuple[str, ...]:
    return (
        estimate.board,
        estimate.core,
        count_text(estimate.flash_bytes or 0),
        count_text(estimate.ram_bytes or 0),
        f"{estimate.arena_bytes:,}",
        count_text(estimate.instructions or 0),
        _fits(estimate),
    )


def _fits(estimate: BoardEstimate) -> str:
    """Return whether a model fits, or what its board lacks."""
    if estimate.fits is None:
        return ""
    lacking = {"flash": estimate.lacking_flash, "RAM": estimate.lacking_ram}
    return ", ".join(f"lacks {n:,} {what}" for what, n in lacking.items() if n) or "yes"
