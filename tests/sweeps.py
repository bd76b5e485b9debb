"""Cases that only `make test-all` runs."""

from __future__ import annotations

import pytest


def in_sweeps(*cases: object) -> list[object]:
    """Return cases of a parametrized test, marked as a sweep; tuples are several values."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.sweep)
        for case in cases
    ]
