"""What is said about other arenas."""

from microlut.plan import Point
from microlut.show.curve import curve_lines

CURVE = [Point(9_000, 200), Point(9_900, 110), Point(10_000, 100), Point(64_000, 73)]


def test_other_arenas_are_compared_with_the_present_one():
    assert curve_lines(CURVE, CURVE[2]) == [
        "with another arena (--max-ram):",
        "   9,000 bytes: 100 % slower",
        "   9,900 bytes: 10 % slower",
        "  64,000 bytes: 27 % faster",
    ]


def test_what_changes_nothing_is_left_out():
    assert (
        curve_lines(
            [Point(900, 1_005), Point(1_000, 1_000), Point(9_000, 991)], Point(1_000, 1_000)
        )
        == []
    )
    found = curve_lines(
        [Point(1_000, 1_000), Point(2_000, 980), Point(3_000, 975)], Point(1_000, 1_000)
    )
    assert found[1:] == ["  2,000 bytes: 2 % faster"]
