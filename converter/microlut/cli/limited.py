"""The limits of what is read, as options of every verb that reads models or samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer

from microlut.cli.options import size
from microlut.support.limits import limits

_OPTIONS = {
    "model_bytes": Annotated[
        int | None,
        typer.Option(
            metavar="SIZE",
            parser=size,
            help="Most bytes of the model's arrays, such as 2G.",
            show_default="1G",
        ),
    ],
    "sample_bytes": Annotated[
        int | None,
        typer.Option(
            metavar="SIZE",
            parser=size,
            help="Most bytes of samples from a file, such as 4G.",
            show_default="2G",
        ),
    ],
}


def limited(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator of verbs that adds options of these names and keeps to them."""
    return partial(_limited, names)


def _limited(names: Sequence[str], verb: Callable[..., None]) -> Callable[..., None]:
    own = signature(verb, eval_str=True)
    kept = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own.parameters.values()]
    more = [
        Parameter(f"max_{name}", Parameter.KEYWORD_ONLY, default=None, annotation=_OPTIONS[name])
        for name in names
    ]

    @wraps(verb)
    def within(**options: Any) -> None:  # noqa: ANN401 (of any type that an option has)
        with limits(**{name: options.pop(f"max_{name}") for name in names}):
            verb(**options)

    # what typer looks at
    parameters = [*kept[:-1], *more, *kept[-1:]]  # --json is the last one
    within.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    within.__annotations__ = {each.name: each.annotation for each in parameters}
    return within
