"""What is said about an exception: one line, and the exit code that is documented."""

import pytest
import typer

from microlut import errors
from microlut.cli import EPILOG
from microlut.cli.failures import Terminated, describe

DOCUMENTED = {
    errors.InvalidInput: (2, "bad command line or input"),
    errors.UnsupportedModel: (3, "unsupported model"),
    errors.InvalidBoard: (4, "unknown or invalid board"),
    errors.DoesNotFit: (5, "does not fit"),
    errors.ToolMissing: (6, "tool missing"),
    errors.BuildFailed: (7, "build failed"),
    errors.RunFailed: (8, "run failed"),
    errors.DeviceFailed: (9, "board, probe or port failed"),
}


def test_every_kind_of_error_is_documented():
    assert set(DOCUMENTED) == set(errors.MicrolutError.__subclasses__())


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: kind.__name__)
def test_describe_gives_the_documented_exit_code(kind):
    code, words = DOCUMENTED[kind]
    assert describe(kind("what is wrong")) == ("what is wrong", code)
    assert f"{code} {words}" in EPILOG


def test_describe_termination_gives_the_documented_exit_code():
    assert describe(Terminated()) == ("terminated", 128 + 15)
    assert "143 terminated" in EPILOG


def test_describe_makes_one_line():
    message, _ = describe(errors.RunFailed("first\n  second\tthird"))
    assert message == "first second third"


def test_describe_bad_parameter_names_help():
    assert describe(typer.BadParameter("too large")) == (
        *("Invalid value: too large; see microlut --help",),
        2,
    )


def test_describe_file_system_error_names_the_file():
    error = OSError(28, "No space left on device", "/tmp/x")
    assert describe(error) == ("/tmp/x: No space left on device", 2)
    assert describe(OSError("strange")) == ("strange", 2)


def test_describe_unexpected_error_asks_for_a_report():
    message, code = describe(KeyError("x"))
    assert "internal error: KeyError: 'x'" in message
    assert code == 70
