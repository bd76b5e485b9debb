"""Format numbers as C literals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_LINE = 16


def array_lines(values: NDArray[np.integer]) -> Iterator[str]:
    """Yield the values as comma-separated lines of 16 for an initializer.

    There are no blanks, since the text of a large network sets the peak memory of a conversion.
    C has no literal for INT32_MIN, so it is written as an expression.
    """
    flat = values.ravel()
    for start in range(0, flat.size, _LINE):
        yield ",".join(map(_integer, flat[start : start + _LINE].tolist())) + ","


def _integer(value: int) -> str:
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)


def float_literal(value: float) -> str:
    """Return a C float literal that reads back as the same single-precision number.

    Example:
        >>> float_literal(0.5), float_literal(1.0)
        ('0.5f', '1.0f')
    """
    return f"{float(str(np.float32(value)))!r}f"


def string_literal(text: str) -> str:
    r"""Return text as a C string literal in UTF-8, of ASCII characters only.

    Three digits end an octal escape, whatever follows it; a question mark could begin a trigraph.

    Example:
        >>> print(string_literal('a "b" \\ ?'), string_literal("Größe"))
        "a \"b\" \\ \?" "Gr\303\266\303\237e"
    """
    known = {'"': '\\"', "\\": "\\\\", "?": "\\?"}
    plain = "".join(
        known.get(chr(byte), chr(byte)) if 32 <= byte < 127 else f"\\{byte:03o}"
        for byte in text.encode()
    )
    return f'"{plain}"'


def real(value: float) -> str:
    """Return a number for a comment, with six digits.

    Example:
        >>> real(0.1234567891), real(3.0)
        ('0.123457', '3')
    """
    return f"{value:.6g}"
