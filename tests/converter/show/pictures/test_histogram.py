"""draw_fit: what it writes, that it is reproducible, and that a failure leaves nothing behind."""

import re
import struct
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from microlut.errors import InvalidInput
from microlut.quantize.levels.codebook import fit_codebook
from microlut.show.pictures.histogram import draw_fit

WEIGHTS = np.random.default_rng(0).laplace(0.1, 0.3, size=2000)


def drawn(path: Path, weights: np.ndarray = WEIGHTS, bits: int = 3) -> bytes:
    draw_fit(fit_codebook(weights, bits), weights, "layer a & b", path)
    return path.read_bytes()


def words(svg: bytes) -> str:
    """Return the text of an SVG: glyphs are outlines, each text is in a comment beside them."""
    return "\n".join(re.findall(r"<!-- (.*?) -->", svg.decode()))


def test_svg_is_well_formed_and_says_what_was_fitted(tmp_path: Path):
    svg = drawn(tmp_path / "fit.svg")
    ElementTree.fromstring(svg)
    book = fit_codebook(WEIGHTS, 3)
    for wanted in (
        "2,000 weights",
        f"Gaussian, KS {book.ks_gaussian:.4f}",
        f"Laplace, KS {book.ks_laplace:.4f} (chosen)",
        f"below {book.clipping[0]:.3g}, above {book.clipping[1]:.3g}",
        "7 thresholds",
        "8 levels",
        f"mean squared error {book.mse:.4g}, predicted {book.predicted_mse:.4g}",
    ):
        assert wanted in words(svg)


def test_axis_says_what_channels_were_divided_by(tmp_path: Path):
    book = fit_codebook(WEIGHTS, 3)
    draw_fit(book, WEIGHTS, "layer", tmp_path / "fit.svg", "channel")
    texts = words((tmp_path / "fit.svg").read_bytes()).splitlines()
    assert "weight, in multiples of its channel's root mean square" in texts
    assert "weight" in words(drawn(tmp_path / "whole.svg")).splitlines()


def test_levels_and_thresholds_are_all_drawn(tmp_path: Path):
    svg = drawn(tmp_path / "fit.svg").decode()
    groups = re.findall(r'<g id="LineCollection_\d+">(.*?)</g>', svg, re.DOTALL)
    assert sorted(group.count("<path") for group in groups) == [7, 8]


@pytest.mark.parametrize("name", ["fit.svg", "fit.png"])
def test_picture_is_the_same_every_time(tmp_path: Path, name: str):
    assert drawn(tmp_path / name) == drawn(tmp_path / "again" / name)


def test_png_has_its_size(tmp_path: Path):
    png = drawn(tmp_path / "FIT.PNG")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1080, 630)


@pytest.mark.parametrize(
    "weights",
    [np.zeros(1), np.full(9, 3.5), np.array([-1.0, 1.0]), np.append(WEIGHTS, 1e30)],
    ids=["zero", "constant", "two", "outlier"],
)
@pytest.mark.parametrize("bits", [1, 8])
def test_any_weights_can_be_drawn(tmp_path: Path, weights: np.ndarray, bits: int):
    ElementTree.fromstring(drawn(tmp_path / "fit.svg", weights, bits))


def test_far_outlier_is_counted_and_does_not_fill_the_picture(tmp_path: Path):
    weights = np.append(np.random.default_rng(1).normal(size=999), 100.0)
    assert "1 weights are outside the picture" in words(drawn(tmp_path / "fit.svg", weights))


@pytest.mark.parametrize("name", ["fit.pdf", "fit"])
def test_other_formats_are_refused(tmp_path: Path, name: str):
    with pytest.raises(InvalidInput, match=r"pictures are \.png or \.svg files"):
        drawn(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_failure_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "fit.svg").mkdir()
    with pytest.raises(InvalidInput, match="cannot be written"):
        drawn(tmp_path / "fit.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.svg"]


def test_user_settings_do_not_change_the_picture(tmp_path: Path):
    import matplotlib as mpl

    with mpl.rc_context({"lines.linewidth": 9.0, "axes.facecolor": "red"}):
        mine = drawn(tmp_path / "a.svg")
    assert mine == drawn(tmp_path / "b.svg")
