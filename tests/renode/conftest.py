"""The digits example on boards in a real Renode, where it is installed."""

from __future__ import annotations

import pytest

from microlut.machine.tools import ARM_GCC, NEWLIB, RENODE, find_tool


@pytest.fixture(scope="session")
def renode():
    """Return Renode's path, or skip with how to install it."""
    for tool in (ARM_GCC, NEWLIB, RENODE):
        if find_tool(tool) is None:
            pytest.skip(f"not run in Renode: {tool.name} is missing ({tool.install_command})")
    return find_tool(RENODE)
