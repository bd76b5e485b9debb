"""Gather what a report on a converted model shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import ArrayLike
from pydantic import TypeAdapter, ValidationError

from microlut.board.board import Board, board_of
from microlut.errors import InvalidBoard, InvalidInput
from microlut.graph.ir import Graph
from microlut.importers.samples import Inputs, Samples, as_samples
from microlut.project import REPORT, Model, Project, project_of
from microlut.quantize.figures import Quality, Task
from microlut.quantize.quality import affordable_inputs, integer_quality, spread
from microlut.support.arguments import PathLike
from microlut.support.progress import Progress, check_progress, silent
from microlut.support.shown import Record, Shown
from microlut.toolchain.image import Image, engine_code_bytes, measure
from microlut.toolchain.parts import flash_parts
from microlut.toolchain.record import read_record
from microlut.verification.answers import (
    Answers,
    firmware_answers,
    float_answers,
    integer_answers,
    known,
)
from microlut.verification.gains import Gain, weight_gains
from microlut.verification.histograms import WeightHistogram, weight_histograms
from microlut.verification.reference import Reference, check_samples, make_reference
from microlut.verification.tensors import TensorFigures, float_network, tensor_figures
from microlut.workflow.build import build
from microlut.workflow.originals import original_file
from microlut.workflow.outcomes import DeployOutcome, RunOutcome
from microlut.workflow.run import Count, checked_original, ready_machine, run_on

_ANSWERS: TypeAdapter[tuple[Answers, ...]] = TypeAdapter(tuple[Answers, ...])


@dataclass(frozen=True, slots=True, repr=False)
class Overview(Shown):
    """What is known about a converted model.

    Attributes:
        project: The model.
        weights: Histograms of the weights of each layer.
        figures: Figures of each layer on the given inputs; empty without them.
        quality: The loss of the outputs on the given inputs; None without them.
        answers: Of each form, how often it answers with which class; empty without labels.
        gains: What 8 bits in one layer alone would give, the best first.
        image: The firmware, if some was built.
        parts: Bytes of its flash by what they are for.
        run: The run of the firmware on the given inputs.
        notes: What could not be found, and what to do about it.
    """

    project: Project
    weights: tuple[WeightHistogram, ...]
    figures: tuple[TensorFigures, ...] = ()
    quality: Quality | None = None
    answers: tuple[Answers, ...] = ()
    gains: tuple[Gain, ...] = ()
    image: Image | None = None
    parts: tuple[tuple[str, int], ...] = ()
    run: RunOutcome | None = None
    notes: tuple[str, ...] = ()

    @property
    def facts(self) -> Mapping[str, Any]:
        """The contents of report.json."""
        return self.project.report

    def records(self) -> list[Record]:
        """Return a record per layer, of what the report says about it."""
        return self.project.records()

    def as_json(self) -> dict[str, object]:
        """Return report.json, with what was found beyond it."""
        found = dict(self.facts)
        if self.run is not None:
            found |= self.run.as_json()
        return found | {
            "flash_parts": dict(self.parts),
            "weights": [each.as_json() for each in self.weights],
            "figures": [each.as_json() for each in self.figures],
            "quality_on_inputs": self.quality and self.quality.as_json(),
            "answers": [each.as_json() for each in self.answers],
            "gains": [each.as_json() for each in self.gains],
            "notes": list(self.notes),
        }


def overview(  # noqa: PLR0913 (the user's options, by name)
    model: Model,
    inputs: Inputs | None = None,
    *,
    labels: PathLike | ArrayLike | None = None,
    original: PathLike | object | None = None,
    board: Board | PathLike | None = None,
    limit: int | None = None,
    progress: Progress = silent,
) -> Overview:
    """Gather what is known about a converted model, and measure it on inputs.

    Args:
        model: The folder of a converted model, a project, or a conversion.
        inputs: An .npz with array `x`, an .npy, or an array [n, ...]: with them, the layers and
            answers of the float and the integer network are compared.
        labels: Class numbers [n]; by default array `y` of the inputs' file.
        original: The model that was converted; by default the file of its name, beside the folder
            or in the current one.
        board: Also run the firmware for this board on the inputs.
        limit: Use only the first so many inputs.
        progress: Called with (what, done, total).

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong.
    """
    check_progress(progress)
    if inputs is None and (labels is not None or limit is not None):
        raise InvalidInput("labels or a limit are given without inputs; give inputs too")
    project = project_of(model)
    target = None if board is None else board_of(board)
    if inputs is None and target is not None:
        raise InvalidInput("a board is given without inputs to run there; give inputs too")
    samples = None if inputs is None else as_samples(inputs, project.inputs, labels, limit)
    if samples is not None:
        check_samples(project, samples)
    machine = None if target is None else ready_machine(target, _count(target))
    graph, notes = _float_graph(project, original)
    found = Overview(project, weight_histograms(project.graph, graph), notes=notes)
    found = replace(found, answers=_stored_answers(project))
    ran = None
    if samples is not None:
        reference = make_reference(project, samples)
        if target is not None and machine is not None:
            made = build(project, target)
            ran = run_on(machine, project, reference, made, _count(target), progress)
        found = _measured(found, graph, samples, reference, ran, progress)
    image = ran.image if ran is not None else _built(project)
    parts = () if image is None else flash_parts(image)
    return replace(found, run=ran, image=image, parts=parts)


def deployed_overview(outcome: DeployOutcome) -> Overview:
    """Return what `deploy` found, without measuring anything again."""
    project = outcome.project
    return Overview(
        project,
        weight_histograms(project.graph, outcome.conversion.graph),
        answers=outcome.answers,
        image=outcome.image,
        parts=flash_parts(outcome.image),
        run=outcome.run,
    )


def _count(board: Board) -> Count:
    """Return what can be counted of the firmware for a board: each kernel call, or all together."""
    return "inferences" if board.emulators.qemu is None else "layers"


def _float_graph(
    project: Project, original: PathLike | object | None
) -> tuple[Graph | None, tuple[str, ...]]:
    """Return the float network if the original model is known, else why it is not."""
    found = original if original is not None else original_file(project)
    if found is None:
        name = project.report["source"] or "the original model"
        return None, (
            f"{name} is neither here nor beside the folder, so the float network is not shown; "
            "give it with --model",
        )
    graph = checked_original(found, project)
    try:
        return float_network(graph, project.graph, project.report), ()
    except InvalidInput as error:
        if original is not None:
            raise
        return None, (str(error),)


def _measured(
    found: Overview,
    graph: Graph | None,
    samples: Samples,
    reference: Reference,
    ran: RunOutcome | None,
    progress: Progress,
) -> Overview:
    """Return the overview with what the forms of the network give on samples."""
    project = found.project
    forms = [integer_answers(reference)]
    if ran is not None:
        forms.append(firmware_answers(ran.measured_on, ran.outputs, reference))
    if graph is None:
        return replace(found, answers=known(*forms))
    forms.insert(0, float_answers(graph, samples))
    few = spread(samples.inputs, affordable_inputs(graph))
    task = _task(project.report)
    return replace(
        found,
        figures=tensor_figures(graph, project.graph, few),
        quality=integer_quality(graph, project.graph, few, task),
        answers=known(*forms),
        gains=weight_gains(graph, project.graph, few, task, progress),
    )


def _task(report: Mapping[str, Any]) -> Task:
    """Return what the outputs were judged as."""
    if len(report["outputs"]) > 1:
        return "auto"
    found = report["quality"]
    if found["labels"]:
        return "labels"
    return "values" if found["agreement"] is None else "classes"


def _stored_answers(project: Project) -> tuple[Answers, ...]:
    """Return the answers that `deploy` has written down.

    Raises:
        InvalidInput: They are damaged.
    """
    damaged = InvalidInput(
        f"{project.path / REPORT}: its answers are damaged; run `microlut deploy` again"
    )
    try:
        found = _ANSWERS.validate_python(project.report.get("answers", []))
    except ValidationError as error:
        raise damaged from error
    for each in found:
        places = [place for label, answer, _ in each.pairs for place in (label, answer)]
        if each.classes != found[0].classes or not all(0 <= p < each.classes for p in places):
            raise damaged
    return found


def _built(project: Project) -> Image | None:
    """Return the firmware that `deploy` has built, if it is there as it was built."""
    name = project.report.get("board")
    if not isinstance(name, str):
        return None
    folder = project.build_folder(name)
    elf, map_file, record = (
        folder / f"{project.prefix}.{ending}" for ending in ("elf", "map", "json")
    )
    if not record.is_file():
        return None
    try:
        board = board_of(name)
        read_record(record).check(folder, board)
    except (InvalidBoard, InvalidInput):  # another board file, or something was changed since
        return None
    sizes = measure(elf, board)
    return Image(
        board_id=name,
        elf=elf,
        map=map_file,
        flash_bytes=sizes.flash_bytes,
        ram_bytes=sizes.ram_bytes,
        sections=sizes.sections,
        engine_code_bytes=engine_code_bytes(map_file),
        others=sizes.others,
    )
