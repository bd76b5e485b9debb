"""Turn an overview into what a report says, before it is HTML or Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from microlut.plan import Point
from microlut.plan.buffers import PlacedBuffer
from microlut.show.page.advice import Advice, advice
from microlut.show.page.occupied import buffers_in, occupied_bytes, peak_of
from microlut.show.page.wires import Wires, wires
from microlut.show.quality import figures
from microlut.show.table import percent_text, size_text
from microlut.workflow.overview import Overview

_MOST_CLASSES = 30  # a larger matrix is unreadable; its confused pairs are listed in any case
_MOST_PAIRS = 12


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the figures at the top: what it is, its value, and a note on it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer as the report shows it; shares are of the largest value of any layer."""

    number: int
    name: str
    kind: str
    shape: str
    bits: str
    bytes: int
    bytes_share: float
    cost: int
    cost_share: float
    snr: str
    noise: str
    noise_share: float
    note: str
    wires: Wires


@dataclass(frozen=True)
class Contents:
    """What a report says about one model."""

    found: Overview

    @property
    def facts(self) -> Mapping[str, Any]:
        """The contents of report.json."""
        return self.found.facts

    @property
    def title(self) -> str:
        """The model's name."""
        return str(self.facts["model"])

    @property
    def board(self) -> str | None:
        """The board that firmware was built for."""
        return None if self.found.image is None else self.found.image.board_id

    @cached_property
    def headline(self) -> list[Fact]:
        """The figures at the top."""
        return list(self._headline())

    def _headline(self) -> Iterator[Fact]:
        facts, image = self.facts, self.found.image
        if image is not None and image.flash_bytes is not None:
            yield Fact("flash", size_text(image.flash_bytes), f"whole firmware for {self.board}")
            yield Fact("RAM", size_text(image.ram_bytes or 0), "with the stack")
        yield Fact(
            "weights",
            size_text(facts["weight_bytes"]),
            f"{facts['bits']:.2f} bits each, and {size_text(facts['parameter_bytes'])} of scales "
            "and biases",
        )
        least = facts["arena_lower_bound_bytes"]
        note = "no plan can take less" if least == facts["arena_bytes"] else f"at least {least:,}"
        yield Fact("arena", size_text(facts["arena_bytes"]), note)
        if self.instructions is not None:
            counted = self.is_counted
            how = f"executed on {self.measured_on}" if counted else "estimated"
            shown = self.instructions if counted else float(f"{self.instructions:.3g}")
            yield Fact("instructions", f"{shown:,.0f}", f"per inference, {how}")
        run = self.found.run
        exact = facts.get("bit_exact") if run is None else run.bit_exact
        if exact is not None:
            where = self.measured_on or ""
            told = "equal to the integer model in every byte" if exact else "other bytes"
            yield Fact("firmware", "bit-exact" if exact else "DIFFERS", f"{where}: {told}")
        for each in self.found.answers:
            yield Fact(
                f"accuracy, {each.form}", percent_text(each.top1), f"{each.samples:,} inputs"
            )

    @property
    def is_counted(self) -> bool:
        """Whether the instructions of an inference were counted, and not estimated."""
        return self.has_profile or self.facts.get("instructions") is not None

    @property
    def has_profile(self) -> bool:
        """Whether those of each layer were counted."""
        run = self.found.run
        return run is not None and run.profile is not None

    @property
    def measured_on(self) -> str | None:
        """The board or machine that ran the firmware."""
        run = self.found.run
        return self.facts.get("measured_on") if run is None else run.measured_on

    @property
    def instructions(self) -> int | None:
        """Instructions of an inference, counted if they were."""
        run = self.found.run
        if run is not None and run.profile is not None:
            return run.profile.cost
        counted: int | None = self.facts.get("instructions")
        return self.facts["estimated_instructions"] if counted is None else counted

    @property
    def findings(self) -> list[str]:
        """What looks wrong, a line each."""
        return list(self.facts["warnings"])

    @cached_property
    def advice(self) -> list[Advice]:
        """What would help, by goal and expected gain."""
        return advice(self.found)

    @cached_property
    def lanes(self) -> tuple[list[Wires], int]:
        """The connections between layers."""
        nodes = self.found.project.graph.nodes
        places = {node.name: number for number, node in enumerate(nodes)}
        makers = {tensor.name: places[node.name] for node in nodes for tensor in node.outputs}
        order = [places[layer["name"]] for layer in self.facts["layers"]]
        rows = {place: row for row, place in enumerate(order)}
        reads = [
            [rows[makers[name]] if name in makers else -1 for name in nodes[place].inputs]
            for place in order
        ]
        return wires(reads)

    @cached_property
    def layers(self) -> list[LayerRow]:
        """The layers in execution order."""
        layers = self.facts["layers"]
        noises = {each.name: each for each in self.found.figures}
        costs = self._costs()
        most_bytes = max(_flash(layer) for layer in layers) or 1
        most_cost = max(costs.values(), default=0) or 1
        most_noise = max((max(e.added_noise, 0.0) for e in noises.values()), default=0.0) or 1.0
        rows = []
        for number, layer in enumerate(layers):
            known = noises.get(layer["name"])
            ratio = layer["snr_db"] if known is None else known.snr_db
            noise = 0.0 if known is None else max(known.added_noise, 0.0)
            cost = costs.get(layer["name"], 0)
            rows.append(
                LayerRow(
                    number=number,
                    name=layer["name"],
                    kind=layer["kind"],
                    shape="x".join(map(str, layer["shape"])),
                    bits=str(layer["bits"] or ""),
                    bytes=_flash(layer),
                    bytes_share=_flash(layer) / most_bytes,
                    cost=cost,
                    cost_share=cost / most_cost,
                    snr="exact" if ratio is None else f"{ratio:.1f} dB",
                    noise="" if known is None else percent_text(100 * noise),
                    noise_share=noise / most_noise,
                    note=_note(layer),
                    wires=self.lanes[0][number],
                )
            )
        return rows

    def _costs(self) -> dict[str, int]:
        run = self.found.run
        if run is not None and run.profile is not None:
            return {layer.name: layer.cost for layer in run.profile.layers}
        return {e["name"]: e["estimated_instructions"] or 0 for e in self.facts["layers"]}

    @property
    def buffers(self) -> list[PlacedBuffer]:
        """What the arena holds."""
        return buffers_in(self.facts)

    @cached_property
    def peak(self) -> tuple[int, str]:
        """The layer that needs most of the arena, and a sentence on what it needs."""
        layers, buffers = self.facts["layers"], self.buffers
        peak = peak_of(buffers, len(layers))
        alive = [b for b in buffers if b.first <= peak <= b.last]
        alive.sort(key=lambda buffer: -buffer.bytes)
        parts = ", ".join(
            f"{'scratch of ' if buffer.scratch else ''}{buffer.name} {buffer.bytes:,}"
            for buffer in alive
        )
        used = size_text(occupied_bytes(buffers, peak))
        return peak, (
            f"The peak is at {layers[peak]['name']}, which needs {used} of "
            f"{size_text(self.facts['arena_bytes'])}: {parts}."
        )

    @property
    def curve(self) -> list[Point]:
        """Other arenas, and what an inference in them executes."""
        return [Point(**point) for point in self.facts["ram_curve"]]

    @property
    def now(self) -> Point | None:
        """This arena, and the estimate for it."""
        estimate = self.facts["estimated_instructions"]
        return None if estimate is None else Point(self.facts["arena_bytes"], estimate)

    @property
    def quality(self) -> list[str]:
        """Figures of the outputs against the float model, a line for each place of measuring."""
        lines = []
        given = self.found.quality
        if given is not None:
            told = ", ".join(figures(given))
            lines.append(f"Against the float model on {given.inputs} of the given inputs: {told}.")
        return lines

    @property
    def confusion(self) -> bool:
        """Whether there are few enough classes for a matrix."""
        answers = self.found.answers
        return bool(answers) and answers[0].classes <= _MOST_CLASSES

    @property
    def confused(self) -> list[tuple[str, list[str]]]:
        """By form, the most frequent wrong answers as texts."""
        name = self.found.project.graph.class_name
        return [
            (
                each.form,
                [
                    f"{name(label)} taken for {name(answer)}: {inputs:,}"
                    for label, answer, inputs in each.confused()[:_MOST_PAIRS]
                ],
            )
            for each in self.found.answers
        ]

    @property
    def making(self) -> list[Fact]:
        """How the network was made."""
        return list(_making(self.facts))


def _flash(layer: Mapping[str, Any]) -> int:
    return int(layer["weight_bytes"] + layer["parameter_bytes"])


def _note(layer: Mapping[str, Any]) -> str:
    kernel = layer["kernel"]
    if kernel is None:
        return "no code"
    return "" if kernel == layer["name"] else f"done by {kernel}"


def _making(facts: Mapping[str, Any]) -> Iterator[Fact]:
    source = f"{facts['source'] or 'a model in memory'}"
    digest = facts["source_sha256"]
    yield Fact("model", source, f"SHA-256 {digest[:16]}..." if digest else "")
    yield Fact("made by", f"microlut {facts['microlut']}", f"memory planned for {facts['core']}")
    yield Fact("weights", f"{facts['method'] or 'none'}, {facts['granularity'] or 'none'}")
    samples = facts["calibration_samples"]
    aside = facts["kept_aside"]
    yield Fact(
        "calibration", f"{samples:,} inputs", f"{aside:,} of them only judge" if aside else ""
    )
    if facts["range_rule"]:
        yield Fact("activation ranges", facts["range_rule"])
    yield Fact("trained to answer like the float model", "yes" if facts["distilled"] else "no")
    for one in facts["decisions"]:
        held = "held out" if one["held_out"] else "on the inputs that made it"
        tried = ", ".join(f"{name} {value:.2g}" for name, value in one["options"].items() if value)
        yield Fact(f"chosen {one['what']}", one["chosen"], f"{one['figure']} {held}: {tried}")
