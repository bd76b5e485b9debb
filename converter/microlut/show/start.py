"""Format what `init` found and wrote as plain text."""

from __future__ import annotations

from microlut.show.table import size_text
from microlut.support.texts import visible_lines
from microlut.workflow.init import Started


def started_text(started: Started) -> str:
    """Return what the board needs, and what to do next."""
    found = started.estimate
    needs = [
        f"flash {size_text(found.flash_bytes)}" if found.flash_bytes else "",
        f"RAM {size_text(found.ram_bytes)}" if found.ram_bytes else "",
        f"{found.instructions:,} instructions per inference" if found.instructions else "",
    ]
    told = ", ".join(need for need in needs if need)
    lines = [f"{found.board}, at {started.bits} bits per weight: {told} (estimated)"]
    config = "" if str(started.path) == "microlut.toml" else f" --config {started.path}"
    lines.append(f"Wrote {started.path}. Next: microlut deploy{config}")
    return visible_lines("\n".join(lines))
