"""What looks wrong about a model, its inputs or the result of a conversion, as typed values.

docs/reference/errors.md lists the codes with their limits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from microlut.support.shown import Shown

# How figures of remedies are told.
_FORMATS = {"snr_db": "SNR {:.1f} dB", "divergence": "divergence {:.2g}"}


@dataclass(frozen=True, slots=True, repr=False)
class Remedy(Shown):
    """Something that may mend a finding.

    Attributes:
        text: What to do, as an option or in words.
        figures: What the finding's figures would be then, as far as that was measured.
    """

    text: str
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """What to do, with what it would give."""
        # A divergence is never negative, but its sum may be by rounding.
        known = [
            _FORMATS[name].format(max(value, 0.0) if name == "divergence" else value)
            for name, value in self.figures.items()
        ]
        return f"{self.text} ({', '.join(known)})" if known else self.text


@dataclass(frozen=True, slots=True, repr=False)
class Finding(Shown):
    """One thing that looks wrong.

    Attributes:
        code: What kind of thing it is, such as "noisy-output".
        place: The tensor or layer that it is about; "" for the whole model.
        text: What was found, with its limits, where it begins and why; without the remedies.
        figures: The figures in the text, by name; a limit has the name of what it limits, and
            "limit_" before it.
        remedies: What to do, the greatest expected gain first.
    """

    code: str
    place: str
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()

    @property
    def line(self) -> str:
        """All of it in one line."""
        if len(self.remedies) < 2 or not any(remedy.figures for remedy in self.remedies):
            return "; ".join((self.text, *(remedy.line for remedy in self.remedies)))
        listed = ", ".join(f"({i}) {remedy.line}" for i, remedy in enumerate(self.remedies, 1))
        return f"{self.text}; remedies, the greatest expected gain first: {listed}"


def findings_json(findings: Sequence[Finding]) -> dict[str, object]:
    """Return findings as JSON values, and as texts."""
    return {
        "findings": [finite(asdict(finding)) for finding in findings],
        "warnings": [finding.line for finding in findings],
    }


def finite(value: object) -> object:
    """Return JSON values with null for ratios that are infinite, as those of exact values are."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
