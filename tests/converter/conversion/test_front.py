"""A front as text and JSON: the advised points, and the options that make them."""

import pytest

from microlut.conversion.front import Point, PointKind, SearchResult
from microlut.quantize.figures import Quality
from microlut.show.search import search_text


def point(
    kind: PointKind, asked: float, size: int, drop: float | None, on_front: bool = True
) -> Point:
    agreement = None if drop is None else 100 - drop
    quality = Quality(1 / asked, agreement, drop, 64)
    return Point(kind, asked, asked - 0.01, size, {"conv": int(asked)}, quality, on_front)


POINTS = (
    point("uniform", 2, 1000, 9.0),
    point("allocated", 2.5, 1300, 1.0),
    point("uniform", 3, 1600, 1.5, on_front=False),
    point("uniform", 8, 4096, -0.25),
)


def result(points: tuple[Point, ...] = POINTS, **changes: bool) -> SearchResult:
    return SearchResult("net", **{"synthetic": False, "pinned": False, **changes}, points=points)


def test_table_has_a_row_a_point():
    header, *rows = search_text(result()).splitlines()[:5]
    assert header.split()[:3] == ["weights", "bits", "flash"]
    assert [" ".join(row.split()) for row in rows] == [
        "2 bits 1.99 1,000 bytes 91.00 % 9.00 0.5 *",
        "2.5 bits on average 2.49 1,300 bytes 99.00 % 1.00 0.4 *",
        "3 bits 2.99 1,600 bytes 98.50 % 1.50 0.33",
        "int8 7.99 4,096 bytes 100.25 % -0.25 0.12 *",
    ]


@pytest.mark.parametrize(
    ("synthetic", "words"),
    [(False, "64 calibration inputs, held out"), (True, "64 synthetic inputs")],
)
def test_text_says_what_the_figures_are_of(synthetic: bool, words: str):
    assert f"on {words};" in search_text(result(synthetic=synthetic))


def test_smallest_point_that_loses_one_point_at_most_is_advised():
    assert result().advised is POINTS[1]
    assert search_text(result()).endswith("microlut convert ... --average-bits 2.5")
    assert result().as_json()["advised"] == "2.5 bits on average"


def test_uniform_point_is_made_by_its_bits():
    assert search_text(result(POINTS[3:])).endswith("microlut convert ... --bits 8")


def test_pinned_layers_are_not_overridden_by_the_advice():
    assert "--bits" not in search_text(result(POINTS[3:], pinned=True))
    assert "bits = 8 under [defaults]" in search_text(result(POINTS[3:], pinned=True))
    assert search_text(result(pinned=True)).endswith("--average-bits 2.5")


def test_nothing_is_advised_where_all_lose_more():
    assert result(POINTS[:1]).advised is None
    assert search_text(result(POINTS[:1])).endswith("None is expected to lose 1 point or less")


def test_network_without_classes_has_neither_drop_nor_advice():
    text = search_text(result((point("uniform", 4, 10, None),)))
    assert text.splitlines()[1].split() == [
        "4",
        "bits",
        "3.99",
        "10",
        "bytes",
        "6.0",
        "dB",
        "0.25",
        "*",
    ]
    assert len(text.splitlines()) == 3
