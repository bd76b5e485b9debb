"""Start CMake and Ninja from usable paths and in a clean environment."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from microlut.errors import BuildFailed, InvalidInput
from microlut.support.system import end_group, kill_group, kill_session

_MOST_SECONDS, _ENDING_SECONDS = 900.0, 10.0
_UNUSABLE = re.compile(r"""[;"\\|\n]""")


def check_program(program: Path) -> None:
    """Raise InvalidInput for a program in a folder that CMake would misread."""
    found = _UNUSABLE.search(str(program))
    if found:
        raise InvalidInput(
            f"{program}: CMake cannot use a program with {found[0]!r} in its path; "
            "install it in another folder"
        )


def run_program(
    command: list[str], variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program with its messages in English and without the user's compiler flags.

    Args:
        command: Its path and arguments.
        variables: What to add to its environment.

    Raises:
        BuildFailed: It does not come to an end, such as with a compiler that waits for a licence.
    """
    changed = {"CFLAGS", "CPPFLAGS", "LDFLAGS", "CC", "NINJA_STATUS"}
    environment = {k: v for k, v in os.environ.items() if k not in changed}
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**environment, "LC_ALL": "C", **(variables or {})},
        start_new_session=True,
    ) as process:
        try:
            messages, _ = process.communicate(timeout=_MOST_SECONDS)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise BuildFailed(
                f"{Path(command[0]).name} did not end within {_MOST_SECONDS:g} s and was stopped; "
                "look whether the compiler works"
            ) from error
        except BaseException:  # such as Ctrl-C; the folder is about to be removed
            end_group(process)
            process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, messages)


def _end(process: subprocess.Popen[str]) -> None:
    """End a program, and what it has started, also if that takes no notice."""
    end_group(process)
    try:
        process.communicate(timeout=_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        kill_group(process)
    kill_session(process.pid)  # Ninja gives each compiler a group of its own
    assert process.stdout is not None
    process.stdout.close()
