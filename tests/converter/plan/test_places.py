"""Tensors inside others: joins and cuts, planned with as few copies as can be."""

from __future__ import annotations

import pytest

from microlut.plan import Goal, make_plan
from microlut.plan.kernels import Alias
from microlut.plan.places import Place
from microlut.plan.sharing import Sharing, find_sharing
from planned_nets import (  # noqa: F401
    ADD,
    RELU,
    SOFTMAX,
    SOFTMAX_16,
    Net,
    QCut,
    QJoin,
    Replay,
    known_operators,
    random_net,
)


def sharing(net: Net) -> Sharing:
    return find_sharing(net.graph())


def held(found: Sharing, name: str) -> set[int]:
    """Return the inputs of a node that need no copy."""
    return {alias.input for alias in found.in_place[name]}


def two_branches(net: Net) -> tuple[str, str]:
    return net.add(SOFTMAX, "x"), net.add(SOFTMAX, "x")


def test_inputs_of_a_join_are_made_inside_it():
    net = Net()
    one, two = two_branches(net)
    both = net.join(one, two)
    net.add(SOFTMAX, both)
    found = sharing(net)
    assert [found.places[name] for name in (one, two, both)] == [
        *(Place(both, 0), Place(both, 8), Place(both, 0)),
    ]
    assert held(found, both) == {0, 1}
    step = make_plan(net.graph()).steps[2]
    assert step.instructions == 0
    assert step.input_offsets == (step.output_offset, step.output_offset + 8)


def test_what_was_made_in_place_moves_along():
    net = Net()
    one, two = two_branches(net)
    relu = net.add(RELU, two)
    both = net.join(one, relu)
    net.add(SOFTMAX, both)
    found = sharing(net)
    assert found.places[two] == found.places[relu] == Place(both, 8)


def test_a_join_of_joins_is_one_buffer():
    net = Net()
    one, two = two_branches(net)
    both = net.join(one, two)
    three = net.add(SOFTMAX, both)
    all_of_them = net.join(three, both)
    net.add(SOFTMAX, all_of_them)
    found = sharing(net)
    assert found.places[two] == Place(all_of_them, 16 + 8)
    assert held(found, all_of_them) == {0, 1}


@pytest.mark.parametrize("what", ["input", "output", "twice", "unaligned", "large buffer"])
def test_what_cannot_lie_inside_is_copied(what: str):
    net = Net()
    one, two = two_branches(net)
    if what == "input":
        both = net.join(one, "x")
    elif what == "twice":
        both = net.join(one, one)
    elif what == "unaligned":
        both = net.join(net.add(SOFTMAX, "x", size=3), two)
    elif what == "large buffer":  # the second input lies in a part of another tensor
        both = net.join(one, net.add(QCut(4), two, size=4))
    else:
        both = net.join(one, two)
    graph = net.graph(both, two) if what == "output" else net.graph()
    found = find_sharing(graph)
    assert held(found, both) == {0}
    plan = make_plan(graph)
    assert plan.steps[-1].call.in_place == {Alias(0, 0)}
    assert plan.steps[-1].instructions > 0


def test_nothing_is_written_over_a_part_while_the_whole_is_read_later():
    net = Net()
    one, two = two_branches(net)
    both = net.join(one, two)
    relu = net.add(RELU, one)
    net.join(relu, both)
    places = sharing(net).places
    assert places[one] == Place("join4", 8)
    assert places[relu] == Place("join4", 0)


def test_no_input_is_written_over_that_overlaps_another_one():
    net = Net(12)
    one = net.add(SOFTMAX, "x")
    low, high = net.add(QCut(0), one, size=8), net.add(QCut(4), one, size=8)
    total = net.add(ADD, low, high)
    found = sharing(net)
    assert [found.places[name] for name in (low, high)] == [Place(one, 0), Place(one, 4)]
    assert found.places[total] == Place(total)


def test_a_cut_at_an_odd_byte_is_a_copy():
    net = Net(12)
    cut = net.add(QCut(3), net.add(SOFTMAX, "x"), size=8)
    assert sharing(net).places[cut] == Place(cut)
    assert held(sharing(net), cut) == set()


def test_little_memory_may_prefer_copies():
    """A join whose first part is made early withholds the memory of all parts."""
    net = Net(16)
    early = net.add(SOFTMAX, "x")
    wide = net.add(SOFTMAX, early, size=160)
    wider = net.add(SOFTMAX, wide, size=160)
    late = net.add(SOFTMAX, wider, size=64)
    net.join(early, late)
    plan, thrifty = (make_plan(net.graph(), Goal(goal)) for goal in ("speed", "ram"))
    assert len(plan.steps[-1].call.in_place) == 2
    assert thrifty.arena_bytes < plan.arena_bytes
    assert Alias(0, 0) not in thrifty.steps[-1].call.in_place


def test_pieces_of_a_cut_are_views():
    net = Net(12)
    low, high = net.make(QCut(4), (net.add(SOFTMAX, "x"),), [4, 4])
    found = sharing(net)
    assert found.places[low] == Place("softmax0", 4)
    assert found.places[high] == Place("softmax0", 8)
    assert found.in_place["cut1"] == {Alias(0, -4, 0), Alias(0, -8, 1)}


def test_offsets_are_bytes():
    net = Net(8, "int16")
    both = net.join(net.add(SOFTMAX_16, "x"), net.add(SOFTMAX_16, "x"))
    assert sharing(net).places["softmax_161"] == Place(both, 16)


@pytest.mark.parametrize("optimize", ["speed", "ram"])
def test_random_plans_keep_all_bytes_until_they_are_read(optimize: str):
    saved = 0
    for seed in range(150):
        plan = make_plan(random_net(seed), Goal(optimize))
        Replay(plan).run()
        moves = [step for step in plan.steps if isinstance(step.node.op, QJoin | QCut)]
        saved += sum(len(step.call.in_place) for step in moves)
    assert saved > 50
