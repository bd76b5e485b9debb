"""A search on a Dask cluster finds what this machine finds, also if a worker is ended midway."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import microlut
from dask_cluster import Process, started_cluster
from microlut.conversion.search import search_prepared
from microlut.errors import InvalidInput, ToolMissing
from microlut.support import cluster as clusters
from microlut.support.progress import silent
from searched_network import prepared


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[Process]]]:
    """Return a scheduler's address, and the processes of its workers."""
    with started_cluster(tmp_path) as started:
        yield started


@pytest.mark.slow
def test_the_result_is_the_same_if_a_worker_is_ended_midway(cluster, tmp_path: Path):
    address, workers = cluster
    ended: list[int] = []

    def told(what: str, done: int, total: int) -> None:
        if what == "search" and done == 2 and total > 6 and not ended:
            workers[0].kill()
            ended.append(workers[0].wait())

    with clusters.on_cluster(address):
        found = search_prepared(prepared(), tmp_path / "points", told)
    assert ended
    assert all(worker.poll() is None for worker in workers[1:])
    assert found == search_prepared(prepared(), None, silent, jobs=1)
    measured: list[int] = []
    search_prepared(prepared(), tmp_path / "points", lambda _, done, __: measured.append(done))
    assert measured == [len(found.points)]  # what the cluster measured is kept here


@pytest.mark.parametrize("address", ["", "192.168.1.5", "tcp://host", "http://host:1", 5])
def test_what_is_no_address_is_refused_before_the_model_is_read(address: object):
    with pytest.raises(InvalidInput, match=r"cluster is .*; give the address of a Dask scheduler"):
        microlut.search("no such model.keras", cluster=address)


def test_nobody_who_answers_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(clusters, "_SECONDS", 1)
    with pytest.raises(InvalidInput, match=r"tcp://127.0.0.1:9: no Dask scheduler answers there"):
        microlut.search("no such model.keras", cluster="tcp://127.0.0.1:9")


def test_without_dask_its_package_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ToolMissing, match=r"pip install 'microlut\[cluster\]'"):
        microlut.search("no such model.keras", cluster="tcp://127.0.0.1:9")
