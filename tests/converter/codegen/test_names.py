"""C identifiers and comments from any name."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microlut.codegen.literals import array_lines, float_literal
from microlut.codegen.names import comment, identifier, unique_identifiers


@given(st.text())
def test_identifier_is_one(name: str):
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,49}", identifier(name))
    assert not identifier(name).startswith("mlut")


@pytest.mark.parametrize("keyword", ["int", "FOR", "class", "default", "while", "true", "_asm"])
def test_identifier_is_no_keyword(keyword: str):
    assert identifier(keyword) == f"{keyword.lower().strip('_')}_model"


@pytest.mark.parametrize("header", ["math", "String", "TIME", "Arduino", "main"])
def test_identifier_hides_no_header_of_the_library(header: str):
    assert identifier(header) == f"{header.lower()}_model"


@given(st.lists(st.text(max_size=6), unique=True))
def test_unique_identifiers_are_unique(names: list[str]):
    found = unique_identifiers(names)
    assert list(found) == names
    assert len(set(found.values())) == len(names)


def test_second_name_with_the_same_letters_gets_a_number():
    names = ["a b", "a_b", "a-b", "a_b_2"]
    assert list(unique_identifiers(names).values()) == ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]


@given(st.text(alphabet=st.one_of(st.sampled_from("*/\\?\n\r\0é"), st.characters())))
def test_comment_stays_in_its_comment(text: str):
    safe = comment(text)
    assert "*/" not in safe
    assert "/*" not in safe
    assert "\\" not in safe
    assert safe.isascii()
    assert safe.isprintable()


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_float_literal_reads_back_as_the_same_number(value: float):
    literal = float_literal(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[-+]\d+)?f", literal)
    assert np.float32(literal[:-1]) == np.float32(value)


def test_array_lines_have_sixteen_values_and_an_expression_for_the_smallest():
    lines = list(array_lines(np.array([-(2**31), *range(16)], np.int32)))
    assert lines[0].startswith("(-2147483647 - 1),0,1,")
    assert lines[1] == "15,"
