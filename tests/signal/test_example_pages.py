"""The commands of each example's README, as they stand there, and what they print."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from engine_batch import require

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# The notebook of the method has a test of its own, which executes it.
PAGES = sorted(set(EXAMPLES.glob("*/README.md")) - {EXAMPLES / "method" / "README.md"})


def test_there_are_examples_from_sensor_to_answer():
    names = {page.parent.name for page in PAGES}
    assert names >= {
        "sounds",
        "motion",
        "motor",
        "budget",
        "freertos",
        "pytorch",
        "tflm",
        "two-bits",
    }


def test_the_notebook_of_the_method_holds(tmp_path: Path):
    nbformat = pytest.importorskip("nbformat", reason="needs nbclient: pip install nbclient")
    nbclient = pytest.importorskip("nbclient", reason="needs nbclient: pip install nbclient")
    book = nbformat.read(EXAMPLES / "method" / "method.ipynb", 4)
    shown = [text_of(cell) for cell in book.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(book, timeout=600, kernel_name="python3").execute()
    again = [text_of(cell) for cell in book.cells if cell.cell_type == "code"]
    assert again == shown  # what the page has is what it computes
    assert any("Laplace weights, bits" in text for text in again)


def text_of(cell) -> str:
    """Return what a cell printed."""
    return "".join(each.get("text", "") for each in cell.get("outputs", []))


SLOW = {"two-bits"}  # trains


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=page.parent.name,
            marks=[pytest.mark.sweep] if page.parent.name in SLOW else [],
        )
        for page in PAGES
    ],
)
def test_commands_print_what_the_page_says(page: Path, tmp_path: Path):
    require("cc")
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    blocks = [block for block in found if block[0] != "python"]
    commands, printed = blocks[0][1], blocks[1][1]
    assert (blocks[0][0], blocks[1][0]) == ("sh", "")
    example = page.parent.name
    needed = {example, *re.findall(r"\.\./([a-z-]+)/", commands)} | {"budget"}
    for name in needed:  # some take files of others
        shutil.copytree(EXAMPLES / name, tmp_path / "examples" / name)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if example == "budget":
        report = json.loads((tmp_path / "examples" / example / "out" / "report.json").read_text())
        assert report["parameter_bytes"] + report["weight_bytes"] <= 4096, report
    assert done.stdout.endswith(printed), done.stdout[-500:]
