"""Pictures in notebooks: what has one, that it is a whole SVG, and that none is needed."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

import microlut
from digits_example import MODEL, conversion
from microlut.conversion.front import Point, SearchResult
from microlut.quantize.figures import Quality
from microlut.running.profile import LayerProfile, Profile
from microlut.show import notebook
from microlut.workflow.outcomes import RunOutcome

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'microlut[plots]'")


def words(html: str) -> str:
    """Return the texts of the SVG in a result's HTML, and the comments that stand for some."""
    (data,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    svg = base64.b64decode(data).decode()
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return "\n".join([*root.itertext(), *re.findall(r"<!-- (.*?) -->", svg)])


def run_of(profile: Profile | None) -> RunOutcome:
    image = SimpleNamespace(board_id="mps2-an386", flash_bytes=22_132, ram_bytes=7_936)
    return RunOutcome(
        image, "mps2-an386", 1, None, True, None, None, None, profile=profile, stack_bytes=696
    )


def test_conversion_and_project_show_their_memory(tmp_path: Path):
    made = conversion()
    project = microlut.write(made, tmp_path / "out")
    for result in (made, project):
        html = result._repr_html_()
        assert html.startswith("<table>")
        assert "place in the arena, bytes" in words(html)


def test_search_shows_its_front():
    quality = Quality(0.1, 99.0, 0.5, 100)
    point = Point("uniform", 4, 4.0, 1000, {"layer": 4}, quality, True)
    other = replace(point, flash_bytes=2000, quality=replace(quality, expected_drop=0.1))
    html = SearchResult("net", False, False, (point, other))._repr_html_()
    assert "expected drop of accuracy, points" in words(html)


def test_fit_shows_its_histogram():
    fit = microlut.fit(MODEL, layer="body")[0]
    assert "weight, in multiples of its channel's root mean square" in words(fit._repr_html_())


def test_run_shows_the_cost_of_its_layers_or_its_memory():
    layer = LayerProfile("stem", "conv2d", (), 4, 100, 1000, 5000)
    profiled = words(run_of(Profile((layer, replace(layer, name="body")), 7))._repr_html_())
    assert "instructions per inference" in profiled
    assert "body" in profiled
    plain = words(run_of(None)._repr_html_())
    assert "stack used" in plain


def test_without_matplotlib_there_is_the_table_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(notebook, "find_spec", lambda name: None)
    assert "<img" not in conversion()._repr_html_()


def test_others_have_no_picture():
    assert "<img" not in microlut.load_board("host")._repr_html_()
