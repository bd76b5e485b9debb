"""Wrong arguments of the public functions: nothing but a MicrolutError of one line is raised.

What would take long, or write outside of the test's folder, is replaced: arguments are checked
before that.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import microlut
from digits_example import CALIBRATION, MODEL, SHAPE, TEST, conversion
from microlut.conversion.options import ConvertOptions, options_of
from microlut.errors import InvalidInput, MicrolutError

FUNCTIONS = (
    *("compare", "tune", "init", "report"),
    *("analyze", "as_samples", "build", "convert", "deploy", "draw", "export", "fit"),
    *("fit_codebook", "flash"),
    *("load_board", "load_samples", "read", "run", "search", "verify", "write", "Budget"),
)
# A callback checks its inputs when `fit` calls it, and a block of limits when it begins.
WITHOUT_ARGUMENTS = {"boards", "list_boards", "conversion_callback", "limits"}


class Reached(InvalidInput):  # no kind of its own, which the documentation would have to list
    """All arguments were good enough for the work to begin."""


def reached(*_: object, **__: object) -> None:
    raise Reached


# Where the work of each function begins.
WORK = {
    "conversion.fits": ("_fit_layer",),
    "show.pictures.figure": ("render",),
    "conversion.preparation": ("choose_ranges", "synthetic_inputs"),
    "exporters.export": ("package_files", "write_file"),
    "machine.serial_port": ("_why_not_opened",),
    "project": ("staged",),
    "workflow.build": ("build_image",),
    "workflow.compare": ("tensor_figures",),
    "workflow.flash": ("_checked_image",),
    "workflow.init": ("_template",),
    "workflow.overview": ("weight_histograms",),
    "workflow.run": ("make_reference",),
    "workflow.tune": ("_train",),
    "workflow.verify": ("make_reference",),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return microlut.write(conversion(), tmp_path_factory.mktemp("project") / "out").path


@pytest.fixture(scope="module")
def arguments(folder):
    """Return arguments of each function that are right."""
    board = microlut.load_board("host")
    with np.load(TEST) as arrays:
        x = arrays["x"][:3]
    return {
        "analyze": {"model": MODEL, "board": board},
        "as_samples": {"x": x, "inputs": SHAPE},
        "build": {"model": folder, "board": board},
        "compare": {"model": folder, "inputs": TEST, "original": MODEL, "board": board},
        "convert": {"model": MODEL, "calibration": CALIBRATION},
        "deploy": {"model": MODEL, "board": board, "output": "new", "calibration": CALIBRATION},
        "draw": {"result": microlut.fit(MODEL)[0], "picture": "new.svg"},
        "export": {"models": folder, "to": "cmake", "output": "new"},
        "fit": {"model": MODEL},
        "fit_codebook": {"weights": x, "bits": 3},
        "flash": {"model": folder, "board": microlut.load_board("nucleo-f446re")},
        "init": {"model": MODEL, "board": board, "calibration": CALIBRATION},
        "load_board": {"name_or_path": "host"},
        "load_samples": {"path": TEST, "inputs": SHAPE},
        "read": {"folder": folder},
        "report": {"model": folder, "inputs": TEST, "original": MODEL, "board": board},
        "run": {"model": folder, "board": board, "inputs": TEST},
        "search": {"model": MODEL, "calibration": CALIBRATION, "jobs": 1},
        "tune": {"model": MODEL, "data": TEST},
        "verify": {"model": folder, "inputs": TEST, "boards": [board]},
        "write": {"conversion": conversion(), "output": "new"},
        "Budget": {"average_bits": 3.0},
    }


def parameters(function: str) -> list[str]:
    """Return the names of a function's parameters, its options one by one."""
    found = inspect.signature(getattr(microlut, function)).parameters.values()
    options = (
        [*ConvertOptions.__annotations__] if any(p.kind is p.VAR_KEYWORD for p in found) else []
    )
    return [p.name for p in found if p.kind is not p.VAR_KEYWORD] + options


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Let the work not begin, and relative paths lead to a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        for module, names in WORK.items():
            for name in names:
                patch.setattr(import_module(f"microlut.{module}"), name, reached)
        patch.chdir(tmp_path_factory.mktemp("elsewhere"))
        yield


NUL, LONG = "a\0b", "a" * 5000
NO_TEXT = [3, True, [], {}, b"a", object()]
NO_PATH = [*NO_TEXT, NUL, LONG, np.zeros(2)]
NO_FILE = [*NO_PATH, "", "none.npz", Path("none")]
NO_BOARD = [*NO_FILE, None, "mps2"]
NO_FLAG = [1, "yes", None, [], np.zeros(2), object()]
NO_CHOICE = [*NO_TEXT, "", "speedy", ["auto"], np.array(["auto", "x"])]
NO_COUNT = [0, -1, 1.5, "3", True, [], np.zeros(2), 10**5000 * -1, object()]
NO_MODEL = [*NO_FILE, None, np.zeros((2, 3)), ("a", 3)]
NO_SAMPLES = [
    *("none.npz", NUL, LONG, 3, 1.5, "", {}, [], [None], [[1], [1, 2]], object(), b"ab"),
    *(np.zeros((2, 3)), np.zeros((0, *SHAPE)), np.full((9, *SHAPE), np.nan), np.array(["a"])),
    *(np.zeros((9, *SHAPE), complex), microlut.Samples("x", "y"), lambda: 3),
]
NO_SHAPE = [None, 3, "ab", (), [], (8, 8, "1"), (8, 8), (8, 8, 0), {}, object()]
NO_LABELS = [
    *("none.npz", NUL, LONG, 3, {}, [], [None], ["a"], [0.5], [[1], [1, 2]], object()),
    *(np.array([-1]), np.zeros((2, 3)), b"ab"),
]
NO_DATA = [3, "none.npz", np.zeros((9, 5)), (1, 2, 3), object()]
WRONG: dict[str, list[object]] = {
    **dict.fromkeys(("model", "models"), NO_MODEL),
    **dict.fromkeys(("board", "name_or_path"), NO_BOARD),
    "analyze.board": [*NO_FILE, "mps2"],  # None is every board
    "compare.board": [*NO_FILE, "mps2"],  # None is no firmware
    "report.board": [*NO_FILE, "mps2"],  # here too
    **dict.fromkeys(("init.calibration", "init.inputs"), NO_FILE),
    "config": NO_PATH,
    **dict.fromkeys(("output", "path", "folder"), NO_PATH),
    **dict.fromkeys(("inputs", "x", "calibration"), NO_SAMPLES),
    **dict.fromkeys(("labels", "y"), NO_LABELS),
    **dict.fromkeys(("limit", "emulator_limit", "max_ram"), NO_COUNT),
    "step_instructions": [*NO_COUNT, 999],
    **dict.fromkeys(("profile", "dry_run", "distill", "curve", "force", "app"), NO_FLAG),
    **dict.fromkeys(("granularity", "method", "range_rule", "task", "optimize"), NO_CHOICE),
    **dict.fromkeys(("count", "emulator", "core", "density", "to", "tool"), NO_CHOICE),
    **dict.fromkeys(("name", "layer", "port", "probe"), NO_TEXT),
    **dict.fromkeys(("settings", "original"), NO_FILE),
    **dict.fromkeys(("data", "validation"), NO_DATA),
    **dict.fromkeys(("epochs", "batch"), NO_COUNT),
    "rate": [0, -1.0, "1", True, None, np.inf, [], object()],
    "checkpoint": NO_PATH,
    "average_bits": ["3", 1, 9, [], np.zeros(2), object()],
    "bits": [*NO_COUNT, 9],
    "activations": [*NO_COUNT, 12],
    "sparsity": [-0.1, 0.96, np.nan, "0.5", True, [], np.zeros(2), object()],
    "boards": [
        *(value for value in NO_FILE if not isinstance(value, list)),
        [None],
        [["host"]],
        "mps2",
    ],
    "budget": [3, {"max_drop": 1}, "3", [], object()],
    "conversion": [*NO_FILE, None],
    "class_names": ["none.txt", NUL, LONG, 3, {}, [], [None], ["a"], object(), b"ab"],
    "front": [3, "none.toml", "mfc", {}, [], object(), b"mfcc", NUL, LONG],
    "custom": ["a", 3, ["a"], {"a": 3}, {3: "x"}, {"": "x"}, {"a": ""}, np.zeros(2), object()],
    "example_input": [3, "x", np.zeros((1, *SHAPE)), object()],  # for a model of Keras
    "flash_bytes": [100, "3", [], object()],  # beside average_bits
    "input_range": [
        3,
        "ab",
        "12",
        b"12",
        {1: 2, 3: 4},
        (1,),
        (1, 2, 3),
        (2, 1),
        (0, np.inf),
        [[], []],
    ],
    **dict.fromkeys(("as_samples.inputs", "load_samples.inputs"), NO_SHAPE),
    "picture": [*NO_PATH, "a.txt", "", "a"],
    "result": [None, 3, "a", [], conversion, object()],
    "cluster": [*NO_TEXT, "", "192.168.1.5", "tcp://host", "http://host:80", LONG],
    "jobs": [0, 1.5, "1", None, True, object()],
    "search.max_drop": ["3", -1, np.inf, [], object()],
    "search.min_snr": ["3", np.inf, [], object()],
    "max_drop": [1, "3", [], object()],
    "min_snr": [1, "3", [], object()],
    "progress": [None, 3, "a", object()],
    "stream": [-1, 1.5, "1", True, [], np.zeros(2), object()],
    "weights": [None, "a", [], [None], ["a"], {}, [[1], [1, 2]], [np.nan], object()],
}
# What is right for some functions only.
NEEDED = {("fit_codebook", "bits"), ("read", "folder"), ("load_samples", "path")}


def test_every_function_of_the_package_is_called():
    functions = {name for name in microlut.__all__ if inspect.isfunction(getattr(microlut, name))}
    assert functions - WITHOUT_ARGUMENTS == {*FUNCTIONS} - {"Budget"}


def test_deploy_has_the_options_of_conversions():
    named = {*inspect.signature(options_of).parameters}
    assert {*ConvertOptions.__annotations__} | {"core"} == named
    others = {"model", "calibration", "name", "example_input", "progress"}
    assert {*inspect.signature(microlut.convert).parameters} == named | others


@pytest.mark.parametrize("function", FUNCTIONS)
def test_right_arguments_let_the_work_begin(function, arguments, elsewhere):
    with suppress(Reached):
        getattr(microlut, function)(**arguments[function])


@pytest.mark.parametrize(
    ("function", "name"),
    [(function, name) for function in FUNCTIONS for name in parameters(function)],
)
def test_wrong_arguments_are_told_in_a_line(function, name, arguments, elsewhere):
    extra = {}
    if name in ("labels", "limit") and function == "deploy":
        extra = {"inputs": TEST}
    wrong = WRONG.get(f"{function}.{name}") or WRONG[name]
    wrong = wrong + ([None] if (function, name) in NEEDED else [])
    for value in wrong:
        with pytest.raises(MicrolutError) as error:
            getattr(microlut, function)(**arguments[function] | extra | {name: value})
        assert not isinstance(error.value, Reached), (name, value)
        assert str(error.value).strip(), (name, value)
        assert len(str(error.value).splitlines()) == 1, (name, value)
        assert len(str(error.value)) < 2000, (name, value)


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_characters="/.")),
    st.binary(),
    st.complex_numbers(),
    st.lists(st.one_of(st.integers(), st.text("ab"), st.none()), max_size=3),
    st.tuples(st.floats(), st.floats()),
    st.dictionaries(st.text("xy"), st.integers(), max_size=2),
    st.sets(st.integers(), max_size=2),
    st.builds(object),
    st.sampled_from([np.zeros(3), np.array("a"), np.int64(3), np.float32(2), ...]),
)


@pytest.mark.parametrize("function", FUNCTIONS)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_nothing_else_is_raised_for_any_value(function, arguments, elsewhere, data):
    name = data.draw(st.sampled_from(parameters(function)), label="parameter")
    value = data.draw(ANYTHING, label="value")
    try:
        getattr(microlut, function)(**arguments[function] | {name: value})
    except MicrolutError as error:
        assert len(str(error).splitlines()) <= 1
