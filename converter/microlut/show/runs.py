"""Format the results of building, running, verifying, flashing and exporting as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from microlut.machine.tools import HOST_CC, find_tool
from microlut.show.table import count_text, percent_text, size_text, table

if TYPE_CHECKING:  # not needed by `microlut boards`
    from microlut.board.board import Board
    from microlut.exporters import Exported
    from microlut.machine.doctor import ToolStatus
    from microlut.project import Project
    from microlut.running.profile import Profile
    from microlut.toolchain.image import Image
    from microlut.verification.compare import Difference, FormResult
    from microlut.workflow.flash import FlashResult
    from microlut.workflow.outcomes import DeployOutcome, RunOutcome, VerifyOutcome

_LABEL_WIDTH = 40
_INSTRUCTIONS = "instructions per inference"
_LATENCY = "time of an inference, by its own clock"


def image_text(image: Image, board: Board) -> str:
    """Return the text of an image: its memory, the board's memory, and its files."""
    if image.flash_bytes is None or image.ram_bytes is None or board.memory is None:
        return f"{board.id}: {image.elf}"
    others = (image.bin, image.hex, image.uf2, image.map)
    endings = ", ".join(path.suffix for path in others if path is not None)
    return (
        f"{board.id}: flash {image.flash_bytes:,} of {size_text(board.memory.flash.size)}, "
        f"RAM {image.ram_bytes:,} of {size_text(board.memory.ram.size)} (stack included)"
        f"{_others_text(image, board)}\n"
        f"{_parts_text(image)}"
        f"Image: {image.elf} (and {endings})"
    )


def application_text(image: Image) -> str:
    """Return the text of an application that another ecosystem built."""
    uf2 = "" if image.uf2 is None else f" (and {image.uf2.suffix})"
    return (
        f"{image.board_id}: flash {image.flash_bytes or 0:,} bytes, RAM {image.ram_bytes or 0:,} "
        f"bytes, by its sections\nImage: {image.elf}{uf2}"
    )


def _others_text(image: Image, board: Board) -> str:
    """Return what the board's other memories hold."""
    assert board.memory is not None
    sizes = {name: board.memory.others[name].size for name, _ in image.others}
    return "".join(f", {n} {used:,} of {size_text(sizes[n])}" for n, used in image.others if used)


def export_text(exported: Exported) -> str:
    """Return what an export wrote."""
    start = "; start with its README.md" if exported.files else ""
    return f"Wrote {exported.path}, {size_text(exported.bytes)}{start}"


def _parts_text(image: Image) -> str:
    """Return a line about the engine's code and the stack, if they are known."""
    if image.engine_code_bytes is None or image.stack is None:
        return ""
    return (
        f"engine code {size_text(image.engine_code_bytes)}, "
        f"stack at most {image.stack.used:,} of {size_text(image.stack.reserved)}\n"
    )


def run_text(outcome: RunOutcome) -> str:
    """Return the results of a run of the firmware."""
    facts = _facts(_accuracy(None, outcome.float_top1, outcome) + _run_facts(outcome))
    profile = f"{profile_text(outcome.profile)}\n" if outcome.profile is not None else ""
    return f"{_note_text(outcome)}{profile}{facts}"


def _note_text(outcome: RunOutcome) -> str:
    """Return a line about the machine if it is not the board itself, or about the image."""
    if not outcome.note:
        return ""
    measured = f"Measured on {outcome.note}.\n"
    if outcome.measured_on == outcome.image.board_id:
        return measured
    board = outcome.image.board_id
    return f"{measured}The start-up and driver code of {board} was built and did not run.\n"


def profile_text(profile: Profile) -> str:
    """Return the instructions or the time of one inference, one line per kernel call."""
    total = max(1, profile.cost)
    timed = profile.unit == "microseconds"
    unit, factor = ("ns per MAC", 1000) if timed else ("per MAC", 1)
    rows = [
        (
            " + ".join((layer.name, *layer.merged)),
            layer.kind,
            str(layer.bits or ""),
            count_text(layer.weight_bytes),
            count_text(layer.macs),
            f"{layer.cost:,}",
            percent_text(100 * layer.cost / total),
            "" if layer.cost_per_mac is None else f"{factor * layer.cost_per_mac:.3f}",
        )
        for layer in profile.layers
    ]
    outside = ("outside kernels", "", "", "", "", f"{profile.outside:,}")
    rows.append((*outside, percent_text(100 * profile.outside / total), ""))
    macs = sum(layer.macs for layer in profile.layers)
    sizes = count_text(sum(layer.weight_bytes for layer in profile.layers)), count_text(macs)
    mean = f"{factor * profile.cost / macs:.3f}" if macs else ""
    rows.append(("all", "", "", *sizes, f"{profile.cost:,}", percent_text(100.0), mean))
    headers = ("layer", "kind", "bits", "weights", "MACs", profile.unit, "share", unit)
    return table(headers, rows, "<<>>>>>>")


def deploy_text(outcome: DeployOutcome) -> str:
    """Return the results of a deployed model on its inputs; nothing without inputs."""
    if outcome.not_measured:
        return f"Not measured: {outcome.not_measured}"
    if outcome.run is None:
        return ""
    facts = _accuracy(outcome.integer_top1, outcome.float_top1, outcome.run)
    return _note_text(outcome.run) + _facts(facts + _run_facts(outcome.run))


def offer_text(project: Project, board: Board, port: str) -> str:
    """Return the port of an emulated board, and how to use it."""
    command = f"microlut run {project.path} --board {board.id} --port {port} --inputs FILE"
    return (
        f"{board.id} is at {port}, for any program that opens serial ports, such as\n"
        f"  microlut monitor --port {port}\n  {command}\n"
        "(docs/guide/mlperf-tiny.md: MLPerf Tiny's runner). Ctrl-C ends it."
    )


def flash_text(project: Project, result: FlashResult) -> str:
    """Return what was written to a board, or would be."""
    if not result.written:
        note = f"\nNot possible now: {result.note}" if result.note else ""
        return f"{result.command_text}{note}"
    place = f" through {result.device}" if result.device else ""
    return (
        f"{result.board}: wrote {size_text(result.bytes)} with {result.tool}{place}\n"
        f"Run inputs on it: microlut run {project.path} --board {result.board} --port PORT "
        "--inputs FILE"
    )


def verify_text(outcome: VerifyOutcome) -> str:
    """Return the comparison of all forms."""
    rows = [
        (form.form, f"{form.samples:,}", _verdict(form), difference_text(form.first))
        for form in outcome.forms
    ]
    lines = [table(("form", "inputs", "agrees", "first difference"), rows, "<><<")]
    for form in outcome.forms:
        if form.different_bytes:
            note = form.note or "nothing explains that"
            lines.append(f"{form.form}: {form.different_bytes:,} bytes differ; {note}")
    reasons: dict[str, list[str]] = {}
    for name, why in outcome.skipped:
        reasons.setdefault(why, []).append(name)
    lines += [f"{', '.join(names)}: skipped, {why}" for why, names in reasons.items()]
    facts = [("accuracy", percent_text(outcome.top1))] if outcome.top1 is not None else []
    return "\n".join([*lines, _facts([*facts, ("bit-exact", _yes(outcome.bit_exact))])])


def tools_text(tools: Sequence[ToolStatus]) -> str:
    """Return a table of tools, and how to install those that are missing."""
    rows = [(tool.name, tool.version or "", _place(tool), tool.needed_for) for tool in tools]
    lines = [table(("tool", "version", "where", "needed for"), rows)]
    for tool in tools:
        if tool.path is None:
            lines.append(f"To install {tool.name}{' (optional)' if tool.optional else ''}:")
            lines += [f"  {manager}: {command}" for manager, command in tool.install]
    return "\n".join(lines)


def _place(tool: ToolStatus) -> str:
    return "MISSING" if tool.lacks else str(tool.path or "not there (optional)")


def difference_text(difference: Difference | None) -> str:
    """Return where and how outputs first differ, in words."""
    if difference is None:
        return ""
    return (
        f"input {difference.sample}, output {difference.position}: "
        f"{difference.found} instead of {difference.expected}"
    )


def _accuracy(
    integer_top1: float | None, float_top1: float | None, outcome: RunOutcome
) -> list[tuple[str, str]]:
    values = (
        ("accuracy, float model", float_top1),
        ("accuracy, integer model on this computer", integer_top1),
        (f"accuracy, firmware on {outcome.measured_on}", outcome.top1),
    )
    return [(label, percent_text(value)) for label, value in values if value is not None]


def _run_facts(outcome: RunOutcome) -> list[tuple[str, str]]:
    facts = [
        ("inputs", f"{outcome.samples:,}"),
        ("bit-exact with the integer model", _yes(outcome.bit_exact)),
    ]
    if outcome.first_difference is not None:
        facts.append(("first difference", difference_text(outcome.first_difference)))
    if outcome.instructions is not None:
        mean, least, most = outcome.instructions
        facts.append((_INSTRUCTIONS, f"{mean:,} ({least:,} to {most:,})"))
    elif outcome.microseconds is not None:
        mean, least, most = outcome.microseconds
        facts.append((_LATENCY, f"{mean:,} us ({least:,} to {most:,} us)"))
    elif outcome.image.flash_bytes is not None:  # not a host program: those are never counted
        facts.append((_INSTRUCTIONS, f"not counted: {_why_not_counted(outcome)}"))
    if outcome.stack_bytes is not None and outcome.image.stack is not None:
        limits = f"at most {outcome.image.stack.used:,}, reserved {outcome.image.stack.reserved:,}"
        facts.append(("bytes of stack used", f"{outcome.stack_bytes:,} ({limits})"))
    return facts


def _why_not_counted(outcome: RunOutcome) -> str:
    if outcome.emulator == "labwired":
        return "LabWired counts none"
    if find_tool(HOST_CC) is None:
        return f"{HOST_CC.name} is missing ({HOST_CC.apt_command})"
    return "this QEMU has no plugins"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{label:<{_LABEL_WIDTH}}  {value}" for label, value in facts)


def _verdict(form: FormResult) -> str:
    if not form.agrees:
        return "NO"
    return "by rounding" if form.note else "yes"


def _yes(value: bool) -> str:
    return "yes" if value else "NO"
