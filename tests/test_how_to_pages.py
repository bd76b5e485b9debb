"""The commands of each page of docs/how-to, as they stand there, and the words that they print."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from engine_batch import require

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

import run_pages

PAGES = sorted(run_pages.FOLDER.glob("*.md"))
QUICK = {"rtos", "several-models"}


def test_there_is_a_page_per_task():
    names = {page.stem for page in PAGES}
    tasks = {"less-flash", "less-ram", "faster", "wrong-answers", "rtos", "several-models"}
    assert tasks <= names


def test_outputs_are_put_behind_their_commands():
    page = "text\n\n```console\n$ one\nold\n$ two\n> more\n```\n"
    made = run_pages.with_outputs(page, ["1\n", "2\n"])
    assert made == "text\n\n```console\n$ one\n1\n$ two\n> more\n2\n```\n"


@pytest.mark.parametrize("texts", [("1,000 bytes", "  20 bytes"), ("SNR -1.5e-05", "SNR 7")])
def test_figures_may_differ(texts: tuple[str, str]):
    assert run_pages.words(texts[0]) == run_pages.words(texts[1])


def test_words_may_not_differ():
    assert run_pages.words("100 bytes of flash") != run_pages.words("100 bytes of RAM")


@pytest.mark.slow
@pytest.mark.qemu
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.stem, marks=[] if page.stem in QUICK else [pytest.mark.sweep])
        for page in PAGES
    ],
)
def test_commands_print_what_the_page_says(page: Path):
    for program in ("cc", "arm-none-eabi-gcc", "qemu-system-arm"):
        require(program)
    assert run_pages.words(run_pages.run(page)) == run_pages.words(page.read_text("utf-8"))
