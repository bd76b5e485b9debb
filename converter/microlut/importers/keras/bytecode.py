"""Read what a Lambda layer computes from its byte code, without running it.

Keras stores a Lambda's function as a marshalled code object. Here it is data (`marshalled.py`), and
a stack of expressions instead of values follows the instructions. The result is an expression, such
as `tf.nn.relu6(x + 3.0) / 6.0`, if every instruction is one of a few of CPython 3.6 to 3.14.
"""

from __future__ import annotations

import ast
import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from microlut.importers.keras.marshalled import Code, NotKnown, code_of
from microlut.importers.keras.newer_code import (
    CALL_WITH_NAMES,
    NULL_ABOVE,
    SMALL_INTEGER,
    as_older,
)

_MOST_BYTES = 1 << 16
_MOST_STEPS = 200
_MOST_PARTS = 500  # of an expression; variables that are read twice are in it twice


def function_of(text: str) -> tuple[tuple[str, ...], str] | None:
    """Return the names of a function's arguments and its expression; None if not understood.

    Args:
        text: The code object, marshalled and in base 64.
    """
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        if len(data) > _MOST_BYTES:
            return None
        code = code_of(data)
        expression = _Stack(code).run()
    except (NotKnown, binascii.Error, LookupError, TypeError, ValueError):
        return None
    return tuple(code.variables[: code.arguments]), expression


# Instructions and operators by their numbers.
_BINARY = {19: ast.Pow, 20: ast.Mult, 23: ast.Add, 24: ast.Sub, 27: ast.Div}
_BINARY_OP = {0: ast.Add, 5: ast.Mult, 8: ast.Pow, 10: ast.Sub, 11: ast.Div}
_IN_PLACE = 13  # added to the number of an operation that is written as x += y
_NULL = ast.Name("<null>")  # stands below a function that is no method
_SKIPPED = (0, 151, 166)  # CACHE, RESUME, PRECALL of CPython 3.11
_PRECALL, _RETURN = 166, 83


@dataclass(slots=True)
class _Stack:
    """The stack of a function in execution, with expressions instead of values."""

    code: Code
    stack: list[ast.expr] = field(default_factory=list)
    local: dict[str, ast.expr] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    made: list[tuple[ast.expr, int]] = field(default_factory=list)

    def run(self) -> str:
        """Return the expression of what is returned."""
        code = self.code
        self.local = {name: ast.Name(name) for name in code.variables[: code.arguments]}
        steps = list(zip(code.instructions[::2], code.instructions[1::2], strict=True))
        if len(steps) > _MOST_STEPS:
            raise NotKnown
        if code.is_new:
            steps = as_older(steps)
        known = self._new(steps) if code.is_new else self._old()
        for opcode, argument in steps:
            if opcode == _RETURN:
                (result,) = self.stack
                return ast.unparse(ast.fix_missing_locations(ast.Expression(result)))
            if not (code.is_new and opcode in _SKIPPED):
                if opcode not in known:
                    raise NotKnown
                known[opcode](argument)
        raise NotKnown

    def _both(self) -> dict[int, Callable[[int], None]]:
        """Return the instructions that all versions have."""
        return {
            11: lambda _: self._push(ast.UnaryOp(ast.USub(), self._pop())),
            25: lambda _: self._subscript(self._pop()),
            100: self._constant,
            102: lambda n: self._push(ast.Tuple(self._many(n), ast.Load())),
            103: lambda n: self._push(ast.List(self._many(n), ast.Load())),
            108: self._module,
            124: lambda i: self._push(self.local[self.code.variables[i]]),
            125: lambda i: self.local.update({self.code.variables[i]: self._pop()}),
            133: self._slice,
        }

    def _old(self) -> dict[int, Callable[[int], None]]:
        """Return the instructions of CPython 3.6 to 3.10."""
        binary = {number: partial(self._binary, kind) for number, kind in _BINARY.items()}
        return {
            **self._both(),
            **binary,
            106: self._attribute,
            116: lambda i: self._push(ast.Name(self.code.names[i])),
            131: lambda n: self._call(n, 0),
            141: self._call_with_keywords,
            160: self._attribute,
            161: lambda n: self._call(n, 0),
        }

    def _new(self, steps: Sequence[tuple[int, int]]) -> dict[int, Callable[[int], None]]:
        """Return the instructions of CPython 3.11 and newer, those of 3.13 as in 3.12."""
        is_312 = all(opcode != _PRECALL for opcode, _ in steps)
        return {
            **self._both(),
            2: lambda _: self._push(_NULL),
            27: lambda _: self._slice_of(),
            106: self._attribute_or_method if is_312 else self._attribute,
            116: self._global,
            122: lambda n: self._binary(_BINARY_OP[n % _IN_PLACE], n),
            160: self._method,
            171: lambda n: self._call(n, len(self.keywords)),
            172: self._keywords,
            CALL_WITH_NAMES: self._call_with_keywords,
            SMALL_INTEGER: lambda n: self._push(ast.Constant(n)),
            NULL_ABOVE: lambda _: self.stack.insert(-1, _NULL),  # always below here
        }

    def _push(self, value: ast.expr) -> None:
        sizes = {id(each): size for each, size in self.made}
        size = 1 + sum(sizes.get(id(part), 1) for part in ast.iter_child_nodes(value))
        if size > _MOST_PARTS:
            raise NotKnown
        self.made.append((value, size))
        self.stack.append(value)

    def _pop(self) -> ast.expr:
        return self.stack.pop()

    def _many(self, count: int) -> list[ast.expr]:
        if count > len(self.stack):
            raise NotKnown
        found = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return found

    def _constant(self, number: int) -> None:
        value = self.code.constants[number]
        items = value if isinstance(value, tuple) else (value,)
        made = [_constant(item) for item in items]
        self._push(ast.Tuple([*made], ast.Load()) if isinstance(value, tuple) else made[0])

    def _module(self, number: int) -> None:
        """Import a module: what is imported from it, and the level, are constants below it."""
        self._many(2)
        self._push(ast.Name(self.code.names[number]))

    def _global(self, number: int) -> None:
        if number & 1:
            self._push(_NULL)
        self._push(ast.Name(self.code.names[number >> 1]))

    def _attribute(self, number: int) -> None:
        self._push(ast.Attribute(self._pop(), self.code.names[number], ast.Load()))

    def _method(self, number: int) -> None:
        self._attribute(number)
        self.stack.insert(-1, _NULL)

    def _attribute_or_method(self, number: int) -> None:
        (self._method if number & 1 else self._attribute)(number >> 1)

    def _binary(self, kind: type[ast.operator], _: int) -> None:
        left, right = self._many(2)
        self._push(ast.BinOp(left, kind(), right))

    def _subscript(self, place: ast.expr) -> None:
        self._push(ast.Subscript(self._pop(), place, ast.Load()))

    def _slice(self, count: int) -> None:
        ends = self._many(count)
        self._push(ast.Slice(*(None if _is_none(end) else end for end in ends)))

    def _slice_of(self) -> None:
        self._slice(2)
        self._subscript(self._pop())

    def _keywords(self, number: int) -> None:
        self.keywords = self.code.constants[number]

    def _call_with_keywords(self, count: int) -> None:
        names = self._pop()
        if not isinstance(names, ast.Tuple):
            raise NotKnown
        self.keywords = tuple(str(ast.literal_eval(name)) for name in names.elts)
        self._call(count, len(self.keywords))

    def _call(self, count: int, named: int) -> None:
        values, names = self._many(count), self.keywords
        self.keywords = ()
        function = self._pop()
        if self.code.is_new and self._pop() is not _NULL:
            raise NotKnown
        first = len(values) - named
        keywords = [ast.keyword(*each) for each in zip(names, values[first:], strict=True)]
        self._push(ast.Call(function, values[:first], keywords))


def _constant(item: object) -> ast.expr:
    if isinstance(item, slice):
        ends = (item.start, item.stop, item.step)
        return ast.Slice(*(None if end is None else _constant(end) for end in ends))
    if not isinstance(item, int | float | str | type(None) | type(...)):
        raise NotKnown
    return ast.Constant(item)


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None
