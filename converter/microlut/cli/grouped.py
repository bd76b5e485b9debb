"""Options that several verbs share, as dataclasses: typer sees each field as an option."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that takes the fields of its dataclass parameters one by one."""
    hints = get_type_hints(verb, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[Parameter] = []
    for parameter in signature(verb).parameters.values():
        if (kind := groups.get(parameter.name)) is None:
            kept = {"annotation": hints[parameter.name], "kind": Parameter.KEYWORD_ONLY}
            parameters.append(parameter.replace(**kept))
        else:
            parameters += _options(kind)

    @wraps(verb)
    def flat(**options: Any) -> None:  # noqa: ANN401 (of any type that an option has)
        for name, kind in groups.items():
            values = {field.name: options.pop(field.name) for field in fields(kind)}
            options[name] = kind(**values)
        verb(**options)

    # what typer looks at
    flat.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _options(kind: Any) -> list[Parameter]:  # noqa: ANN401 (a dataclass)
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(
            field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(kind)
    ]
