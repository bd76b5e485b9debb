"""draw_front: what is named and drawn, and that labels do not hide each other."""

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from microlut.conversion.front import Point, PointKind, SearchResult
from microlut.quantize.figures import Quality
from microlut.show.pictures import front
from microlut.show.pictures.front import draw_front


def point(
    kind: PointKind, asked: float, size: int, drop: float | None, on_front: bool = True
) -> Point:
    quality = Quality(1 / asked, None, drop, 64)
    return Point(kind, asked, asked, size, {"conv": 4}, quality, on_front)


POINTS = (
    point("uniform", 2, 1000, 9.0),
    point("allocated", 2.5, 1300, 1.0),
    point("uniform", 3, 1600, 1.5, on_front=False),
    point("allocated", 3.5, 1800, 1.2),
    point("uniform", 8, 4096, -0.25),
)


def result(points: tuple[Point, ...] = POINTS, synthetic: bool = False) -> SearchResult:
    return SearchResult("net", synthetic, False, points)


def words(path: Path, found: SearchResult) -> list[str]:
    """Return the texts of a picture: glyphs are outlines, each text is in a comment beside them."""
    draw_front(found, "net & co", path)
    ElementTree.fromstring(path.read_bytes())
    return re.findall(r"<!-- (.*?) -->", path.read_text())


def test_picture_names_its_points_and_axes(tmp_path: Path):
    texts = words(tmp_path / "front.svg", result())
    for wanted in (
        "2.5",
        "3.5",
        "int8",
        "expected drop of accuracy, points",
        "bytes of flash: weights, codebooks and output stages",
        "on 64 calibration inputs, held out",
    ):
        assert wanted in texts


def test_picture_says_that_inputs_are_synthetic(tmp_path: Path):
    assert "on 64 synthetic inputs" in words(tmp_path / "front.svg", result(synthetic=True))


def test_without_classes_the_divergence_is_drawn(tmp_path: Path):
    points = tuple(point("uniform", bits, 100 * bits, None) for bits in (2, 3, 4))
    texts = words(tmp_path / "front.svg", result(points))
    assert "divergence, squared error over squared outputs" in texts
    assert "expected drop of accuracy, points" not in texts


@pytest.mark.parametrize("drops", [(None, None), (3.0, None)])
def test_divergence_is_drawn_on_a_logarithmic_axis_unless_all_have_drops(
    drops: tuple[float | None, ...],
):
    axes = Figure().add_subplot()
    points = tuple(point("uniform", 2 + i, 100 * (i + 1), drop) for i, drop in enumerate(drops))
    front.draw_search(axes, result(points))
    assert axes.get_lines()[0].get_xydata().tolist() == [[100, 1 / 2], [200, 1 / 3]]
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "divergence, squared error over squared outputs"


@pytest.mark.parametrize("name", ["front.svg", "front.png"])
def test_picture_is_the_same_every_time(tmp_path: Path, name: str):
    for folder in ("a", "b"):
        draw_front(result(), "net", tmp_path / folder / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_line_joins_the_filled_points():
    axes = Figure().add_subplot()
    front.draw_search(axes, result())
    joined = axes.get_lines()[0].get_xydata().tolist()
    assert joined == [[1000, 9], [1300, 1], [1800, 1.2], [4096, -0.25]]


def test_divergence_is_drawn_where_all_drops_are_the_same():
    axes = Figure().add_subplot()
    front.draw_search(axes, result(tuple(replace(p, quality=exact(p)) for p in POINTS)))
    assert (axes.get_yscale(), axes.get_ylabel()) == ("log", "divergence, nats")


def exact(found: Point) -> Quality:
    return replace(found.quality, agreement=100.0, expected_drop=0.0)


def test_points_off_the_front_are_hollow():
    axes = Figure().add_subplot()
    front.draw_search(axes, result())
    hollow = [
        place
        for line in axes.get_lines()
        if line.get_markerfacecolor() == "white"
        for place in line.get_xydata().tolist()
    ]
    assert hollow == [[1600, 1.5]]


sizes = st.integers(1_000, 1_050) | st.integers(1_000, 100_000)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(sizes, st.floats(-1, 30)), min_size=1, max_size=18))
def test_labels_hide_neither_each_other_nor_marks(places: list[tuple[int, float]]):
    points = tuple(point("allocated", 2 + i / 8, *place) for i, place in enumerate(sorted(places)))
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    front.draw_search(axes, result(points))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    drops = front._telling_drops(points) or [p.quality.divergence for p in points]
    marks = axes.transData.transform(
        np.array([(p.flash_bytes, drop) for p, drop in zip(points, drops, strict=True)])
    )
    assert not any(box.count_contains(marks) for box in boxes)
    assert boxes or len(points) > 1
