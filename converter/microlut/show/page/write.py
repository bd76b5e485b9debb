"""Write a report to a file, completely or not at all."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from microlut.errors import InvalidInput, ToolMissing
from microlut.show.page.html import html_page
from microlut.show.page.markdown import markdown_page
from microlut.support.files import check_file, write_new_file
from microlut.support.signed import is_as_signed, signed
from microlut.workflow.overview import Overview

HTML, MARKDOWN = "report.html", "report.md"
_FORMATS = (".html", ".md")


def report_name() -> str:
    """Return the name of a report that can be written here: HTML if charts can be drawn."""
    return HTML if find_spec("matplotlib") else MARKDOWN


def check_report(path: Path) -> None:
    """Check that a report can have that name and be written there.

    Raises:
        InvalidInput: It cannot.
        ToolMissing: matplotlib, which draws the charts of an HTML page, is not installed.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InvalidInput(f"{path}: reports are {' or '.join(_FORMATS)} files; give one of these")
    if path.suffix.lower() == ".html" and report_name() != HTML:
        raise ToolMissing(
            f"{path}: its charts need matplotlib, which is not installed; install it with: "
            "pip install 'microlut[plots]', or write Markdown with --output FILE.md"
        )
    check_file(path, is_as_signed, "a report")


def write_report(found: Overview, path: Path) -> None:
    """Write the report of an overview; `check_report` says which files may be written."""
    text = html_page(found) if path.suffix.lower() == ".html" else markdown_page(found)
    write_new_file(path, signed(text.encode()))
