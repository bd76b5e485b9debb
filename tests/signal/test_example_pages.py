"""The commands of each example's README, as they stand there, and what they print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from engine_batch import require

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PAGES = sorted(EXAMPLES.glob("*/README.md"))


def test_there_are_examples_from_sensor_to_answer():
    assert {page.parent.name for page in PAGES} >= {"sounds", "motion", "motor"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_commands_print_what_the_page_says(page: Path, tmp_path: Path):
    require("cc")
    blocks = re.findall(r"^```(sh)?\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    commands, printed = blocks[0][1], blocks[1][1]
    assert (blocks[0][0], blocks[1][0]) == ("sh", "")
    example = page.parent.name
    shutil.copytree(page.parent, tmp_path / "examples" / example)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(printed), done.stdout[-500:]
