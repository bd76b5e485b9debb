"""Which layers get entropy-coded indices, and that the weights stay the same."""

import numpy as np
import pytest

from graphs import as_batch, make_node, net
from microlut.conversion.allocation import flash_bytes
from microlut.conversion.bits import quantize_within
from microlut.conversion.coding import DECODER_BYTES, coded_options, with_short_indices
from microlut.conversion.layer_choices import LayerChoice
from microlut.conversion.prepared import Prepared
from microlut.conversion.settings import Budget
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.integer import evaluate as int_ops
from microlut.integer.packing import stored_bytes
from microlut.ops.dense import Dense
from microlut.ops.tensor import Activation
from microlut.quantize.ranges.measure import calibrate
from microlut.quantize.stage import quantize
from microlut.quantize.weights import WeightConfig
from microlut.support.progress import silent


def network(units: int) -> tuple[Graph, np.ndarray]:
    rng = np.random.default_rng(units)
    kernel = rng.normal(size=(units, 64)).astype(np.float32)
    node = make_node("y", Dense(kernel, np.zeros(units, np.float32)), ("x",), (units,))
    samples = rng.normal(size=(200, 64)).astype(np.float32)
    return net("one", "x", (64,), [node], "y"), samples


@pytest.mark.parametrize(
    ("units", "config", "coded"),
    [
        (200, WeightConfig(4, sparsity=0.8), True),
        (200, WeightConfig(6), False),  # indices are nearly as frequent as each other
        (200, WeightConfig(2), False),  # indices overlap
        (60, WeightConfig(4, sparsity=0.8), False),  # the decoder's code would be larger
    ],
)
def test_indices_are_coded_where_that_saves_clearly(units, config, coded):
    graph, x = network(units)
    before = quantize(graph, calibrate(graph, x), x, config)
    after = with_short_indices(before)
    ((_, op),) = after.weighted()
    assert op.weights.coded == coded
    saved = stored_bytes(before) - stored_bytes(after)
    assert (saved >= 2 * DECODER_BYTES["dense"]) == coded
    given = np.random.default_rng(0).integers(-128, 128, (5, 64)).astype(np.int8)
    assert np.array_equal(int_ops.evaluate(before, given), int_ops.evaluate(after, given))
    assert with_short_indices(after) == after


def test_rates_are_offered_to_large_layers_that_are_quantized_by_data():
    graph, x = network(256)
    ranges = calibrate(graph, x)

    def offered(config: WeightConfig, dtype: Activation = "int8") -> list[float | None]:
        typed = ranges.typed(dict.fromkeys(graph.tensors(), dtype))
        return [found.rate for found in coded_options(graph, typed, "y", config)]

    assert offered(WeightConfig(4)) == [1.25, 1.5, 1.75, 2.0, 2.5, 3.0]
    assert not offered(WeightConfig(4), "int16")
    assert not offered(WeightConfig(4, method="fitted"))
    assert not offered(WeightConfig(4, "tensor"))
    small, x = network(20)
    assert not coded_options(small, calibrate(small, x), "y", WeightConfig(4))


def test_budgets_below_two_bits_are_kept_with_entropy_coded_indices():
    graph, x = network(512)  # 8,192 bytes at 2 bits
    batch = as_batch(graph, x)
    choices = {"y": LayerChoice(WeightConfig(4), pinned=False)}
    ready = Prepared(graph, calibrate(graph, x), batch, batch, choices, "min-max")
    found = quantize_within(ready, Budget(flash_bytes=10_000), silent)
    assert found.configs["y"].rate is not None
    assert flash_bytes(found.quantized) + DECODER_BYTES["dense"] <= 10_000
    with pytest.raises(InvalidInput, match="cannot hold the weights, which take 5,120 at least"):
        quantize_within(ready, Budget(flash_bytes=5_000), silent)
