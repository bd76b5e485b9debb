"""Distribute what joblib runs over the machines of a Dask cluster."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import joblib

from microlut.errors import InvalidInput, RunFailed, ToolMissing
from microlut.support.arguments import brief

INSTALL = "pip install 'microlut[cluster]'"
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://\[?[\w.:-]+\]?:[0-9]{1,5}")
_SECONDS = 15  # to answer


def check_cluster(address: object) -> None:
    """Raise InvalidInput early for an address that no scheduler has; None is no cluster."""
    if address is None:
        return
    if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
        raise InvalidInput(
            f"cluster is {brief(address)}; give the address of a Dask scheduler, such as "
            "tcp://192.168.1.5:8786, which `dask scheduler` prints"
        )


@contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Let joblib run its tasks on a cluster; on this machine if there is no address.

    Raises:
        InvalidInput: It is no address, or nothing answers there, or there are no workers.
        RunFailed: Workers died of the same task again and again.
        ToolMissing: Dask is not installed.
    """
    check_cluster(address)
    if address is None:
        yield
        return
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise ToolMissing(f"--cluster needs Dask; install it with: {INSTALL}") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # errors are told in one line
    try:
        client = Client(  # type: ignore[no-untyped-call]
            address, timeout=_SECONDS, set_as_default=False
        )
    except (OSError, TimeoutError) as error:
        raise InvalidInput(
            f"{address}: no Dask scheduler answers there; start one with `dask scheduler`, and on "
            f"each machine `dask worker {address}`"
        ) from error
    with client:
        if not client.scheduler_info()["workers"]:
            raise InvalidInput(
                f"{address}: the cluster has no workers; start `dask worker {address}` on each "
                "machine, in an environment with the same microlut"
            )
        try:
            with joblib.parallel_config(backend="dask", client=client):
                yield
        except KilledWorker as error:
            raise RunFailed(
                f"{address}: workers ended again and again, most likely because memory ran out; "
                "start fewer threads per worker, and run it again: a search goes on from --folder"
            ) from error
