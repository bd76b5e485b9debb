"""A Dask cluster of processes on this machine, of which a test may end some."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

WORKERS = 3
Process = subprocess.Popen[bytes]


@contextmanager
def started_cluster(folder: Path) -> Iterator[tuple[str, list[Process]]]:
    """Yield a scheduler's address, and the processes of its workers; skip without Dask."""
    distributed = pytest.importorskip("distributed", reason="pip install 'microlut[cluster]'")
    file = folder / "scheduler.json"
    with ExitStack() as stack:
        common = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
        _started(stack, "distributed.cli.dask_scheduler", "--port", "0", *common)
        one = ("--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard")
        workers = [
            _started(stack, "distributed.cli.dask_worker", "--scheduler-file", str(file), *one)
            for _ in range(WORKERS)
        ]
        until = time.monotonic() + 120
        while not file.exists():
            assert time.monotonic() < until
            time.sleep(0.1)
        with distributed.Client(scheduler_file=str(file), set_as_default=False) as client:
            client.wait_for_workers(WORKERS, timeout=120)
            address = client.scheduler.address
        yield address, workers


def _started(stack: ExitStack, *command: str) -> Process:
    process = stack.enter_context(
        subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.DEVNULL)
    )
    stack.callback(process.kill)
    return process
