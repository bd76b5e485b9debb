"""Draw a result: what a search measured, or the fit of a layer."""

from __future__ import annotations

from microlut.conversion.fits import LayerFit
from microlut.conversion.front import SearchResult
from microlut.errors import InvalidInput
from microlut.show.pictures.figure import render
from microlut.show.pictures.front import draw_front, draw_search
from microlut.show.pictures.histogram import draw_fit, draw_histogram
from microlut.support.arguments import PathLike, brief, path_of


def draw(result: SearchResult | LayerFit, picture: PathLike) -> None:
    """Draw what `search` returned, or one of the fits that `fit` returned.

    Args:
        result: What to draw.
        picture: A .png or .svg file, written completely or not at all; its folder is made if
            missing.

    Raises:
        InvalidInput: The file has another extension, or cannot be written.
    """
    path = path_of("picture", picture)
    if isinstance(result, SearchResult):
        draw_front(result, _title(result), path)
    elif isinstance(result, LayerFit):
        draw_fit(result.book, result.weights, _title(result), path, result.granularity)
    else:
        raise InvalidInput(
            f"result is {brief(result)}; give what microlut.search returned, or one of the fits "
            "that microlut.fit returned"
        )


def drawn(result: SearchResult | LayerFit, kind: str) -> bytes:
    """Return the same picture as the bytes of a "png" or "svg" file."""
    if isinstance(result, SearchResult):
        return render(lambda axes: draw_search(axes, result), _title(result), kind)
    fit = result.book, result.weights, result.granularity
    return render(lambda axes: draw_histogram(axes, *fit), _title(result), kind)


def _title(result: SearchResult | LayerFit) -> str:
    if isinstance(result, SearchResult):
        return f"{result.model}: accuracy against bytes"
    return result.title
