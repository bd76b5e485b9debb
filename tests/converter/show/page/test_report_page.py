"""The report of a converted model: what it says, that it needs nothing else, what it refuses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import microlut
from digits_example import MODEL, TEST, conversion, samples
from microlut.errors import InvalidInput, ToolMissing
from microlut.machine.tools import HOST_CC, find_tool
from microlut.show.page import write
from microlut.show.page.contents import Contents
from microlut.show.page.html import html_page
from microlut.show.page.markdown import markdown_page
from microlut.workflow.overview import Overview

HOSTILE = '<script>alert(1)</script>"\x1b[31m$x$'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> microlut.Project:
    return microlut.write(conversion(), tmp_path_factory.mktemp("report") / "out")


@pytest.fixture(scope="module")
def found(project: microlut.Project) -> Overview:
    return microlut.report(project, TEST, original=MODEL, limit=60)


class _Page(HTMLParser):
    """Collects what a page refers to, and whether its elements are closed in order."""

    _VOID = ("meta", "br", "link", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.references: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if "id" in known:
            self.ids[str(known["id"])] += 1
        self.references += [str(v) for k, v in attrs if k in ("href", "src", "xlink:href")]
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self._VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_page_is_whole_and_refers_only_to_itself(found: Overview):
    text = html_page(found)
    page = _Page(text)
    assert page.open == []
    assert [name for name, times in page.ids.items() if times > 1] == []
    assert all(each.startswith("#") and each[1:] in page.ids for each in page.references)
    assert "url(http" not in text
    assert re.findall(r"#0101\w\w", text) == []  # every ink became a colour of the page


def test_equal_overviews_give_equal_pages(found: Overview):
    assert html_page(found) == html_page(found)


def test_page_shows_each_layer_its_bytes_and_the_answers(found: Overview):
    words = " ".join(_Page(html_page(found)).words)
    for layer in found.facts["layers"]:
        assert layer["name"] in words
    assert f"{found.facts['weight_bytes']:,} bytes" in words
    assert "The peak is at body" in words
    assert [each.form for each in found.answers] == ["float model", "integer model"]
    assert words.count("rows are labels, columns answers") == 2


def test_answers_are_those_of_the_networks(found: Overview):
    y = samples(60).y
    for each in found.answers:
        matrix = each.matrix()
        np.testing.assert_array_equal(matrix.sum(axis=1), np.bincount(y, minlength=10))
        assert 100 * np.trace(matrix) / 60 == pytest.approx(each.top1)
        wrong = each.confused()
        assert sum(inputs for *_, inputs in wrong) == 60 - np.trace(matrix)


def test_histograms_have_the_weights_of_the_float_model(found: Overview):
    for each in found.weights:
        widths = np.diff(each.edges)
        assert each.original
        assert float(np.sum(widths * each.densities)) == pytest.approx(1.0, abs=0.01)
        assert sum(each.used) == each.weights
        assert list(each.levels) == sorted(set(each.levels))


@pytest.mark.parametrize(
    "options",
    [
        {"sparsity": 0.6},
        {"optimize": "size"},
        {"activations": 16},
        {"bits": 8},
        {"method": "published"},
    ],
    ids=str,
)
def test_every_kind_of_conversion_has_a_report(options, tmp_path: Path):
    made = microlut.convert(MODEL, input_range=(0, 16), **options)
    project = microlut.write(made, tmp_path / "out")
    found = microlut.report(project, TEST, tmp_path / "page.html", original=MODEL, limit=8)
    assert [each.bits for each in found.weights] == [
        layer["bits"] for layer in found.facts["layers"] if layer["bits"] is not None
    ]
    json.dumps(found.as_json(), allow_nan=False)


def test_without_the_original_the_report_says_so(project: microlut.Project, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found = microlut.report(project)
    assert not any(each.original for each in found.weights)
    assert "give it with --model" in markdown_page(found)
    assert found.figures == found.answers == ()


def test_markdown_has_the_layers_and_no_live_characters(found: Overview):
    text = markdown_page(found)
    assert "| average\\_flat | reshape |" in text
    assert "## Memory over time" in text


def test_names_cannot_leave_their_place(found: Overview):
    facts = json.loads(json.dumps(found.facts).replace('"body"', json.dumps(HOSTILE)))
    facts["warnings"] = [HOSTILE]
    graph = found.project.graph
    nodes = tuple(replace(n, name=HOSTILE) if n.name == "body" else n for n in graph.nodes)
    project = replace(found.project, report=facts, graph=replace(graph, nodes=nodes))
    hostile = replace(found, project=project, figures=())
    for text in (html_page(hostile), markdown_page(hostile)):
        assert "<script>alert" not in text
        assert "\x1b" not in text
    assert HOSTILE.partition("\x1b")[0] in " ".join(_Page(html_page(hostile)).words)


def test_gains_are_measured_and_sorted(found: Overview):
    assert found.gains
    for gain in found.gains:
        assert gain.after < gain.before
        assert gain.bytes > 0
    assert [gain.after for gain in found.gains] == sorted(gain.after for gain in found.gains)
    assert Contents(found).advice[0].goal == "accuracy"


def test_report_replaces_only_reports(project: microlut.Project, tmp_path: Path):
    page = tmp_path / "new" / "net.html"
    microlut.report(project, output=page)
    microlut.report(project, output=page)
    page.write_text(page.read_text() + "mine")
    with pytest.raises(InvalidInput, match="not a report as microlut wrote it"):
        microlut.report(project, output=page)
    with pytest.raises(InvalidInput, match=r"reports are .html or .md files"):
        microlut.report(project, output=tmp_path / "net.pdf")


def test_page_needs_matplotlib_and_markdown_does_not(project, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(write, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"microlut\[plots\]"):
        microlut.report(project, output=tmp_path / "net.html")
    microlut.report(project, output=tmp_path / "net.md")
    assert write.report_name() == "report.md"


@pytest.mark.parametrize(
    "answers",
    [
        *(3, ["x"], [{"form": "a"}]),
        [{"form": "a", "samples": 1, "classes": 2, "top1": 1.0, "pairs": [[0, 2, 1]]}],
    ],
)
def test_damaged_answers_are_told_in_a_line(project: microlut.Project, answers):
    damaged = replace(project, report={**project.report, "answers": answers})
    with pytest.raises(InvalidInput, match="its answers are damaged"):
        microlut.report(damaged)


def test_answers_of_deploy_come_back(project: microlut.Project, found: Overview):
    stored = json.loads(json.dumps([each.as_json() for each in found.answers]))
    known = replace(project, report={**project.report, "answers": stored})
    assert microlut.report(known).answers == found.answers


def test_firmware_that_was_changed_is_not_shown(project: microlut.Project):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    image = microlut.build(project, "host")
    known = replace(project, report={**project.report, "board": "host"})
    assert microlut.report(known).image is not None
    image.elf.write_bytes(image.elf.read_bytes() + b"x")
    assert microlut.report(known).image is None


def test_board_without_inputs_is_refused(project: microlut.Project):
    with pytest.raises(InvalidInput, match="give inputs too"):
        microlut.report(project, board="host")


def test_report_runs_the_firmware(project: microlut.Project):
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    found = microlut.report(project, TEST, board="host", limit=20)
    assert found.run is not None
    assert found.run.bit_exact
    assert found.answers[-1].form == "host"
    assert found.answers[-1].pairs == found.answers[-2].pairs


def test_json_has_all_of_it(found: Overview):
    text = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert {"layers", "buffers", "weights", "figures", "answers", "gains", "notes"} <= set(text)


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
def test_browser_shows_the_page_without_errors(found: Overview, tmp_path: Path, width: int):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("report not shown in a browser: chromium is missing (apt install chromium)")
    # The page tells in its title what its script sees: how far it can be scrolled sideways.
    script = "<script>document.title = document.documentElement.scrollWidth - innerWidth</script>"
    (tmp_path / "page.html").write_text(html_page(found) + script)
    shown = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         f"--window-size={width},2000", "--enable-logging=stderr", "--v=0",
         f"file://{tmp_path}/page.html"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "Uncaught" not in shown.stderr
    title = re.search(r"<title>(-?\d+)</title>", shown.stdout)
    assert title is not None
    assert int(title[1]) <= 0
