"""Read and replace the tables that benchmarks write into docs/measurements."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEASUREMENTS = ROOT / "docs" / "measurements"
END = "<!-- end -->\n"


def replace_table(page: Path, script: str, text: str) -> None:
    """Replace the text between the marks of a script in a page."""
    before, mark, rest = _split(page, script)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{mark}{text.rstrip()}\n{END}{after}", encoding="utf-8")


def read_table(page: Path, script: str) -> str:
    """Return the text between the marks of a script in a page."""
    return _split(page, script)[2].partition(END)[0]


def _split(page: Path, script: str) -> tuple[str, str, str]:
    mark = f"<!-- made by benchmarks/{script} -->\n"
    before, found, rest = page.read_text(encoding="utf-8").partition(mark)
    if not found or END not in rest:
        raise ValueError(f"{page}: found no {mark.strip()} with an {END.strip()} behind it")
    return before, mark, rest
