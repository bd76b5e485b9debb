"""States: written in place where nothing reads the old value any more, else copied at the end."""

from __future__ import annotations

import pytest

from kernel_calls import STAGE, weights
from microlut.ops.conv2d import QConv2D
from microlut.ops.windows import Window
from microlut.plan import Copy, Goal, Plan, make_plan
from microlut.plan.liveness import tensor_buffers
from microlut.plan.sharing import find_sharing
from planned_nets import (  # noqa: F401
    ADD,
    RELU,
    SOFTMAX,
    Net,
    Replay,
    known_operators,
    random_net,
)


def checked(plan: Plan) -> Plan:
    """Return a plan that three runs have shown to be right."""
    replay = Replay(plan)
    for _ in range(3):
        replay.run()
    return plan


def planned(net: Net, *outputs: str) -> Plan:
    """Return a network's plan, which three runs have shown to be right."""
    return checked(make_plan(net.graph(*outputs)))


def test_state_lives_always_and_alone():
    net = Net()
    old = net.state("state", "add0")
    net.add(ADD, old, "x")
    for _ in range(4):
        net.add(SOFTMAX, net.nodes[-1].name)
    plan = planned(net)
    (buffer,) = (b for b in tensor_buffers(plan.graph)[0] if b.name == "state")
    assert (buffer.first, buffer.last) == (0, len(plan.steps))


def test_sum_is_written_over_the_state():
    net = Net()
    net.state("state", "add0")
    net.add(ADD, "x", "state")
    net.add(SOFTMAX, "add0")
    plan = planned(net)
    assert plan.copies == ()
    assert plan.offsets["add0"] == plan.state_offsets[0]


def test_what_becomes_the_next_value_is_written_over_the_state_too():
    net = Net()
    net.state("state", "relu1")
    net.add(ADD, "x", "state")
    net.add(RELU, "add0")
    plan = planned(net)
    assert plan.copies == ()
    assert plan.offsets["add0"] == plan.offsets["relu1"] == plan.state_offsets[0]


def test_next_value_is_made_in_the_state_once_the_old_one_is_not_read():
    net = Net()
    net.state("state", "softmax1")
    net.add(SOFTMAX, "state")
    net.add(SOFTMAX, "softmax0")
    plan = planned(net)
    assert plan.copies == ()
    assert plan.offsets["softmax1"] == plan.output_offsets[0] == plan.state_offsets[0]


def test_kernel_that_reads_the_state_while_it_writes_needs_a_copy():
    net = Net()
    net.state("state", "softmax0")
    net.add(SOFTMAX, "state")
    plan = planned(net)
    assert plan.copies == (Copy("softmax0", "state", 8),)


def test_state_that_is_read_later_is_copied():
    net = Net()
    net.state("state", "softmax0")
    net.add(SOFTMAX, "x")
    net.add(ADD, "state", "softmax0")
    assert len(planned(net).copies) == 1


def test_other_tensors_are_never_written_over_a_state():
    net = Net()
    net.state("state", "x")
    net.add(RELU, "state")
    plan = planned(net)
    assert plan.offsets["relu0"] != plan.state_offsets[0]
    assert plan.copies == (Copy("x", "state", 8),)


def test_unchanged_state_is_left_alone():
    net = Net()
    net.state("state", "state")
    net.add(ADD, "state", "x")
    assert planned(net).copies == ()


def test_old_values_move_along_a_chain():
    net = Net()
    for new, old in (("state1", "state0"), ("state0", "x"), ("state2", "state1")):
        net.state(new, old)
    net.add(ADD, "state0", "state2")
    plan = planned(net)
    assert [copy.to for copy in plan.copies] == ["state2", "state1", "state0"]


def test_states_in_a_circle_change_places():
    net = Net()
    net.state("one", "two")
    net.state("two", "one")
    net.add(ADD, "one", "two")
    assert len(planned(net).copies) == 3


def test_output_that_is_an_old_value_is_saved():
    net = Net()
    net.state("state", "softmax0")
    net.add(SOFTMAX, "x")
    net.add(ADD, "state", "softmax0")
    plan = planned(net, "state", "add1")
    assert plan.output_offsets[0] != plan.state_offsets[0]


@pytest.mark.parametrize("source", ["add1", "softmax2"])
def test_convolution_adds_to_a_state_only_what_becomes_its_next_value(source: str):
    net = Net()
    net.state("state", source)
    branch = net.add(QConv2D(weights((8, 1, 1, 8), 8, 4), STAGE, Window((1, 1))), "x")
    net.add(ADD, branch, "state")
    net.add(SOFTMAX, "x")
    found = find_sharing(net.graph("softmax2"))
    assert (found.places[branch].buffer == "state") is (source == "add1")
    assert set(found.sums) == ({branch} if source == "add1" else set())


def test_two_states_with_one_source():
    net = Net()
    net.state("one", "add0")
    net.state("two", "add0")
    net.add(ADD, "x", "one")
    plan = planned(net)
    assert plan.copies == (Copy("add0", "two", 8),)


def test_all_inputs_are_there_from_the_first_step():
    net = Net()
    net.input("late", 8)
    net.add(ADD, net.add(SOFTMAX, net.add(SOFTMAX, "x")), "late")
    plan = planned(net)
    assert plan.graph.inputs[1].name == "late"
    ends = sorted(offset + 8 for offset in plan.input_offsets)
    assert ends[0] <= ends[1] - 8


@pytest.mark.parametrize("optimize", ["speed", "ram"])
def test_random_plans_keep_states_over_runs(optimize: str):
    free, copied = 0, 0
    for seed in range(150):
        plan = checked(make_plan(random_net(seed, states=1 + seed % 3), Goal(optimize)))
        copied += len(plan.copies)
        free += sum(
            plan.offsets[state.source] == offset and state.source != state.tensor.name
            for state, offset in zip(plan.graph.states, plan.state_offsets, strict=True)
        )
    assert free > 20
    assert copied > 20


def test_state_may_have_the_name_that_another_ones_copy_gets():
    net = Net()
    for new, old in (("a", "copy of a"), ("copy of a", "a"), ("copy of copy of a", "add0")):
        net.state(new, old)
    net.add(ADD, "x", "copy of copy of a")
    assert len(planned(net, "a", "copy of a", "add0").copies) == 4
