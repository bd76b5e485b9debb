"""Clean untrusted text before it is printed or written into generated files.

Control characters could end a comment or control a terminal, invisible ones reorder what a reader
sees, and lone surrogates have no UTF-8 form. `str.isprintable` refuses all of them and line breaks.
"""

from __future__ import annotations


def is_plain(text: str) -> bool:
    r"""Return whether text is one line of visible characters.

    >>> [is_plain(text) for text in ("Größe 2/3", "a\nb", "a\u202eb", "a\ud800b")]
    [True, False, False, False]
    """
    return text.isprintable()


def plain(text: str) -> str:
    r"""Return text with an underscore for each character that `is_plain` refuses.

    >>> plain("layer\n1")
    'layer_1'
    """
    return text if is_plain(text) else "".join(c if is_plain(c) else "_" for c in text)


def visible_lines(text: str) -> str:
    """Return text of several lines with such characters escaped, but for the line breaks."""
    return "\n".join(map(visible, text.split("\n")))


def visible(text: str) -> str:
    r"""Return text with such characters escaped as in Python.

    >>> print(visible("a\x1b[31m"))
    a\x1b[31m
    """
    return text if is_plain(text) else "".join(c if is_plain(c) else repr(c)[1:-1] for c in text)
