"""Turn failures into one line and an exit code."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from types import FrameType

import typer

from microlut.errors import InvalidInput, MicrolutError
from microlut.support.system import TERMINATING
from microlut.support.texts import visible

EXIT_DISAGREES = 1
EXIT_WARNED = 1  # with --strict
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 128 + signal.SIGTERM
_EXIT_BAD_COMMAND = 2
_EXIT_INTERNAL = 70

# What typer raises for a bad command line. Depending on its version, it contains click or uses the
# real one; this finds the class in both.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


class Terminated(BaseException):
    """The process was asked to end. No `Exception`, so that nobody handles it as a failure."""


def raise_when_terminated() -> None:
    """Let SIGTERM and SIGHUP raise `Terminated`: emulators are stopped and folders removed."""
    for number in TERMINATING:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, _terminate)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    for number in TERMINATING:  # a second one must not disturb the clean-up
        signal.signal(number, signal.SIG_IGN)
    raise Terminated


def describe(error: Exception | Terminated, arguments: Sequence[str] = ()) -> tuple[str, int]:
    """Return an error's message, in one line, and exit code.

    Args:
        error: What was raised.
        arguments: The command line; of options in it, messages have the names as typed.
    """
    message, code = _message_and_code(error)
    if isinstance(error, InvalidInput):
        message = _as_typed(message, arguments)
    return visible(" ".join(message.split())), code


def _as_typed(message: str, arguments: Sequence[str]) -> str:
    """Return a message about `max_drop` or `input range` as one about `--max-drop` ..."""
    for argument in arguments:
        option = argument.split("=")[0]
        if not option.startswith("--"):
            continue
        names = (option[2:].replace("-", " "), f"budget.{option[2:].replace('-', '_')}")
        for name in names:
            for verb in (" is ", ": "):
                if message.startswith(name + verb):
                    return option + message[len(name) :]
    return message


def _message_and_code(error: Exception | Terminated) -> tuple[str, int]:
    if isinstance(error, Terminated):
        return "terminated", EXIT_TERMINATED
    if isinstance(error, MicrolutError):
        return str(error), error.exit_code
    if isinstance(error, _UsageError):
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "microlut"
        message = getattr(error, "format_message", error.__str__)().rstrip(".")
        return f"{message}; see {command} --help", _EXIT_BAD_COMMAND
    if isinstance(error, OSError):  # such as a full disk
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}", InvalidInput.exit_code
    if isinstance(error, MemoryError):
        return (
            f"not enough memory ({error}); use a smaller model or fewer inputs",
            InvalidInput.exit_code,
        )
    return (
        f"internal error: {type(error).__name__}: {error}; please report it with --debug",
        _EXIT_INTERNAL,
    )
