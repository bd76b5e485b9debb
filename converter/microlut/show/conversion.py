"""Format the report of a conversion as plain text."""

from __future__ import annotations

from collections.abc import Sequence

from microlut.conversion.aside import FEWEST_INPUTS
from microlut.conversion.decisions import LAYER_BY_LAYER, Decision
from microlut.conversion.findings import Finding
from microlut.conversion.report import (
    ConvertReport,
    MemoryReport,
    SegmentReport,
    StreamReport,
    TensorReport,
)
from microlut.conversion.tensor_types import kept_text
from microlut.distill.tuning import Tuned
from microlut.plan import Point
from microlut.show.curve import curve_lines
from microlut.show.quality import figures
from microlut.show.table import count_text, percent_text, size_text, table

_PRUNED_NAMED = 3
_NAMED = 4  # of what a memory holds


def conversion_text(report: ConvertReport) -> str:
    """Return the text of a conversion: its layers, their cost, and its memory."""
    rows = [
        (
            layer.name,
            layer.kind,
            "x".join(map(str, layer.shape)),
            str(layer.bits or ""),
            layer.density or "",
            "" if layer.error is None else percent_text(100 * layer.error),
            "exact" if layer.snr_db is None else f"{layer.snr_db:.1f} dB",
            count_text(layer.weight_bytes),
            count_text(layer.parameter_bytes),
            count_text(layer.scratch_bytes),
            count_text(layer.estimated_instructions or 0),
        )
        for layer in report.layers
    ]
    headers = (
        "layer",
        "kind",
        "output",
        "bits",
        "density",
        "error",
        "SNR",
        "weights",
        "stage",
        "scratch",
        "instructions",
    )
    least = report.arena_lower_bound_bytes
    need = "no less" if report.arena_bytes == least else f"at least {least:,}"
    summary = (
        f"{report.model}: weights {size_text(report.weight_bytes)} "
        f"({report.bits:.2f} bits each), output stages {size_text(report.parameter_bytes)}, "
        f"arena {size_text(report.arena_bytes)} (these tensors and scratch need {need})"
    )
    lines = [table(headers, rows, "<<<><>>>>>>"), _quality_text(report), summary]
    lines += [_input_text(tensor) for tensor in report.inputs]
    lines += [_order_text("input", each) for each in report.inputs if each.order is not None]
    lines += [_order_text("output", each) for each in report.outputs if each.order is not None]
    if report.pruned:
        lines.append(_pruned_text(report))
    if report.equalized:
        lines.append(_equalized_text(report))
    if report.budget is None:
        lines += [_bits_text(one) for one in report.decisions if one.chosen == LAYER_BY_LAYER]
    if report.tuned is not None:
        lines.append(_tuned_text(report.tuned))
    lines += [_memory_text(use) for use in report.memories]
    if report.segments:
        lines.append(_segments_text(report.segments))
    if report.kept_int8:
        lines.append(kept_text(report.kept_int8))
    if report.stream is not None:
        lines.append(_stream_text(report.stream))
    if report.estimated_instructions is not None:
        what = "inference" if report.stream is None else "run"
        total = float(f"{report.estimated_instructions:.3g}")
        lines.append(f"estimated: {total:,.0f} instructions per {what} on {report.core}")
        now = Point(report.arena_bytes, report.estimated_instructions)
        lines += curve_lines(report.ram_curve, now)
    if report.tflite_lacks:
        lines.append(
            f"No .tflite file, and no check against tflite-micro: TensorFlow Lite has no "
            f"{report.tflite_lacks}"
        )
    return "\n".join(lines)


def _input_text(tensor: TensorReport) -> str:
    """Return a line on the range of an input, and on that of the calibration inputs."""
    low, high = tensor.range
    each = f"in steps of {tensor.scale:.3g}" if tensor.scale else "with steps for each feature"
    text = f"input {tensor.name}: {low:g} to {high:g} {each}"
    if tensor.measured is None:
        return text
    least, most = tensor.measured
    return f"{text}; calibration inputs span {least:g} to {most:g}"


def _memory_text(use: MemoryReport) -> str:
    """Return a line on what is in a memory."""
    what = "a part of the arena" if use.kind == "ram" else "weights"
    names = ", ".join(use.holds[:_NAMED])
    more = len(use.holds) - _NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"in {use.memory}: {what}, {size_text(use.bytes)} ({names}{rest})"


def _order_text(what: str, tensor: TensorReport) -> str:
    """Return a line on an input or output that has channels last, unlike the model."""
    assert tensor.order is not None
    here, own = (
        ", ".join(map(str, shape))
        for shape in (tensor.shape, [tensor.shape[i] for i in tensor.order])
    )
    text = f"{what} {tensor.name}: firmware has [{here}], the model [{own}]"
    return f"{text}; files of inputs may have either" if what == "input" else text


def _segments_text(segments: Sequence[SegmentReport]) -> str:
    """Return a line on the layers that run band by band."""
    each = [
        f"{found.first} to {found.last} by {count_text(found.rows)} "
        f"{'row' if found.rows == 1 else 'rows'} ({size_text(found.buffer_bytes)} between them)"
        if found.layers > 1
        else f"{found.first} by {found.rows} {'row' if found.rows == 1 else 'rows'}"
        for found in segments
    ]
    return f"in bands of rows: {', '.join(each)}"


def _stream_text(stream: StreamReport) -> str:
    """Return a line on what a run of a streamed network takes."""
    frames = "1 frame" if stream.frames == 1 else f"{stream.frames} frames"
    return (
        f"streamed: {frames} per run, {stream.runs} runs per window of {stream.window} frames; "
        f"{stream.warm_up} to warm up, {size_text(stream.kept_bytes)} of state"
    )


def findings_text(findings: Sequence[Finding]) -> str:
    """Return findings as warnings, one line each; "" without any."""
    return "".join(f"Warning: {finding.line}\n" for finding in findings)


def warnings_text(report: ConvertReport) -> str:
    """Return the warnings of a conversion, one line each; "" without any."""
    return "".join(f"Warning: {warning}\n" for warning in report.warnings)


def _pruned_text(report: ConvertReport) -> str:
    """Return a line on the channels that were removed, with the layers that lost most."""
    most = sorted(report.pruned, key=lambda layer: -layer.removed)
    named = ", ".join(f"{x.layer} {x.removed} of {x.channels}" for x in most[:_PRUNED_NAMED])
    others = f", {len(most) - _PRUNED_NAMED} more layers" if len(most) > _PRUNED_NAMED else ""
    return (
        f"Removed {sum(layer.removed for layer in most):,} channels that always have one "
        f"value, equal another one or are read by nothing: {named}{others}"
    )


def _bits_text(decision: Decision) -> str:
    """Return a line on bits that were chosen though nobody asked for a choice."""
    (_, after), (same, before) = decision.options.items()
    return (
        f"Bits chosen layer by layer, as many on average: divergence {after:.2g} instead of "
        f"{before:.2g} with {same} (--bits gives all layers the same)"
    )


def _tuned_text(tuned: Tuned) -> str:
    """Return a line on what training gave."""
    if not tuned.best_epoch:
        return (
            f"Tuning: none of {tuned.epochs} epochs was better on {tuned.judges:,} samples kept "
            "aside; the network is the one before training"
        )
    facts = f"loss {tuned.loss_before:.3g} before, {tuned.loss:.3g} now"
    for each in tuned.outputs:
        name = f" of {each.output}" if len(tuned.outputs) > 1 else ""
        if each.kind == "values":
            facts += f", error{name} {each.before:.4g} before, {each.now:.4g} now"
        else:
            facts += f", accuracy{name} {each.before:.2f} % before, {each.now:.2f} % now"
    return (
        f"Tuned, epoch {tuned.best_epoch} of {tuned.epochs}, on {tuned.judges:,} samples kept "
        f"aside: {facts}"
    )


def _equalized_text(report: ConvertReport) -> str:
    """Return a line on the channels that were scaled."""
    named = ", ".join(each.layer for each in report.equalized[:_PRUNED_NAMED])
    count = len(report.equalized) - _PRUNED_NAMED
    others = f", {count} more layers" if count > 0 else ""
    return (
        f"Equalized channels that differed much in range, which changes no result: {named}{others}"
    )


def _judged_text(report: ConvertReport) -> str:
    """Return what the figures compare, and on which inputs."""
    count = report.quality.inputs
    if report.file_integers == "kept":
        which = "synthetic" if report.judged_on == "synthetic" else "calibration"
        return (
            "All integers are those of the file: nothing is lost against it. "
            f"The file itself against its weights in real numbers, on {count} {which} inputs"
        )
    inputs = {
        "kept aside": f"{count} calibration inputs kept aside",
        "calibration": f"{count} calibration inputs that made it, which are too few to keep some "
        f"aside ({FEWEST_INPUTS} are enough); it will lose more on others",
        "synthetic": f"{count} synthetic inputs that made it; it will lose more on real ones",
    }[report.judged_on]
    if report.file_integers == "recoded":
        return (
            "Against the network of the file in real numbers, from which its own integers differ "
            f"too, on {inputs}"
        )
    return f"Against the float model on {inputs}"


def _quality_text(report: ConvertReport) -> str:
    """Return how near the outputs are to the float network's, a line each if there are several."""
    where, expected = _judged_text(report), report.judged_on == "kept aside"
    if len(report.qualities) == 1:
        return f"{where}: {', '.join(figures(report.quality, expected=expected))}"
    each = (
        f"  {name}: {', '.join(figures(found, expected=expected))}"
        for name, found in report.qualities.items()
    )
    return "\n".join([f"{where}:", *each])
