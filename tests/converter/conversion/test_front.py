"""A front as text and JSON: the advised points, and the options that make them."""

from dataclasses import replace

import pytest

from microlut.conversion.findings import Finding
from microlut.conversion.front import Point, PointKind, SearchResult
from microlut.quantize.figures import LabelQuality, Quality
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
    assert search_text(result(POINTS[:1])).endswith("None is expected to lose 1 point at most")


VALUES = (point("uniform", 4, 10, None), point("uniform", 8, 20, None))


def test_values_have_their_noise_and_largest_error_and_no_drop():
    text = search_text(
        result((replace(VALUES[0], quality=Quality(0.25, None, None, 9, None, 0.5)),))
    )
    header, row, *_ = text.splitlines()
    assert header.split()[-5:] == ["SNR", "largest", "error", "divergence", "front"]
    assert row.split() == ["4", "bits", "3.99", "10", "bytes", "6.0", "dB", "0.5", "0.25", "*"]
    assert text.endswith("None has an SNR of 20 dB or more")


@pytest.mark.parametrize(("least", "bits"), [(6.0, 4), (7.0, 8), (9.1, None)])
def test_smallest_point_with_little_noise_is_advised_of_values(least: float, bits: int | None):
    found = replace(result(VALUES), min_snr=least)
    assert (found.advised and found.advised.asked) == bits
    assert bits is None or search_text(found).endswith(
        f"Smallest that has an SNR of {least:g} dB or more: microlut convert ... --bits {bits}"
    )


def test_limit_of_the_drop_decides_what_is_advised():
    assert replace(result(), max_drop=9.5).advised is POINTS[0]
    assert replace(result(), max_drop=0.5).advised is POINTS[3]
    assert result().as_json()["max_drop"] == 1.0


def test_worst_label_counts():
    labels = tuple(
        LabelQuality(i, 0.01, 99.0, drop, 30.0, 0.1) for i, drop in enumerate((0.5, 2.0))
    )
    quality = Quality(0.01, None, None, 9, None, 0.1, labels)
    found = result((replace(VALUES[0], quality=quality),))
    assert found.advised is None
    row = search_text(found).splitlines()[1]
    assert row.split() == ["4", "bits", "3.99", "10", "bytes", "2.00", "20.0", "dB", "0.01", "*"]


def test_findings_are_in_the_json():
    few = Finding("few-inputs", "", "8 calibration inputs", {"different": 8})
    found = replace(result(), findings=(few,)).as_json()
    assert found["warnings"] == ["8 calibration inputs"]
    assert found["findings"][0]["figures"] == {"different": 8}
