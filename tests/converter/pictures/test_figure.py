"""write_figure: where it writes, and what it refuses before anything is drawn."""

from pathlib import Path

import pytest

from microlut.errors import InvalidInput
from microlut.pictures.figure import write_figure


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
    with pytest.raises(InvalidInput, match=r"file/below: cannot be made .*choose another folder"):
        write_figure(lambda axes: None, "title", tmp_path / "file" / "below" / "a.svg")


def test_failed_drawing_leaves_nothing(tmp_path: Path):
    with pytest.raises(AssertionError):
        write_figure(not_drawn, "title", tmp_path / "a.svg")
    assert not list(tmp_path.iterdir())
