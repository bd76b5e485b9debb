"""What the later verbs do: build, run, verify and deploy, called from Python."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import microlut
from digits_example import CALIBRATION, INPUTS, MODEL, conversion, samples
from microlut.board.schema import Emulators, Region
from microlut.errors import BuildFailed, DoesNotFit, InvalidBoard, InvalidInput
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.importers.samples import as_samples
from microlut.machine import tools
from microlut.machine.tools import ARM_GCC, HOST_CC, NEWLIB, QEMU, RENODE, find_tool
from microlut.running.emulators import machines
from microlut.running.emulators.machines import choose_machine
from microlut.show.runs import deploy_text, run_text
from microlut.verification.accuracy import float_top1, top1
from microlut.workflow import verify as verification


@pytest.fixture
def host():
    if find_tool(HOST_CC) is None:
        pytest.skip(f"host firmware not tested: cc is missing ({HOST_CC.apt_command})")
    return microlut.load_board("host")


@pytest.fixture
def m4():
    for tool in (ARM_GCC, NEWLIB, QEMU):
        if find_tool(tool) is None:
            pytest.skip(f"Cortex-M not tested: {tool.name} is missing ({tool.apt_command})")
    return microlut.load_board("mps2-an386")


@pytest.fixture
def project(tmp_path):
    return microlut.write(conversion(), tmp_path / "out")


def test_build_places_the_image_in_the_project(project, host):
    image = microlut.build(project, host)
    assert image.elf == project.path / "build" / "host" / "digits.elf"
    assert image.elf.is_file()


def test_run_equals_the_interpreter(project, host):
    outcome = microlut.run(project, host, samples(25))
    assert (outcome.samples, outcome.bit_exact, outcome.first_difference) == (25, True, None)
    assert (outcome.top1, outcome.instructions) == (100.0, None)
    np.testing.assert_array_equal(outcome.outputs.argmax(axis=1), samples(25).y)


@pytest.mark.qemu
def test_optimizing_for_size_makes_the_image_smaller_and_changes_no_output(tmp_path, m4):
    usual, small = (
        microlut.run(
            microlut.write(microlut.convert(MODEL, CALIBRATION, optimize=optimize), tmp_path / "o"),
            *(m4, samples(4)),
        )
        for optimize in ("speed", "size")
    )
    assert small.image.flash_bytes < usual.image.flash_bytes
    assert small.bit_exact
    np.testing.assert_array_equal(small.outputs, usual.outputs)


@pytest.mark.qemu
def test_run_counts_instructions_the_same_every_time(project, m4):
    first, second = (microlut.run(project, m4, samples(3)) for _ in range(2))
    assert first.instructions == second.instructions
    mean, least, most = first.instructions
    assert 0 < least <= mean <= most


@pytest.mark.qemu
def test_run_without_counting_has_no_instructions(project, m4):
    outcome = microlut.run(project, m4, samples(1), count="nothing")
    assert outcome.instructions is None


@pytest.mark.qemu
def test_profile_attributes_every_instruction(project, m4):
    plain = microlut.run(project, m4, samples(1))
    outcome = microlut.run(project, m4, samples(1), count="layers")
    profile = outcome.profile
    total, _, _ = plain.instructions
    assert outcome.instructions == plain.instructions
    assert sum(layer.cost for layer in profile.layers) + profile.outside == total
    assert 0 < profile.outside < 100
    assert all(layer.cost > 0 for layer in profile.layers)
    assert [layer.name for layer in profile.layers] == [
        layer["name"] for layer in project.report["layers"] if layer["kind"] != "reshape"
    ]
    assert sum(layer.macs for layer in profile.layers) == project.report["macs"]
    parts = project.report["weight_bytes"], project.report["parameter_bytes"]
    assert sum(layer.weight_bytes for layer in profile.layers) == sum(parts)


@pytest.mark.qemu
def test_profile_is_of_the_first_input(project, m4):
    one, three = (microlut.run(project, m4, samples(n), count="layers") for n in (1, 3))
    assert one.profile == three.profile


def test_profile_needs_a_board_that_counts(project, host):
    with pytest.raises(InvalidBoard, match="host: instructions are not counted call by call there"):
        microlut.run(project, host, samples(1), count="layers")
    assert not (project.path / "build").exists()


def test_run_tells_progress(project, host):
    told = []
    microlut.run(project, host, samples(4), progress=lambda *what: told.append(what))
    assert told == [("host", done, 4) for done in (1, 2, 3, 4)]


@pytest.fixture
def no_renode(monkeypatch):
    """Hide Renode, if it is there."""
    monkeypatch.setattr(machines, "find_tool", lambda tool: None if tool is RENODE else tool)


@pytest.fixture
def bare(m4):
    """A board that no emulator has."""
    return m4.model_copy(update={"emulators": Emulators(), "id": "mine"})


def test_core_of_no_emulated_board_is_refused_before_the_build(project, host):
    board = host.model_copy(update={"emulators": Emulators(), "id": "mine"})
    with pytest.raises(InvalidBoard, match="mine: has no emulator"):
        microlut.run(project, board, samples(1))
    assert not (project.path / "build").exists()


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("stm32f072b-discovery", "microbit"),
        ("raspberry-pi-pico", "mps2-an385-m0plus"),
        ("nucleo-g0b1re", "mps2-an385-m0plus"),
        ("bluepill-f103c8", "mps2-an385"),
        ("nucleo-f446re", "mps2-an386"),
        ("nrf52840-dk", "mps2-an386"),
        ("microbit-v2", "mps2-an386"),
        ("nano33ble", "mps2-an386"),
        ("xiao-nrf52840", "mps2-an386"),
        ("blackpill-f411ce", "mps2-an386"),
        ("nucleo-g474re", "mps2-an386"),
        ("nucleo-h563zi", "mps2-an505"),
        ("raspberry-pi-pico2", "mps2-an505"),
        ("nrf54l15-dk", "mps2-an505"),
        ("nucleo-n657x0", "mps3-an547"),
        ("stm32f746g-discovery", "mps2-an500"),
        ("nucleo-u575zi", "mps2-an505"),
        ("esp32-c3-devkitm-1", "riscv-virt"),
        ("esp32-c6-devkitc-1", "riscv-virt"),
    ],
)
def test_board_without_emulator_here_is_measured_on_one_for_its_core(name, machine, no_renode):
    board = microlut.load_board(name)
    found = choose_machine(board)
    assert (found.board.id, found.emulator) == (machine, "qemu")
    assert found.board.core is board.core
    assert name in found.note


@pytest.mark.parametrize("name", ["mps2-an386", "microbit", "host"])
def test_board_with_an_emulator_here_is_measured_itself(name, no_renode):
    found = choose_machine(microlut.load_board(name))
    assert (found.board.id, found.note) == (name, "")


def test_board_in_renode_is_measured_itself_where_renode_is(monkeypatch):
    monkeypatch.setattr(machines, "find_tool", lambda tool: tool)
    found = choose_machine(microlut.load_board("nucleo-f446re"))
    assert (found.board.id, found.emulator, found.note) == ("nucleo-f446re", "renode", "")
    assert choose_machine(microlut.load_board("esp32-c3-devkitm-1")).board.id == "riscv-virt"


def test_emulator_that_is_asked_for_is_not_replaced(no_renode):
    board = microlut.load_board("nucleo-f446re")
    assert choose_machine(board, "renode").board is board


@pytest.mark.qemu
def test_run_on_another_machine_says_so(project, bare):
    outcome = microlut.run(project, bare, samples(3))
    assert (outcome.image.board_id, outcome.measured_on) == ("mine", "mps2-an386")
    assert outcome.bit_exact
    assert outcome.instructions is not None
    found = outcome.as_json()
    assert (found["board"], found["measured_on"]) == ("mine", "mps2-an386")
    assert "no emulator has mine" in found["measured_note"]
    text = run_text(outcome)
    assert text.startswith("Measured on mps2-an386, an emulated machine for the same code")
    assert "code of mine was built and did not run" in text
    assert "accuracy, firmware on mps2-an386" in text


@pytest.mark.qemu
def test_verify_on_another_machine_says_so(project, bare, m4):
    outcome = microlut.verify(project, samples(2), [bare, m4])
    assert [form.form for form in outcome.forms][3:] == ["mps2-an386"]
    assert dict(outcome.skipped) == {"mine": "no emulator has mine; mps2-an386 has the same core"}


@pytest.mark.qemu
def test_deploy_measures_on_another_machine(tmp_path, bare):
    outcome = microlut.deploy(conversion(), bare, tmp_path / "out", samples(3))
    assert outcome.image.elf == tmp_path / "out" / "build" / "mine" / "digits.elf"
    assert (outcome.run.measured_on, outcome.run.bit_exact) == ("mps2-an386", True)
    report = outcome.project.report
    assert (report["board"], report["measured_on"]) == ("mine", "mps2-an386")
    assert report["flash_bytes"] == outcome.image.flash_bytes
    assert deploy_text(outcome).startswith("Measured on mps2-an386")


@pytest.mark.qemu
@pytest.mark.parametrize(
    ("lack", "why"),
    [("tool", "qemu-system-arm is not installed"), ("memory", "digits does not fit on mps2-an386")],
)
def test_deploy_builds_where_no_machine_can_measure(lack, why, tmp_path, bare, m4, monkeypatch):
    if lack == "tool":
        absent = dataclasses.replace(QEMU, name="qemu-system-arm-absent")
        monkeypatch.setattr(machines, "require_tool", lambda tool: tools.require_tool(absent))
        why = why.replace("arm", "arm-absent")
    else:
        ram = Region(origin=0x2000_0000, size=4096)
        small = m4.model_copy(
            update={"memory": m4.memory.model_copy(update={"ram": ram, "others": {}})}
        )
        monkeypatch.setattr(machines, "_with_core", lambda core: small)
    outcome = microlut.deploy(conversion(), bare, tmp_path / "out", samples(3))
    assert outcome.image.elf.is_file()
    assert outcome.run is None
    assert outcome.not_measured.startswith(f"no emulator has mine, and {why}")
    assert deploy_text(outcome) == f"Not measured: {outcome.not_measured}"
    report = outcome.project.report
    assert (report["measured_on"], report["integer_top1"]) == (None, 100.0)
    assert report["measured_note"] == outcome.not_measured


def test_verify_compares_every_form(project, host):
    outcome = microlut.verify(project, samples(8), [host])
    assert [form.form for form in outcome.forms] == [
        *("interpreter", "tflite-micro", "ai-edge-litert", "host")
    ]
    assert all(form.samples == 8 and form.agrees for form in outcome.forms)
    assert outcome.bit_exact
    assert (outcome.samples, outcome.skipped, outcome.top1) == (8, (), 100.0)


@pytest.mark.qemu
def test_verify_limits_emulated_boards_only(project, host, m4):
    outcome = microlut.verify(project, samples(5), [host, m4], emulator_limit=2)
    assert {form.form: form.samples for form in outcome.forms[-2:]} == {"host": 5, "mps2-an386": 2}
    assert outcome.bit_exact


@pytest.mark.sweep
@pytest.mark.qemu
def test_verify_takes_all_boards_by_default(project, host, m4):
    outcome = microlut.verify(project, samples(2))
    tested = {form.form for form in outcome.forms} | {name for name, _ in outcome.skipped}
    assert set(microlut.list_boards()) <= tested
    reasons = {reason.split(":")[0] for _, reason in outcome.skipped}
    assert reasons <= {"has no emulator", "renode is missing"}


@pytest.mark.qemu
def test_verify_skips_boards_that_are_too_small_unless_they_were_asked_for(
    project, host, m4, monkeypatch
):
    small = m4.model_copy(update={"id": "small", "stack_bytes": 1 << 23})
    monkeypatch.setattr(verification, "available_boards", lambda: ((small, host), ()))
    outcome = microlut.verify(project, samples(2))
    assert outcome.skipped == (("small", "is too small for the model"),)
    assert outcome.forms[-1].form == "host"
    assert outcome.bit_exact
    with pytest.raises(DoesNotFit, match="does not fit on small"):
        microlut.verify(project, samples(2), [small, host])


def test_deploy_without_inputs_only_builds(tmp_path, host):
    outcome = microlut.deploy(conversion(), host, tmp_path / "out")
    assert (outcome.run, outcome.integer_top1, outcome.float_top1) == (None, None, None)
    assert outcome.image.elf.is_file()
    assert outcome.project.report["board"] == "host"


def test_deploy_gives_paths_in_the_final_folder(tmp_path, host):
    outcome = microlut.deploy(conversion(), host, str(tmp_path / "out"), samples(5))
    assert outcome.project.path == tmp_path / "out"
    for image in (outcome.image, outcome.run.image):
        assert image.elf == tmp_path / "out" / "build" / "host" / "digits.elf"
        assert image.elf.is_file()


@pytest.mark.qemu
def test_deploy_adds_the_run_to_the_report(tmp_path, m4):
    outcome = microlut.deploy(conversion(), m4, tmp_path / "out", samples(5))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "model.c" in report.pop("files")
    answers = report.pop("answers")
    assert [each["form"] for each in answers] == ["float model", "integer model", "mps2-an386"]
    assert all(sum(inputs for *_, inputs in each["pairs"]) == 5 for each in answers)
    expected = conversion().report.as_json() | outcome.run.as_json()
    expected |= {"float_top1": 100.0, "integer_top1": 100.0}
    assert report == json.loads(json.dumps(expected))
    assert report["flash_bytes"] == outcome.image.flash_bytes > 0


@pytest.mark.qemu
def test_deploy_gives_what_the_single_steps_give(tmp_path, m4):
    deployed = microlut.deploy(conversion(), m4, tmp_path / "deployed", samples(5))
    project = microlut.write(conversion(), tmp_path / "steps")
    image = microlut.build(project, m4)
    assert image.bin.read_bytes() == deployed.image.bin.read_bytes()
    outcome = microlut.run(project, m4, samples(5))
    np.testing.assert_array_equal(outcome.outputs, deployed.run.outputs)
    assert outcome.instructions == deployed.run.instructions


def test_deploy_keeps_the_compilers_messages_when_the_build_fails(tmp_path, host):
    sources = {**conversion().sources, "model.c": "int mlut_broken = undeclared;\n"}
    broken = dataclasses.replace(conversion(), sources=sources)
    log = tmp_path / "out-build.log"
    with pytest.raises(BuildFailed, match=r"out for host: model\.c:1.*undeclared") as caught:
        microlut.deploy(broken, host, tmp_path / "out")
    assert str(caught.value).endswith(f"all messages: {log}")
    assert "undeclared" in log.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [log.name]


def test_deploy_of_outputs_that_differ_tells_so_and_writes(tmp_path, host):
    other = microlut.convert(MODEL, samples(20).x, bits=2)
    mixed = dataclasses.replace(conversion(), sources=other.sources)
    outcome = microlut.deploy(mixed, host, tmp_path / "out", samples(100))
    assert outcome.run.bit_exact is False
    assert outcome.run.first_difference is not None
    assert json.loads((tmp_path / "out" / "report.json").read_text())["bit_exact"] is False


@pytest.mark.keras
def test_float_top1_equals_that_of_keras(keras):
    model = keras.saving.load_model(MODEL)
    outputs = model.predict(samples().x, verbose=0)
    expected = 100 * np.mean(outputs.argmax(axis=1) == samples().y)
    graph = run_passes(import_model(MODEL))
    assert float_top1(graph, samples()) == pytest.approx(expected)


def test_float_top1_without_labels_is_none():
    graph = run_passes(import_model(MODEL))
    assert float_top1(graph, as_samples(samples(1).x, graph.inputs)) is None


def test_top1_takes_the_first_of_equal_outputs():
    outputs = np.array([[1, 5, 5], [7, 7, 0], [0, 0, 1]], np.int8)
    assert top1(outputs, np.array([1, 1, 2])) == pytest.approx(200 / 3)
    assert top1(outputs, None) is None


@pytest.mark.parametrize("factor", [1 / 255, 255])
def test_run_refuses_inputs_of_another_scaling(factor, project, host):
    scaled = as_samples(samples(8).x * np.float32(factor), INPUTS)
    with pytest.raises(InvalidInput, match="scale them like the calibration inputs"):
        microlut.run(project, host, scaled)


def test_run_refuses_labels_that_the_model_has_no_outputs_for(project, host):
    labelled = as_samples(samples(3).x, INPUTS, np.array([0, 9, 10]))
    with pytest.raises(InvalidInput, match=r"up to 10, but the model has 10 outputs.*0 to 9"):
        microlut.run(project, host, labelled)


def test_verify_refuses_an_emulator_limit_of_none(project):
    with pytest.raises(InvalidInput, match="emulator_limit is 0"):
        microlut.verify(project, samples(3), emulator_limit=0)


def test_top1_needs_several_outputs():
    labels = np.array([0, 1])
    assert top1(np.array([[1], [2]]), labels) is None
    assert top1(np.array([[1, 0], [2, 3]]), labels) == 100.0


@pytest.mark.qemu
def test_deploy_to_two_folders_gives_equal_files(tmp_path, m4):
    folders = [tmp_path / "a" / "one", tmp_path / "another"]
    for folder in folders:
        microlut.deploy(conversion(), m4, folder)
    first, second = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders
    )
    assert first == second
