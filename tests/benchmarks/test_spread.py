"""Benchmarks on a Dask cluster find what this machine finds, also if a worker is ended midway."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import random_graphs as rg
from dask_cluster import started_cluster
from microlut.codegen.tflite import to_tflite

pytest.importorskip("tflite_micro", reason="needs TensorFlow Lite Micro")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import case_records
import spread
import tflite_files

SCRIPTS = {  # with the function that measures a case
    "coverage": "measured",
    "inputs": "rows_of",
    "keras_files": "in_process",
    "models": "measure",
    "official_files": "measure",
    "onnx_files": "in_process",
    "onnx_suite": "status",
    "quantizers": "_row",
    "tflite_files": "in_process",
    "vendor_models": "measure",
}
FILES = 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of files, one of which is broken."""
    made = tmp_path_factory.mktemp("files")
    for number, case in enumerate(rg.network_cases(FILES - 1, seed=5)):
        (made / f"net{number}.tflite").write_bytes(to_tflite(case.quantized()))
    (made / "broken.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(40))
    return made


def options(folder: Path, **given: object) -> argparse.Namespace:
    return argparse.Namespace(**{"folder": folder, "only": [], "jobs": 1, "cluster": None, **given})


def judged_slowly(path: Path, seconds: int) -> tuple[case_records.Record, int]:
    """Return the record of a file, and the process that it is from."""
    time.sleep(0.5)
    return tflite_files.in_process(path, seconds), os.getpid()


@pytest.mark.slow
def test_records_are_the_same_if_a_worker_is_ended_midway(folder: Path, tmp_path: Path):
    files = spread.named(folder.glob("*.tflite"), options(folder))
    here = partial(tflite_files.in_process, seconds=60)
    alone = list(spread.each(here, files.values(), options(folder)))
    assert {record.status for record in alone} == {"equal", "refused"}
    with started_cluster(tmp_path) as (address, workers):
        there = spread.each(
            partial(judged_slowly, seconds=60),
            files.values(),
            options(folder, cluster=address),
        )
        found = [next(there), next(there)]
        workers[0].kill()
        ended = workers[0].wait()
        found += there
        assert ended != 0
        assert all(worker.poll() is None for worker in workers[1:])
        pids = {pid for _, pid in found}
        assert len(pids) >= 2
        assert pids <= {worker.pid for worker in workers}
    assert [record for record, _ in found] == alone


def test_several_at_a_time_give_the_same_records(folder: Path):
    files = spread.named(folder.glob("*.tflite"), options(folder, only=["net0", "net1", "broken"]))
    judge = partial(tflite_files.in_process, seconds=60)
    alone = list(spread.each(judge, files.values(), options(folder)))
    assert len(alone) == 3
    assert list(spread.each(judge, files.values(), options(folder, jobs=2))) == alone


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_takes_a_cluster(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    module = pytest.importorskip(script, reason="needs the packages of the benchmark")
    monkeypatch.setattr(sys, "argv", [script, "--cluster", "192.168.1.5", *needed(script)])
    with pytest.raises(SystemExit):
        module.main()
    assert "give the address of a Dask scheduler" in capsys.readouterr().err


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_process_that_lacks_the_scripts_can_measure(script: str, tmp_path: Path):
    module = pytest.importorskip(script, reason="needs the packages of the benchmark")
    with spread._travelling():
        sent = spread.cloudpickle.dumps(getattr(module, SCRIPTS[script]))
    (tmp_path / "sent").write_bytes(sent)
    loads = "import pickle; print(pickle.load(open('sent', 'rb')).__name__)"
    package = os.fspath(Path(spread.__file__).parents[1] / "converter")
    done = subprocess.run(
        [sys.executable, "-c", loads],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": package},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [SCRIPTS[script]], done.stderr


def needed(script: str) -> list[str]:
    return ["folder"] if script.endswith("_files") or script == "vendor_models" else []
