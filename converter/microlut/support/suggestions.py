"""Suggest known names for an unknown one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

_MOST = 6
_LONG = 5  # letters; shorter names are part of too many words
_TELLING = 4  # letters that a matching word needs
_ALIKE = 0.6  # difflib's own measure of close matches


def suggestions(name: str, known: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return known names that contain a name, or else similar ones, or ones that share a word.

    Letter case, spaces and punctuation do not matter.

    Args:
        name: The unknown name.
        known: The known names, each with its aliases.

    >>> suggestions("STM32F4", {"nucleo-f446re": ["STM32F446RET6"], "host": ["This computer"]})
    ('nucleo-f446re',)
    """
    given = _plain(name)
    called = {one: [_plain(text) for text in (one, *others)] for one, others in known.items()}
    if not given:
        return ()
    within = [one for one, texts in called.items() if any(_holds(given, text) for text in texts)]
    if within:
        return tuple(sorted(within, key=lambda one: given not in called[one][0])[:_MOST])
    likeness = {one: max(_likeness(given, text) for text in called[one]) for one in called}
    near = sorted(
        (one for one in called if likeness[one] >= _ALIKE), key=lambda one: -likeness[one]
    )
    words = [word for word in re.findall(r"[^\W_]+", name.lower()) if len(word) >= _TELLING]
    partly = [
        one
        for one, texts in called.items()
        if any(word in text for word in words for text in texts)
    ]
    return tuple((near or partly)[:_MOST])


def did_you_mean(name: str, known: Mapping[str, Iterable[str]]) -> str:
    """Return a question for an error message, with a space after it; "" without suggestions.

    >>> did_you_mean("m4", {"cortex-m4f": [], "cortex-m7": []})
    'did you mean cortex-m4f? '
    """
    found = suggestions(name, known)
    return f"did you mean {' or '.join(found)}? " if found else ""


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text.lower())


def _holds(given: str, text: str) -> bool:
    return given in text or (len(text) >= _LONG and text in given)


def _likeness(given: str, text: str) -> float:
    return difflib.SequenceMatcher(None, given, text).ratio() if text else 0.0
