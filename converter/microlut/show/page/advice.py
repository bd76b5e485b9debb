"""Say what would help a converted model most: by goal, the greatest expected gain first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from microlut.integer.packing import stored_weights
from microlut.show.table import size_text
from microlut.support.toml_file import dotted
from microlut.toolchain.parts import APPLICATION, ENGINE
from microlut.workflow.overview import Overview

Goal = Literal["accuracy", "time", "RAM", "flash"]
_MOST = 4  # of one goal
_LEAST = 0.01  # gains that are told


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that would help.

    Attributes:
        goal: What it helps.
        gain: Expected gain, as a share of the present value.
        what: What to do.
        effect: What it gives, and what it costs.
    """

    goal: Goal
    gain: float
    what: str
    effect: str


def advice(found: Overview) -> list[Advice]:
    """Return what would help, by goal, the greatest expected gain first."""
    each: list[Advice] = []
    for made in (_accuracy(found), _time(found), _memory(found), _flash(found)):
        worth = [one for one in made if one.gain >= _LEAST]
        each += sorted(worth, key=attrgetter("gain"), reverse=True)[:_MOST]
    return each


def _accuracy(found: Overview) -> Iterator[Advice]:
    for gain in found.gains:
        share = 1 - gain.after / gain.before
        yield Advice(
            "accuracy",
            share,
            f"[{dotted('layers', gain.layer)}] bits = 8 in microlut.toml",
            f"8 bits for it alone: divergence {gain.before:.2g} becomes {gain.after:.2g} "
            f"({share:.0%} less), for "
            f"{size_text(gain.bytes)} more of flash".replace("%", " %"),
        )
    for finding in found.facts["findings"]:
        for remedy in finding["remedies"]:
            after, before = (
                remedy["figures"].get("divergence"),
                found.facts["quality"]["divergence"],
            )
            gain_share = 1 - after / before if after is not None and before else 1.0
            yield Advice("accuracy", gain_share, remedy["text"], finding["text"])


def _time(found: Overview) -> Iterator[Advice]:
    facts = found.facts
    now = facts["estimated_instructions"]
    for point in facts["ram_curve"]:
        gain = 1 - point["instructions"] / now
        more = point["arena_bytes"] - facts["arena_bytes"]
        if more > 0:
            yield Advice(
                "time",
                gain,
                f"--optimize speed --max-ram {point['arena_bytes']}",
                f"{gain:.0%} fewer instructions, for {size_text(more)} more of RAM".replace(
                    "%", " %"
                ),
            )


def _memory(found: Overview) -> Iterator[Advice]:
    facts = found.facts
    now = facts["estimated_instructions"]
    for point in facts["ram_curve"]:
        less = facts["arena_bytes"] - point["arena_bytes"]
        if less > 0:
            slower = point["instructions"] / now - 1
            yield Advice(
                "RAM",
                less / facts["arena_bytes"],
                f"--max-ram {point['arena_bytes']}",
                f"{size_text(less)} less, for {slower:.0%} more instructions".replace("%", " %"),
            )


def _flash(found: Overview) -> Iterator[Advice]:
    whole = None if found.image is None else found.image.flash_bytes
    parts = dict(found.parts)
    stored = stored_weights(found.project.graph)
    weights = sum(each.indices.size for each in stored.values())
    widest = max((each.bits for each in stored.values()), default=0)
    if widest > 2:
        narrowed = (each.indices.size for each in stored.values() if each.bits == widest)
        less = sum(narrowed) // 8
        base = whole or found.facts["weight_bytes"] or 1
        yield Advice(
            "flash",
            less / base,
            f"--bits {widest - 1}",
            f"about {size_text(less)} less of {weights:,} weights; microlut search measures "
            "what it costs",
        )
    if whole is not None and found.facts["optimize"] != "size" and parts.get(ENGINE):
        yield Advice(
            "flash",
            0.5 * parts[ENGINE] / whole,
            "--optimize size",
            f"about half of the engine's {size_text(parts[ENGINE])}, for about a quarter more "
            "instructions",
        )
    if whole is not None and parts.get(APPLICATION):
        yield Advice(
            "flash",
            parts[APPLICATION] / whole,
            "your own program instead of the console (microlut export)",
            f"{size_text(parts[APPLICATION])} of console and start-up code are not the network's",
        )
