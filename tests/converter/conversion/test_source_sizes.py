"""What the C of single layers takes, beside what the whole source takes."""

import re

import pytest

import random_graphs as rg
from microlut.codegen.render import render
from microlut.conversion.code_sizes import measured_sizes
from microlut.conversion.source_sizes import SourceSizes
from microlut.plan import Goal, Optimize, Plan
from microlut.plan.layout import Planner

TYPES = measured_sizes()["types"]
CONSTANT = re.compile(
    r"^(?:static )?const (\w+) \w+(?:\[(\d*)\])?(?: \w+)? = \{(.*?)^\};", re.M | re.S
)
TEXT = re.compile(r'^static const char \w+\[\] = "([^"]*)"', re.MULTILINE)
LISTED = re.compile(r"^(?:static )?const (\w+) \w+\[\] = \{\n(.*?)^\};", re.M | re.S)
GOALS: tuple[tuple[Optimize, str], ...] = (
    *(("balanced", "cortex-m4f"), ("balanced", "cortex-m55"), ("ram", "cortex-m4f")),
    *(("size", "cortex-m0plus"), ("speed", "riscv32imc")),
)


def whole(plan: Plan) -> tuple[int, int, set[str]]:
    """Return the bytes of model.c's constants, of their check, and what it names of the engine."""
    whole_text = render(plan)["model.c"]
    text, _, check = whole_text.partition("/* Integrity:")
    checked = TYPES["mlut_contents_t"]
    for kind, body in LISTED.findall(check):
        entries = body.count("\n")
        size = 4 if kind == "uintptr_t" else 2 if kind == "uint8_t" else TYPES[kind]
        checked += entries * size
    data = sum(len(name) + 1 for name in TEXT.findall(text))
    for name, count, body in CONSTANT.findall(text):
        tensors = body.count(".offset = ") if name == "mlut_tensor_t" else 1
        data += TYPES[name] * int(count or tensors)
    return data, checked, {"mlut_check"} | set(re.findall(r"\bmlut_\w+(?<!_t)\b", text))


@pytest.mark.parametrize("case", [rg.every_operator_case(4), *rg.network_cases(3, seed=3)])
def test_sizes_are_those_of_the_whole_source(case: rg.Case):
    planner, sizes = Planner(case.quantized()), SourceSizes(TYPES)
    for optimize, core in GOALS:
        plan = planner.plan(Goal(optimize, core=core))
        found = sizes.of(plan)
        data, checked, functions = whole(plan)
        assert (found.data, found.checked) == (data, checked)
        assert {name for name in found.functions if not name.endswith("_t")} == functions
