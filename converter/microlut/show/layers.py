"""Format the comparison of layers with the float network as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microlut.show.table import count_text, percent_text, table

if TYPE_CHECKING:
    from microlut.verification.tensors import TensorFigures
    from microlut.workflow.compare import CompareOutcome

_BAR = 40  # characters of the longest


def compare_text(outcome: CompareOutcome) -> str:
    """Return a row per layer, where the loss begins, and what the firmware says."""
    headers = (
        "layer",
        "kind",
        "SNR",
        "added noise",
        "largest error",
        "step",
        "at the ends",
        "worst channel",
    )
    rows: list[tuple[str, ...]] = [
        (
            layer.name,
            layer.kind,
            _ratio(layer.snr_db),
            percent_text(100 * layer.added_noise),
            f"{layer.largest_error:.3g}",
            f"{layer.step:.3g}",
            percent_text(100 * layer.saturated),
            f"{layer.worst[0].channel} ({_ratio(layer.worst[0].snr_db)})",
            _firmware(layer.firmware_differs),
        )
        for layer in outcome.layers
    ]
    if outcome.measured_on is None:
        rows = [row[:-1] for row in rows]
        text = table(headers, rows, "<<>>>>>>")
    else:
        text = table((*headers, "firmware"), rows, "<<>>>>>>>")
    lines = [text, f"{outcome.samples} inputs. {_begins(outcome)}"]
    if outcome.measured_on is not None:
        read = [each for each in outcome.layers if each.firmware_differs is not None]
        differ = [each.name for each in read if each.firmware_differs]
        said = f"differs from the integer network first in {differ[0]!r}" if differ else "equal"
        lines.append(
            f"Firmware ({outcome.measured_on}), {len(read)} layers of one input: {said}. "
            "Layers without a word are never whole in its memory."
        )
    return "\n".join(lines)


def layer_text(layer: TensorFigures) -> str:
    """Return one layer's histogram of differences and its worst channels."""
    far = len(layer.steps) // 2
    longest = max(layer.steps) or 1.0
    lines = [
        f"{layer.name} ({layer.kind}), {'x'.join(map(str, layer.shape))}: "
        f"SNR {_ratio(layer.snr_db)}, largest error {layer.largest_error:.3g}, "
        f"step {layer.step:.3g}, at the ends {percent_text(100 * layer.saturated)}",
        "Steps from the rounded float value:",
    ]
    for i, share in enumerate(layer.steps):
        bar = "#" * round(_BAR * share / longest)
        beyond = " or more" if i == 2 * far else " or less" if i == 0 else ""
        lines.append(f"{i - far:+3d}{beyond:8} {percent_text(100 * share):>8} {bar}")
    worst = ", ".join(f"{each.channel} ({_ratio(each.snr_db)})" for each in layer.worst)
    lines.append(f"Worst channels: {worst}")
    if layer.firmware_differs is not None:
        lines.append(f"Firmware: {_firmware(layer.firmware_differs)}")
    return "\n".join(lines)


def _begins(outcome: CompareOutcome) -> str:
    layer = outcome.begins_at
    if layer.snr_db is None:
        return "All layers are exact."
    channels = ", ".join(str(each.channel) for each in layer.worst[:3])
    return (
        f"{layer.name!r} adds the most noise: {percent_text(100 * layer.added_noise)} of the "
        f"signal, to an SNR of {layer.snr_db:.1f} dB; its worst channels are {channels} "
        f"(--layer {layer.name} has more)."
    )


def _ratio(ratio: float | None) -> str:
    return "exact" if ratio is None else f"{ratio:.1f} dB"


def _firmware(differs: int | None) -> str:
    if differs is None:
        return ""
    return f"{count_text(differs)} bytes differ" if differs else "equal"
