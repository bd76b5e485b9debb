"""Writes a picture: what draws on its axes in, a PNG or SVG file out, the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from microlut.errors import InvalidInput
from microlut.files import write_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FORMATS = (".png", ".svg")
_INCHES = (7.2, 4.2)
_STYLE: list[str | dict[str, object]] = [
    "default",
    {"svg.hashsalt": "microlut", "font.size": 9},
]  # never the user's


def write_figure(draw: Callable[[Axes], None], title: str, path: Path) -> None:
    """Write a picture of one pair of axes.

    Args:
        draw: Draws on the axes.
        title: Above them.
        path: A .png or .svg file, written whole or not at all; its folder is made if need be.

    Raises:
        InvalidInput: another extension, or the file cannot be written.
    """
    check_picture(path)
    picture = _render(draw, title, path.suffix.lower()[1:])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(
            f"{path.parent}: cannot be made ({error.strerror}); choose another folder"
        ) from error
    write_file(path, picture)


def check_picture(path: Path) -> None:
    """Raise InvalidInput if no picture can have that name."""
    if path.suffix.lower() not in _FORMATS:
        raise InvalidInput(f"{path}: pictures are {' or '.join(_FORMATS)} files; give one of these")


def _render(draw: Callable[[Axes], None], title: str, kind: str) -> bytes:
    # Only here: it takes half a second to load, which no other command should wait for.
    from matplotlib import style
    from matplotlib.figure import Figure

    buffer = io.BytesIO()
    with style.context(_STYLE):
        figure = Figure(figsize=_INCHES, layout="constrained")
        axes = figure.add_subplot()
        figure.suptitle(title, fontsize=10, parse_math=False)  # layers may be called $x$
        draw(axes)
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata)
    return buffer.getvalue()
