"""write_figure: where it writes, and what it refuses before anything is drawn."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from microlut.errors import InvalidInput, ToolMissing
from microlut.show.pictures import figure
from microlut.show.pictures.figure import write_figure


def not_drawn(_: object) -> None:
    raise AssertionError("drawn")


def test_folder_of_the_picture_is_made(tmp_path: Path):
    write_figure(lambda axes: axes.plot([1, 2]), "title", tmp_path / "a" / "b.svg")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.svg"]


@pytest.mark.parametrize("name", ["picture.pdf", "picture", ".svg"])
def test_other_formats_are_refused_before_drawing(tmp_path: Path, name: str):
    with pytest.raises(InvalidInput, match=r"pictures are \.png or \.svg files"):
        write_figure(not_drawn, "title", tmp_path / name)


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=r"a\.svg: cannot be written .*choose another file"):
        write_figure(not_drawn, "title", tmp_path / "file" / "below" / "a.svg")


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_picture_is_replaced_unless_somebody_changed_it(tmp_path: Path, kind: str):
    path = tmp_path / f"a.{kind}"
    for _ in range(2):
        write_figure(lambda axes: axes.plot([1, 2]), "title", path)
    drawn = path.read_bytes()
    for other in (drawn.replace(b"microlut", b"Microlut"), drawn[:200] + drawn[201:], b"", b"mine"):
        path.write_bytes(other)
        with pytest.raises(InvalidInput, match=f"a.{kind}: is there and not a picture as microlut"):
            write_figure(not_drawn, "title", path)
        assert path.read_bytes() == other


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_signed_picture_is_still_a_picture(tmp_path: Path, kind: str):
    path = tmp_path / f"a.{kind}"
    write_figure(lambda axes: axes.plot([1, 2]), "title", path)
    if kind == "svg":
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    else:
        with Image.open(path) as image:
            image.load()
            assert "microlut" in image.info


def test_failed_drawing_leaves_nothing(tmp_path: Path):
    with pytest.raises(AssertionError):
        write_figure(not_drawn, "title", tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())


def test_missing_matplotlib_is_told_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(figure, "find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match=r"a\.svg: pictures need matplotlib.*microlut\[plots\]"):
        write_figure(not_drawn, "title", tmp_path / "a.svg")
