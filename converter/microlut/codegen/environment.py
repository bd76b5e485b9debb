"""The template environment of all stages: strict about names, with C literals as filters."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import jinja2

from microlut.codegen.literals import array_lines, float_literal, real, string_literal
from microlut.codegen.names import comment
from microlut.support.resources import data_folder


def environment() -> jinja2.Environment:
    """Return the environment of microlut's templates, which compiles each of them once."""
    return _environment(data_folder("templates"))


@cache
def _environment(folder: Path) -> jinja2.Environment:
    made = jinja2.Environment(  # nosec B701 # makes C, not HTML
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    made.filters.update(
        array_lines=array_lines,
        float_literal=float_literal,
        string_literal=string_literal,
        comment=comment,
        real=real,
    )
    made.globals["count"] = math.prod
    return made
