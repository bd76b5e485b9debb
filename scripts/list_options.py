#!/usr/bin/env python3
"""Write docs/reference/options.md: all verbs with their arguments and options, as typer has them.

.venv/bin/python scripts/list_options.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import typer

from microlut.cli import VERBS, _app

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "options.md"
_HEAD = """# All options

Each verb with its arguments and options, as `microlut VERB --help` tells them. Sizes are in bytes,
or have a `k` or `M`. [command-line.md](command-line.md) says what the verbs do and what they print.
`scripts/list_options.py` writes this page.
"""


def page() -> str:
    """Return the page."""
    group = typer.main.get_command(_app(list(VERBS)))
    context = typer.Context(group, info_name="microlut")
    lines = [_HEAD]
    for name, (_, short) in VERBS.items():
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        lines += [f"## {name}\n", f"{_plain(command.help or short)}\n"]
        lines += ["| argument or option | meaning |", "|---|---|"]
        lines += [*_rows(command, context), ""]
    return "\n".join(lines)


def _rows(command: typer.core.TyperCommand, context: typer.Context) -> Iterator[str]:
    own = typer.Context(command, parent=context, info_name=command.name)
    for parameter in command.get_params(own):
        record = parameter.get_help_record(own)
        if record is not None and "--help" not in parameter.opts:
            names, meaning = (_plain(text) for text in record)
            yield f"| `{names}` | {meaning.replace('<', '&lt;')} |"


def _plain(text: str | None) -> str:
    """Return a text as one line of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
