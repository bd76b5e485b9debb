"""Format the results of a search as plain text, with what to run next."""

from __future__ import annotations

import math

from microlut.conversion.front import SearchResult
from microlut.quantize.figures import Quality
from microlut.show.table import percent_text, size_text, table


def search_text(result: SearchResult) -> str:
    """Return a table of the points, what they were measured on, and what to run next."""
    rows = [
        (
            point.label,
            f"{point.average_bits:.2f}",
            size_text(point.flash_bytes),
            *_figures(point.quality),
            "*" if point.on_front else "",
        )
        for point in result.points
    ]
    headers = ("weights", "bits", "flash", *_figure_names(result), "front")
    inputs = "synthetic inputs" if result.synthetic else "calibration inputs, held out"
    judged = f"Against the float model on {result.points[0].quality.inputs} {inputs}"
    legend = f"{judged}; * nothing as small diverges less"
    return "\n".join([table(headers, rows, "<" + ">" * len(headers[2:])), legend, *_advice(result)])


def _figure_names(result: SearchResult) -> tuple[str, ...]:
    found = result.points[0].quality
    if found.labels:
        return ("worst label drops", "SNR", "divergence")
    if found.snr_db is not None:
        return ("SNR", "largest error", "divergence")
    return ("same class", "expected drop", "divergence")


def _figures(found: Quality) -> tuple[str, ...]:
    """Return the figures of a point, in the order of `_figure_names`."""
    divergence = f"{found.divergence:.2g}"
    if found.snr_db is not None:
        ratio = "exact" if math.isinf(found.snr_db) else f"{found.snr_db:.1f} dB"
        if found.labels:
            return (f"{found.drop:.2f}", ratio, divergence)
        return (ratio, f"{found.largest_error or 0.0:.3g}", divergence)
    return (percent_text(found.agreement or 0.0), f"{found.expected_drop:.2f}", divergence)


def _advice(result: SearchResult) -> list[str]:
    point = result.advised
    points = "point" if result.max_drop == 1 else "points"
    limit = f"is expected to lose {result.max_drop:g} {points} at most"
    if result.points[0].quality.drop is None:
        limit = f"has an SNR of {result.min_snr:g} dB or more"
    if point is None:
        return [f"None {limit}"]
    how = f"microlut convert ... {point.option}"
    if result.pinned and point.kind == "uniform":  # --bits would override what rules pin
        how = f"bits = {point.asked:g} under [defaults] of the configuration file, and no budget"
    return [f"Smallest that {limit}: {how}"]
