"""Write a picture as a PNG or SVG file, with the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from microlut.errors import InvalidInput, ToolMissing
from microlut.support.files import check_file, write_new_file
from microlut.support.signed import is_as_signed, signed

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
        title: Title above them.
        path: A .png or .svg file, written completely or not at all; its folder is made if missing.

    Raises:
        InvalidInput: It has another extension, cannot be written, or is the user's file.
    """
    check_picture(path)
    picture = signed(render(draw, title, path.suffix.lower()[1:]))
    write_new_file(path, picture)


def check_picture(path: Path) -> None:
    """Check that a picture can have that name and be written there.

    Raises:
        InvalidInput: It cannot.
        ToolMissing: matplotlib is not installed.
    """
    if path.suffix.lower() not in _FORMATS:
        raise InvalidInput(f"{path}: pictures are {' or '.join(_FORMATS)} files; give one of these")
    if find_spec("matplotlib") is None:
        raise ToolMissing(
            f"{path}: pictures need matplotlib, which is not installed; "
            "install it with: pip install 'microlut[plots]'"
        )
    check_file(path, is_as_signed, "a picture")


def render(draw: Callable[[Axes], None], title: str, kind: str) -> bytes:
    """Return a picture as the bytes of a file, whose kind is "png" or "svg"."""
    # Imported here, because it takes half a second to load.
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
