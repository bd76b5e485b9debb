"""Rewrites of the float graph before quantization, to an equivalent, smaller one."""

from __future__ import annotations

from collections.abc import Callable

from microlut.errors import UnsupportedModel
from microlut.graph.ir import Graph
from microlut.graph.passes.delay_moves import delay_moves
from microlut.graph.passes.drop_identity import drop_identity
from microlut.graph.passes.fold_affine import fold_affine
from microlut.graph.passes.fold_batch_norm import fold_batch_norm
from microlut.graph.passes.fold_padding import fold_padding
from microlut.graph.passes.fuse_activation import fuse_activation
from microlut.graph.passes.keep_ranges import keep_ranges
from microlut.graph.passes.merge_channels import merge_channels
from microlut.graph.passes.permute_filters import permute_filters
from microlut.graph.passes.prune_channels import prune_channels
from microlut.graph.passes.relabel_inputs import relabel_inputs
from microlut.graph.passes.whole_pool import whole_pool
from microlut.graph.passes.widen_single import widen_single

# Identities and reshapes go first because they hide neighbours; scales of inputs that no layer
# takes become labels before lone ones become layers; a mean takes no activation, so those are fused
# after it; they follow the batch normalization that stands between them and their convolution. A
# lone normalization and folded padding leave reshapes that nothing needs. Recorded ranges are those
# of the tensors that remain. Channels are removed at last, when their weights are those that will
# be stored: equal ones after constants have become biases, of which the others may have the same.
PASSES: tuple[Callable[[Graph], Graph], ...] = (
    drop_identity,
    widen_single,
    delay_moves,
    fold_batch_norm,
    relabel_inputs,
    fold_affine,
    delay_moves,
    whole_pool,
    fuse_activation,
    fold_padding,
    keep_ranges,
    delay_moves,
    permute_filters,
    prune_channels,
    merge_channels,
)


def run_passes(graph: Graph) -> Graph:
    """Return the graph after every pass; no BatchNorm and no Identity remain.

    Passes would change the arithmetic of a network of integers, other than the one that lets
    layers pad themselves.

    Raises:
        UnsupportedModel: Nothing remains to be computed.
    """
    if graph.exact:
        return fold_padding(graph)
    for rewrite in PASSES:
        graph = rewrite(graph)
    if not graph.nodes:
        raise UnsupportedModel(
            f"model {graph.name}: no layer computes anything; add a Conv2D or Dense layer"
        )
    return graph
