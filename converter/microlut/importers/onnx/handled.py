"""What an operator makes: a constant, the handler's tensors, or an error that says why none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from microlut.errors import InvalidInput
from microlut.importers.onnx.folding import folded, shape_of
from microlut.importers.onnx.node import Operator
from microlut.importers.onnx.operators import HANDLERS, advice_for
from microlut.importers.onnx.places import same_places
from microlut.importers.onnx.quantized import KEEPS_INTEGERS, check_integers
from microlut.importers.onnx.use import Use
from microlut.importers.onnx.values import Live, Value

NOT_SUPPORTED = "the operator is not supported"
_UNFIT = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


def made_by(use: Use, node: Any, kind: str) -> Iterable[Value | None]:  # noqa: ANN401
    """Return the outputs of an operator."""
    operator = use.operator
    try:
        size = shape_of(operator, use.values[0] if use.values else None)
        if size is not None:
            if any(isinstance(v, Live) and v.batch is not None for v in use.values):
                use.check_one()
            return [size]
        constants = folded(operator, node, use.values)
        return _handled(use, kind) if constants is None else constants
    except InvalidInput:
        if any(isinstance(value, Live) for value in use.values):
            use.check_one()  # which may be the reason
        raise
    except _UNFIT as error:
        text = " ".join(str(error).split())[:80]
        raise operator.invalid(f"its inputs or attributes do not fit ({text})") from error


def _handled(use: Use, kind: str) -> Iterable[Value | None]:
    """Return the outputs of an operator that reads what the inputs determine."""
    operator, handler = use.operator, HANDLERS.get(kind)
    if handler is None:
        return refuse(operator, kind)
    places = same_places(use, kind)
    if places is not None:
        return places
    stored = next((v.stored for v in use.values if isinstance(v, Live) and v.stored), None)
    if stored is not None:
        check_integers(use, kind, stored)
    made = list(handler(use))
    had = any(isinstance(v, Live) and v.batch is not None for v in use.values)
    if had and any(isinstance(v, Live) and v.batch is None for v in made):
        use.check_one()
    if stored is None or kind not in KEEPS_INTEGERS:
        return made
    return [_stored(value, stored) for value in made]


def _stored(value: Value | None, stored: Any) -> Value | None:  # noqa: ANN401
    return replace(value, stored=stored) if isinstance(value, Live) else value


def refuse(operator: Operator, kind: str) -> Sequence[Value | None]:
    """Raise the error for an operator that is not supported."""
    raise operator.unsupported(NOT_SUPPORTED, advice_for(kind))
