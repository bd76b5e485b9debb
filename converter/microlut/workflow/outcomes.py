"""Typed results of running, verifying and deploying, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microlut.conversion.conversion import Conversion
from microlut.conversion.findings import Finding, findings_json
from microlut.graph.batch import Batch, only
from microlut.integer import from_bytes, real_values
from microlut.ops.tensor import Tensor
from microlut.project import Project
from microlut.running.profile import Profile
from microlut.support.shown import Record, Shown
from microlut.toolchain.image import Image
from microlut.verification.answers import Answers
from microlut.verification.compare import Difference, FormResult, bit_exact, compare
from microlut.verification.reference import Reference

# An array of one output, or of several a dict of arrays by name: which of them, type checkers
# cannot know, and every use would need a test.
Outputs = Any


@dataclass(frozen=True, slots=True, repr=False)
class RunOutcome(Shown):
    """One run of the firmware on inputs.

    Attributes:
        image: The image for the requested board.
        measured_on: The id of the board whose firmware ran.
        note: What that board is, if it is not the requested one.
        samples: Number of inputs.
        outputs: int8 [samples, output bytes]: the bytes of all outputs, one after the other.
        bit_exact: Whether every byte equals the integer interpreter's.
        first_difference: Where they first differ.
        top1: Accuracy in percent, or None without labels.
        instructions: Executed instructions per inference (mean, least, most), None if not counted.
        microseconds: Time per inference by the board's own clock (mean, least, most); None in
            emulators, where it means nothing.
        profile: The instructions of the first inference by layer or, on a board, the time of the
            last one, if requested and known.
        stack_bytes: The most that the stack held since the start; None on a computer.
        float_top1: Accuracy of the original model in percent, if that was given.
        tensors: The outputs by name, with their shapes and scales.
        findings: What is unlike the calibration inputs in the inputs.
        emulator: What ran the firmware; "" for a real board.
    """

    image: Image
    measured_on: str
    samples: int
    outputs: NDArray[np.int8]
    bit_exact: bool
    first_difference: Difference | None
    top1: float | None
    instructions: tuple[int, int, int] | None
    profile: Profile | None = None
    microseconds: tuple[int, int, int] | None = None
    stack_bytes: int | None = None
    note: str = ""
    float_top1: float | None = None
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    emulator: str = ""

    @property
    def integers(self) -> Outputs:
        """The outputs as integers [samples, ...]; of several outputs a dict by their names."""
        return _unpacked(from_bytes(self.tensors, self.outputs))

    @property
    def values(self) -> Outputs:
        """The real values [samples, ...] of the outputs; of several outputs a dict likewise."""
        integers = from_bytes(self.tensors, self.outputs)
        return _unpacked(real_values(self.tensors, integers))

    def records(self) -> list[Record]:
        """Return the run as one record, with the means of what varies."""
        return [
            {
                "board": self.image.board_id,
                "measured_on": self.measured_on,
                "samples": self.samples,
                "bit_exact": self.bit_exact,
                "top1": self.top1,
                "float_top1": self.float_top1,
                "instructions": self.instructions and self.instructions[0],
                "latency_us": self.microseconds and self.microseconds[0],
                "stack_bytes": self.stack_bytes,
                "flash_bytes": self.image.flash_bytes,
                "ram_bytes": self.image.ram_bytes,
            }
        ]

    def as_json(self) -> dict[str, object]:
        """Return the run as JSON values, without the outputs."""
        mean, least, most = self.instructions or (None, None, None)
        latency = {} if self.microseconds is None else _latency_json(self.microseconds)
        profile = {} if self.profile is None else {"profile": self.profile.as_json()}
        return {
            "board": self.image.board_id,
            "flash_bytes": self.image.flash_bytes,
            "ram_bytes": self.image.ram_bytes,
            "other_bytes": dict(self.image.others),
            "measured_on": self.measured_on,
            "measured_note": self.note or None,
            "samples": self.samples,
            "top1": self.top1,
            "float_top1": self.float_top1,
            "bit_exact": self.bit_exact,
            "first_difference": self.first_difference and asdict(self.first_difference),
            "instructions": mean,
            "instructions_min": least,
            "instructions_max": most,
            "engine_code_bytes": self.image.engine_code_bytes,
            "stack_bytes": stack_json(self.image, self.stack_bytes),
            **findings_json(self.findings),
            **latency,
            **profile,
        }


def compared_outcome(
    image: Image, measured_on: str, outputs: NDArray[np.int8], reference: Reference
) -> RunOutcome:
    """Return the outcome of a run that gave these outputs, without what else was measured."""
    compared = compare(measured_on, outputs, reference.outputs)
    return RunOutcome(
        image=image,
        measured_on=measured_on,
        samples=reference.samples,
        outputs=reference.by_sample(outputs),
        bit_exact=compared.agrees,
        first_difference=compared.first,
        top1=reference.top1_of(outputs),
        instructions=None,
        tensors=reference.tensors,
        findings=reference.findings,
    )


def _latency_json(microseconds: tuple[int, int, int]) -> dict[str, object]:
    mean, least, most = microseconds
    return {"latency_us": mean, "latency_us_min": least, "latency_us_max": most}


@dataclass(frozen=True, slots=True, repr=False)
class VerifyOutcome(Shown):
    """All forms of one model, compared; `top1` is the integer model's accuracy in percent.

    `skipped` are pairs of a form that cannot run on this machine, or not at all, and why.
    `findings` are what is unlike the calibration inputs in the inputs.
    """

    samples: int
    forms: tuple[FormResult, ...]
    skipped: tuple[tuple[str, str], ...]
    top1: float | None
    findings: tuple[Finding, ...] = ()

    def records(self) -> list[Record]:
        """Return a record per form."""
        return [record for form in self.forms for record in form.records()]

    @property
    def bit_exact(self) -> bool:
        """Return whether all forms agree."""
        return bit_exact(self.forms)

    def as_json(self) -> dict[str, object]:
        """Return the comparison as JSON values."""
        return {
            "bit_exact": self.bit_exact,
            "samples": self.samples,
            "top1": self.top1,
            "forms": [asdict(form) for form in self.forms],
            "skipped": dict(self.skipped),
            **findings_json(self.findings),
        }


@dataclass(frozen=True, slots=True, repr=False)
class DeployOutcome(Shown):
    """The result of `deploy`: the image and, with inputs, its run.

    `integer_top1` and `float_top1` are the accuracies, in percent, of the integer model and of the
    float model on this computer. `not_measured` is why there is no run in spite of inputs.
    `answers` tells how often each form gives which class, by label; it is empty without labels.
    `conversion` is what was written. `findings` are its own, and what is unlike the calibration
    inputs in the inputs.
    """

    project: Project
    image: Image
    run: RunOutcome | None
    integer_top1: float | None
    float_top1: float | None
    conversion: Conversion
    not_measured: str = ""
    answers: tuple[Answers, ...] = ()
    findings: tuple[Finding, ...] = ()

    def records(self) -> list[Record]:
        """Return the run as one record; without inputs, what was built."""
        if self.run is None:
            return self.image.records()
        tops = {"integer_top1": self.integer_top1, "float_top1": self.float_top1}
        return [self.run.records()[0] | tops]

    def as_json(self) -> dict[str, object]:
        """Return what building and running told as JSON values."""
        found: dict[str, object] = {
            "board": self.image.board_id,
            "flash_bytes": self.image.flash_bytes,
            "ram_bytes": self.image.ram_bytes,
            "other_bytes": dict(self.image.others),
            "engine_code_bytes": self.image.engine_code_bytes,
            "stack_bytes": stack_json(self.image),
        }
        if self.run is not None:
            found |= self.run.as_json()
        elif self.not_measured:
            found |= {"measured_on": None, "measured_note": self.not_measured}
        if self.run is not None or self.not_measured:
            found |= {"integer_top1": self.integer_top1, "float_top1": self.float_top1}
        if self.answers:
            found["answers"] = [each.as_json() for each in self.answers]
        return found | findings_json(self.findings)


def _unpacked(batch: Batch) -> Outputs:
    return dict(batch.arrays) if len(batch.arrays) > 1 else only(batch)


def image_json(image: Image) -> dict[str, object]:
    """Return an image as JSON values."""
    return {
        "board": image.board_id,
        "elf": str(image.elf),
        "bin": image.bin and str(image.bin),
        "hex": image.hex and str(image.hex),
        "uf2": image.uf2 and str(image.uf2),
        "map": str(image.map),
        "flash_bytes": image.flash_bytes,
        "ram_bytes": image.ram_bytes,
        "other_bytes": dict(image.others),
        "engine_code_bytes": image.engine_code_bytes,
        "stack_bytes": stack_json(image),
        "sections": dict(image.sections),
    }


def stack_json(image: Image, measured: int | None = None) -> dict[str, int] | None:
    """Return what an image's stack can take, has, and was seen to take, as JSON values."""
    if image.stack is None:
        return None
    seen = {} if measured is None else {"measured": measured}
    return {"used": image.stack.used, "reserved": image.stack.reserved, **seen}
