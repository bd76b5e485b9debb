"""Compare quantizers on the reference models: error and accuracy at every bit width.

    .venv/bin/python benchmarks/quantizers.py [--data FOLDER] [--models resnet8_cifar10.h5 ...]
        [--bits 2 3 4 5 6 7 8] [--limit INPUTS]

As in the paper of the fitted method, only weights are quantized, each to its nearest level, and
activations are floats. An error is the mean, over all weights of a model, of the squared error over
the mean square of the weight's tensor or channel. Accuracy is on the test set, plain and after the
means of every layer's outputs are corrected on the calibration inputs.

Prints every row as it is measured and then Markdown; writes benchmarks/results/quantizers.json and,
of all complete rows of tables in it, docs/measurements/quantizer-tables.md. Rows that are in the
JSON file are not measured again: delete it to start anew. With --limit, for a quick look at the
first few inputs, no file is read or written.
"""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path

import networks
import numpy as np
import spread
from documents import MEASUREMENTS, ROOT
from models import standard_error
from numpy.typing import NDArray
from reference_models import REFERENCES
from rival_quantizers import KMEANS, QUANTIZERS, Quantizer, quantized, relative_squares

import microlut
from microlut.graph.ir import Graph
from microlut.graph.passes import run_passes
from microlut.importers import import_model
from microlut.ops.arrays import FloatArray
from microlut.ops.weights import Granularity
from microlut.quantize.levels.densities import Array
from microlut.verification.accuracy import top1

RESULTS = ROOT / "benchmarks" / "results" / "quantizers.json"
PAGE = MEASUREMENTS / "quantizer-tables.md"
HEADING = "Made by benchmarks/quantizers.py; [quantizers.md](quantizers.md) says what was compared."
DATA = {reference.model: reference for reference in REFERENCES}
GRANULARITIES: tuple[Granularity, ...] = ("tensor", "channel")


@dataclass(frozen=True, slots=True)
class Row:
    """One quantizer on one model; `error` is a share of the weights' power, accuracies are in %."""

    model: str
    granularity: Granularity
    bits: int
    quantizer: str
    error: float
    top1: float
    corrected_top1: float
    float_top1: float
    samples: int


@dataclass(frozen=True, slots=True)
class Network:
    """A model with its test inputs and labels, and the columns for correcting means."""

    name: str
    graph: Graph
    x: FloatArray
    y: NDArray[np.int64]
    mean_columns: dict[str, Array]
    float_top1: float


def load_network(data: Path, limit: int | None, name: str) -> Network:
    """Read a model and its data."""
    graph = run_passes(import_model(data / name, None))
    test, y = DATA[name].test(data, limit)
    x = microlut.as_samples(test, graph.inputs).x
    calibration = microlut.as_samples(DATA[name].calibration(data), graph.inputs).x
    columns = networks.mean_columns(graph, calibration)
    return Network(name, graph, x, y, columns, accuracy(graph, x, y))


def accuracy(graph: Graph, x: FloatArray, y: NDArray[np.int64]) -> float:
    """Return the top-1 accuracy in percent."""
    return top1(networks.evaluate(graph, x), y)


def measure(network: Network, quantizer: Quantizer, bits: int, granularity: Granularity) -> Row:
    """Quantize all weights of a network and run it, without and with corrected means."""
    plain, corrected, squares, count = {}, {}, 0.0, 0
    for node, _ in network.graph.weighted():
        weights = networks.by_channel(node.op)
        found = quantized(weights, quantizer, bits, granularity)
        squares += relative_squares(weights, found, granularity)
        count += weights.size
        shift = networks.mean_shift(node.op, found, network.mean_columns[node.name])
        plain[node.name] = networks.with_kernel(node.op, found)
        corrected[node.name] = networks.with_kernel(node.op, found, shift)
    scores = [
        accuracy(networks.with_ops(network.graph, ops), network.x, network.y)
        for ops in (plain, corrected)
    ]
    return Row(
        model=network.name,
        granularity=granularity,
        bits=bits,
        quantizer=quantizer.title,
        error=squares / count,
        top1=scores[0],
        corrected_top1=scores[1],
        float_top1=network.float_top1,
        samples=len(network.x),
    )


Key = tuple[str, Granularity, int, str]  # of a row: model, granularity, bits, quantizer


def measured(
    known: Sequence[Row],
    models: Sequence[str],
    bits: Sequence[int],
    load: Callable[[str], Network],
    options: argparse.Namespace = spread.HERE,
) -> Iterator[Row]:
    """Yield all rows, those in `known` as they are."""
    by_key: dict[Key, Row] = {(r.model, r.granularity, r.bits, r.quantizer): r for r in known}
    titles = [quantizer.title for quantizer in QUANTIZERS]
    keys: list[Key] = list(product(models, GRANULARITIES, bits, titles))
    missing = [key for key in keys if key not in by_key]
    new = spread.each(partial(_row, load=_Loaded(load)), missing, options)
    for key in keys:
        row = by_key.get(key)
        if row is None:
            row = next(new)
            print(json.dumps(asdict(row)), flush=True)
        yield row


class _Loaded:
    """The network that was asked for last, which is not sent to others."""

    def __init__(self, load: Callable[[str], Network]) -> None:
        self._load = load
        self._last: Network | None = None

    def __call__(self, name: str) -> Network:
        if self._last is None or self._last.name != name:
            self._last = self._load(name)
        return self._last

    def __reduce__(self) -> tuple[object, ...]:
        return _Loaded, (self._load,)


def _row(key: Key, load: Callable[[str], Network]) -> Row:
    model, granularity, bits, title = key
    quantizer = next(each for each in QUANTIZERS if each.title == title)
    return measure(load(model), quantizer, bits, granularity)


def page(rows: list[Row]) -> str:
    """Return the page of docs/measurements that has all widths whose rows are complete."""
    found = {(r.model, r.granularity, r.bits, r.quantizer): r for r in rows}
    whole = [
        [found.get((model, granularity, bits, each.title)) for each in QUANTIZERS]
        for model, granularity, bits in product(DATA, GRANULARITIES, range(2, 9))
    ]
    ordered = [row for some in whole if all(some) for row in some if row is not None]
    return f"# Quantizers compared\n\n{HEADING}\n\n{markdown(ordered)}"


def markdown(rows: list[Row]) -> str:
    """Return three tables per model and granularity: errors, accuracies, corrected accuracies."""
    parts = []
    for model, granularity in dict.fromkeys((r.model, r.granularity) for r in rows):
        some = [r for r in rows if (r.model, r.granularity) == (model, granularity)]
        best = {r.bits: r.error for r in some if r.quantizer == KMEANS.title}
        name = f"{model}, by {granularity}"
        score = f"{some[0].samples:,} inputs, float {some[0].float_top1:.1f}"
        parts += [
            _table(
                f"{name}: error in % (times that of k-means)",
                some,
                lambda r, best=best: f"{_digits(100 * r.error)} ({r.error / best[r.bits]:.2f})",
            ),
            _table(f"{name}: top-1, {score}", some, lambda r: _score(r.top1, r.samples)),
            _table(
                f"{name}: top-1 with corrected means, {score}",
                some,
                lambda r: _score(r.corrected_top1, r.samples),
            ),
        ]
    return "\n\n".join(parts)


def _table(title: str, rows: list[Row], cell: Callable[[Row], str]) -> str:
    bits = sorted({row.bits for row in rows})
    lines = [f"{title}\n", "| bits | " + " | ".join(map(str, bits)) + " |"]
    lines.append("|---" * (len(bits) + 1) + "|")
    for title_ in dict.fromkeys(row.quantizer for row in rows):
        cells = {row.bits: cell(row) for row in rows if row.quantizer == title_}
        lines.append(f"| {title_} | " + " | ".join(cells[b] for b in bits) + " |")
    return "\n".join(lines)


def _digits(value: float) -> str:
    """Print three significant digits without an exponent."""
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


def _score(percent: float, samples: int) -> str:
    return f"{percent:.1f} ± {standard_error(percent, samples):.1f}"


def _read() -> list[Row]:
    if not RESULTS.exists():
        return []
    return [Row(**row) for row in json.loads(RESULTS.read_text(encoding="utf-8"))]


def _write(path: Path, text: str) -> None:
    """Write a file completely or not at all."""
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(path)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("MICROLUT_DATA", ROOT.parent / "shared" / "data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--models", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--bits", type=int, nargs="+", choices=range(2, 9), default=range(2, 9))
    parser.add_argument("--limit", type=int, help="use only the first so many test inputs")
    spread.add_options(parser)
    arguments = parser.parse_args()
    keep = arguments.limit is None
    known = _read() if keep else []
    load = partial(load_network, arguments.data.resolve(), arguments.limit)
    asked = []
    for row in measured(tuple(known), arguments.models, arguments.bits, load, arguments):
        asked.append(row)
        if keep and row not in known:
            known.append(row)
            _write(RESULTS, json.dumps([asdict(row) for row in known], indent=1))
    print("\n" + markdown(asked))
    if keep:
        _write(PAGE, page(known))


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main()
