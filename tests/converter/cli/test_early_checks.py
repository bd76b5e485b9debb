"""What can be known before minutes are spent is told before they are."""

from __future__ import annotations

import os

import numpy as np
import pytest
import test_cli
from test_cli import assert_refused, save_npz, snapshot

import microlut
from digits_example import CALIBRATION, INPUTS, MODEL, SHAPE, TEST, conversion, samples
from microlut.board.board import load_board
from microlut.conversion.room import check_room
from microlut.conversion.settings import Budget
from microlut.errors import DoesNotFit, InvalidInput, ToolMissing
from microlut.importers import import_model
from microlut.importers.samples import as_samples
from microlut.workflow import build as building

call = test_cli.call  # a fixture
CONVERT = ("convert", MODEL, "--calibration", CALIBRATION)
DEPLOY = ("deploy", MODEL, "--board", "host", "--calibration", CALIBRATION)


@pytest.fixture
def no_ranges(monkeypatch):
    """Let ranges not be measured: that is the first stage that takes time."""
    monkeypatch.setattr(
        "microlut.conversion.preparation.choose_ranges", lambda *_: pytest.fail("measured")
    )


@pytest.fixture
def no_quantization(monkeypatch):
    monkeypatch.setattr(
        "microlut.conversion.pipeline.quantize_within", lambda *_: pytest.fail("quantized")
    )


@pytest.fixture
def no_build(monkeypatch):
    monkeypatch.setattr(building, "build_image", lambda *_, **__: pytest.fail("built"))


X = np.zeros((9, *SHAPE), np.float32)
UNFIT = {
    "missing": (None, "no such file"),
    "shape": ({"x": X[:, 1:]}, "expects [samples, 8, 8, 1]"),
    "labels": ({"x": X, "y": np.zeros(4, int)}, "each of the 9"),
    "classes": ({"x": X, "y": np.full(9, 10)}, "give numbers from 0 to 9"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_inputs_are_opened_before_ranges_are_measured(case, call, tmp_path, no_ranges):
    arrays, part = UNFIT[case]
    if arrays is not None:
        save_npz(tmp_path / "x.npz", **arrays)
    answer = call(*DEPLOY, "--inputs", tmp_path / "x.npz", "-o", tmp_path / "out")
    assert_refused(answer, 2, part)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("factor", [255, 1 / 255])
@pytest.mark.parametrize("data", [True, False], ids=["data", "no data"])
def test_inputs_of_another_scaling_are_refused_before_ranges_are_measured(
    factor,
    data,
    call,
    tmp_path,
    no_ranges,
    no_quantization,
):
    inputs = save_npz(tmp_path / "x.npz", x=samples().x * factor)
    known = ("--calibration", CALIBRATION) if data else ("--input-range", 0, 16)
    files = ("--inputs", inputs, "-o", tmp_path / "out")
    answer = call("deploy", MODEL, "--board", "host", *known, *files)
    assert_refused(answer, 2, "scale them like the calibration inputs")


@pytest.mark.parametrize(
    ("verb", "option"),
    [
        (("convert", "-o", "out"), "--calibration"),
        (("deploy", "-o", "out", "--board", "host"), "--calibration"),
        (("deploy", "-o", "out", "--board", "host", "--input-range", 0, 1), "--inputs"),
        (("search",), "--calibration"),
    ],
)
@pytest.mark.parametrize("content", [None, b"PK\3\4 broken", b"text"])
def test_input_files_are_opened_before_the_model_is_read(
    verb, option, content, call, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "x.npz").write_bytes(content)
    part = "no such file" if content is None else "cannot be read as .npz or .npy"
    assert_refused(call(*verb, "none.keras", option, "x.npz"), 2, "x.npz: ", part)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--flash-budget", 70_000), ("--flash-budget is 70,000 bytes", "has 65,536 of flash")),
        (("--max-ram", 30_000), ("max RAM is 30,000 bytes", "has 20,480 of RAM")),
    ],
)
@pytest.mark.qemu
def test_more_memory_than_the_board_has_is_refused(options, parts, call, tmp_path, no_ranges):
    verb = ("deploy", MODEL, "--board", "bluepill-f103c8", "--calibration", CALIBRATION)
    assert_refused(call(*verb, *options, "-o", tmp_path / "out"), 2, *parts)


@pytest.mark.qemu
def test_budget_of_the_settings_file_is_compared_with_the_board(
    call,
    tmp_path,
    no_ranges,
):
    (tmp_path / "s.toml").write_text("[budget]\nflash_bytes = 70_000\n")
    verb = ("deploy", MODEL, "--board", "bluepill-f103c8", "--calibration", CALIBRATION)
    answer = call(*verb, "--config", tmp_path / "s.toml", "-o", tmp_path / "out")
    assert_refused(answer, 2, "flash budget is 70,000 bytes")


def with_memory(flash: int, ram: int, **changes: object):
    board = load_board("nucleo-f446re")
    memory = board.memory.model_copy(
        update={
            "flash": board.memory.flash.model_copy(update={"size": flash}),
            "ram": board.memory.ram.model_copy(update={"size": ram}),
            **changes,
        }
    )
    return board.model_copy(update={"memory": memory})


def test_board_that_cannot_hold_the_weights_is_refused_before_the_conversion():
    graph = import_model(MODEL)
    weights = sum(op.kernel.size for _, op in graph.weighted())
    for bits, least in ((None, weights // 4), (8, weights)):
        check_room(with_memory(least, 1 << 17), graph, bits)
        with pytest.raises(DoesNotFit, match=f"take {least:,} bytes, and there are {least - 1:,}"):
            check_room(with_memory(least - 1, 1 << 17), graph, bits)
        loaded = with_memory(1 << 20, least - 1, code_origin=0)
        with pytest.raises(DoesNotFit, match=f"there are {least - 1:,} of flash"):
            check_room(loaded, graph, bits)


def test_board_that_cannot_hold_the_input_is_refused_before_the_conversion():
    with pytest.raises(DoesNotFit, match="its input take 64 bytes, and there are 63 of RAM"):
        check_room(with_memory(1 << 20, 63), import_model(MODEL), 8)


def test_deploy_looks_at_the_board_before_ranges_are_measured(
    call,
    tmp_path,
    no_ranges,
    monkeypatch,
):
    monkeypatch.setattr("microlut.cli.models.load_board", lambda _: with_memory(1000, 1 << 17))
    monkeypatch.setattr("microlut.workflow.deploy.check_tools", lambda _: None)
    assert_refused(call(*DEPLOY, "-o", tmp_path / "out"), 5, "does not fit on nucleo-f446re")


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({"average_bits": 2.1}, "2.1 bits per weight on average: at least"),
        ({"flash_bytes": 1_000}, "1,000 bytes cannot hold the weights, which take"),
    ],
)
def test_budget_that_cannot_be_kept_is_refused_before_layers_are_measured(
    budget, message, tmp_path, monkeypatch
):
    monkeypatch.setattr("microlut.conversion.bits.measure", lambda *_: pytest.fail("measured"))
    (tmp_path / "s.toml").write_text("[layers.body]\nbits = 6\n")
    budget = Budget(**budget)
    with pytest.raises(InvalidInput, match=message):
        microlut.convert(MODEL, CALIBRATION, budget=budget, settings=tmp_path / "s.toml")


PICTURES = [
    (("-o", "front.gif"), ".png or .svg"),
    (("-o", "file/front.svg"), "file/front.svg: cannot be written"),
    (("-o", "mine.svg"), "mine.svg: is there and not a picture as microlut wrote it"),
]
SEARCH = [
    (("--jobs", 0), "jobs is 0"),
    (("--folder", "file/points"), "file/points: cannot be made"),
    (("--config", "none.toml"), "none.toml: cannot be read"),
]


@pytest.mark.parametrize(
    ("verb", "options", "part"),
    [("search", *case) for case in PICTURES + SEARCH] + [("fit", *case) for case in PICTURES],
)
def test_pictures_and_folders_are_checked_before_the_model_is_read(
    verb, options, part, call, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "mine.svg").touch()
    before = snapshot(tmp_path)
    needed = ("--layer", "body") if verb == "fit" else ("--calibration", CALIBRATION)
    assert_refused(call(verb, "none.keras", *needed, *options), 2, part)
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_refused_before_the_conversion(call, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    answer = call("convert", "none.keras", "--input-range", 0, 1, "-o", tmp_path / "closed" / "out")
    assert_refused(answer, 2, "cannot be written (Permission denied)")


def test_folder_is_checked_before_the_model_is_read(call, tmp_path):
    (tmp_path / "file").touch()
    answer = call("convert", "none.keras", "--input-range", 0, 1, "-o", tmp_path / "file" / "out")
    assert_refused(answer, 2, "cannot be written (Not a directory)")


def test_layer_name_in_the_settings_is_checked_before_ranges_are_measured(
    call,
    tmp_path,
    no_ranges,
):
    (tmp_path / "s.toml").write_text("[layers.bdoy]\nbits = 6\n")
    answer = call(*CONVERT, "--config", tmp_path / "s.toml", "-o", tmp_path / "out")
    assert_refused(answer, 2, "layers.bdoy: matches no layer that has weights", "body")


@pytest.mark.parametrize("count", ["inferences", "layers"])
def test_run_checks_inputs_before_the_build(count, tmp_path, no_build):
    project = microlut.write(conversion(), tmp_path / "out")
    board = load_board("host" if count == "inferences" else "mps2-an386")
    dark = as_samples(samples().x / 255, INPUTS)
    with pytest.raises(InvalidInput, match="scale them like the calibration inputs"):
        microlut.run(project, board, dark, count=count)


def test_run_checks_inputs_before_the_original_model_is_evaluated(
    call,
    tmp_path,
    no_build,
    monkeypatch,
):
    monkeypatch.setattr("microlut.workflow.run.float_top1", lambda *_: pytest.fail("evaluated"))
    project = microlut.write(conversion(), tmp_path / "out")
    inputs = save_npz(tmp_path / "x.npz", x=samples().x, y=np.full(len(samples()), 10))
    files = ("--inputs", inputs, "--model", MODEL)
    assert_refused(call("run", project.path, "--board", "host", *files), 2, "numbers from 0 to 9")


@pytest.mark.qemu
@pytest.mark.parametrize("verb", ["run", "verify"])
def test_missing_emulator_is_told_before_the_build(verb, call, tmp_path, no_build, monkeypatch):
    project = microlut.write(conversion(), tmp_path / "out")

    def missing(tool):
        raise ToolMissing(f"{tool.name} is not installed")

    monkeypatch.setattr("microlut.running.emulators.machines.require_tool", missing)
    answer = call(verb, project.path, "--board", "mps2-an385", "--inputs", TEST)
    assert_refused(answer, 6, "qemu-system-arm is not installed")
