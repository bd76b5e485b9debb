"""Format figures of how near an integer network is to its float network."""

from __future__ import annotations

import math

from microlut.quantize.figures import Quality
from microlut.show.table import percent_text


def figures(found: Quality, *, expected: bool = True) -> list[str]:
    """Return the figures that an output has.

    Args:
        found: Its quality.
        expected: Whether they were measured on inputs that did not make the network. A drop on
            those that did is nothing to expect on others.
    """
    drop = "expected drop" if expected else "drop on these"
    if found.agreement is not None:
        own = [
            f"divergence {found.divergence:.2g}",
            f"same class {percent_text(found.agreement)}",
        ]
        if found.expected_drop is not None:
            # That no class changes among few inputs does not mean that none ever does.
            error = f" (standard error {found.drop_error:.2f})" if found.drop_error else ""
            own.append(f"{drop} {found.expected_drop:.2f} points{error}")
        return own
    ratio = found.snr_db
    own = ["exact"] if ratio is None or math.isinf(ratio) else [f"SNR {ratio:.1f} dB"]
    if found.largest_error is not None:
        own.append(f"largest error {found.largest_error:.3g}")
    own.append(f"relative divergence {found.divergence:.2g}")
    if found.labels:
        label = max(found.labels, key=lambda one: one.expected_drop)
        least = min(one.agreement for one in found.labels)
        own.append(
            f"same answer {percent_text(least)} or more of each label, {drop} "
            f"{label.expected_drop:.2f} points at most (label {label.label})"
        )
    return own
