"""Measure what accuracy costs in bytes."""

from __future__ import annotations

from dataclasses import replace

from microlut.conversion.bits import check_figures
from microlut.conversion.front import SearchResult
from microlut.conversion.options import options_of
from microlut.conversion.preparation import prepare
from microlut.conversion.search import check_search, search_prepared
from microlut.conversion.settings import Budget
from microlut.importers.keras.custom import Custom
from microlut.importers.samples import Inputs
from microlut.ops.weights import Granularity
from microlut.quantize.figures import Task
from microlut.quantize.ranges.choose import RangeChoice
from microlut.quantize.weights import Method
from microlut.support.arguments import PathLike, path_of
from microlut.support.cluster import check_cluster, on_cluster
from microlut.support.progress import Progress, silent


def search(  # noqa: PLR0913 (the user's options, by name)
    model: PathLike | object,
    calibration: Inputs | None = None,
    *,
    folder: PathLike | None = None,
    jobs: int = -1,
    cluster: str | None = None,
    activations: int | None = None,
    granularity: Granularity | None = None,
    method: Method | None = None,
    input_range: tuple[float, float] | None = None,
    range_rule: RangeChoice = "auto",
    task: Task = "auto",
    settings: PathLike | None = None,
    custom: Custom | None = None,
    max_drop: float | None = None,
    min_snr: float | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> SearchResult:
    """Measure a model at all bit widths and with bits chosen layer by layer.

    Half of the calibration inputs quantize, the other half judges. Arguments that are not listed
    are those of `convert`.

    Args:
        model: A .keras or .h5 file, a SavedModel folder, or a `keras.Model`.
        calibration: Inputs like those in use.
        folder: Keeps every point from when it is finished, for the next search of the same; it is
            made if need be. None keeps nothing.
        jobs: Points that are measured at the same time; -1 for as many as there are cores.
        cluster: Address of a Dask scheduler, such as "tcp://192.168.1.5:8786", whose workers
            measure the points; without one, this machine does.
        activations: Bits of activations, 8 by default, or 16.
        granularity: What shares a scale.
        method: How weights are quantized.
        input_range: Smallest and largest value of inputs.
        range_rule: How the ranges of activations follow from the calibration inputs.
        task: What the outputs are.
        settings: A configuration file.
        custom: What classes, activations and layers of the model are, by their names.
        max_drop: Most that the advised point may be expected to lose, in percentage points: 1 by
            default, for classes and labels.
        min_snr: Least signal-to-noise ratio of the advised point in dB: 20 by default, for values.
        name: Name of the model.
        progress: Called with (what, done, total).

    Raises:
        MicrolutError: One of its subclasses, for everything that can be wrong with the inputs.
    """
    store = None if folder is None else path_of("folder", folder)
    check_search(store, jobs)  # before a model is read
    check_cluster(cluster)
    options = options_of(
        activations=activations,
        granularity=granularity,
        method=method,
        input_range=input_range,
        range_rule=range_rule,
        task=task,
        settings=settings,
        custom=custom,
    )
    if max_drop is not None or min_snr is not None:
        Budget(max_drop=max_drop, min_snr=min_snr)  # raises for what is not allowed
    with on_cluster(cluster):  # which answers, or does not, before a model is read
        prepared = prepare(model, calibration, options, name, progress)
        check_figures(prepared.graph, prepared.task, max_drop, min_snr)
        found = search_prepared(prepared, store, progress, jobs)
    return replace(
        found,
        max_drop=found.max_drop if max_drop is None else max_drop,
        min_snr=found.min_snr if min_snr is None else min_snr,
    )
