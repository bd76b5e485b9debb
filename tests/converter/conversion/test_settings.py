"""The configuration file: precedence, budgets, and one clear line for every error."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from graphs import make_node, net
from microlut.conversion.layer_choices import LayerChoice, layer_choices
from microlut.conversion.settings import (
    Budget,
    LayerRule,
    Overrides,
    Rule,
    Settings,
    budget_in_force,
    load_settings,
)
from microlut.errors import InvalidInput
from microlut.graph.ir import Graph
from microlut.ops.activation import ActivationKind
from microlut.ops.base import FloatOp
from microlut.ops.conv2d import Conv2D
from microlut.ops.dense import Dense
from microlut.ops.depthwise_conv2d import DepthwiseConv2D
from microlut.ops.relu import Relu
from microlut.ops.windows import Window
from microlut.quantize.weights import WeightConfig
from microlut.support.resources import data_folder

BITS = st.integers(2, 8)
NAMES = ("conv2d", "conv2d_1", "depthwise", "conv2d_2", "logits")
KEYS = ("*", "conv2d_*", "*[12]", "conv2d_?", *NAMES)

EXAMPLE = """
[defaults]
bits = 4
granularity = "channel"
method = "calibrated"

[budget]
average_bits = 2.5

[types.depthwise_conv2d]
bits = 8

[layers."conv2d_*"]
bits = 3
"""


def graph_of(**ops: FloatOp) -> Graph:
    nodes, last = [], "input"
    for name, op in ops.items():
        nodes.append(make_node(name, op, (last,), (1, 1, 1)))
        last = name
    return net("net", "input", (1, 1, 1), tuple(nodes), last)


def weighted(kind: type[FloatOp]) -> FloatOp:
    kernel, bias = np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32)
    match kind.__name__:
        case "Conv2D":
            return Conv2D(kernel, bias, Window((1, 1)))
        case "DepthwiseConv2D":
            return DepthwiseConv2D(kernel[0], bias, Window((1, 1)))
    return Dense(kernel[0, 0], bias)


GRAPH = graph_of(
    conv2d=weighted(Conv2D),
    conv2d_1=weighted(Conv2D),
    relu=Relu(ActivationKind.RELU),
    depthwise=weighted(DepthwiseConv2D),
    conv2d_2=weighted(Conv2D),
    logits=weighted(Dense),
)


@pytest.fixture
def load(tmp_path):
    def load(text: str | bytes) -> Settings:
        path = tmp_path / "microlut.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_settings(path)

    return load


def choose(settings: Settings | None = None, **options: object) -> dict[str, LayerChoice]:
    return layer_choices(GRAPH, settings or Settings(), Overrides(**options), "calibrated")


def bits_of(choices: dict[str, LayerChoice]) -> list[int]:
    return [choice.config.bits for choice in choices.values()]


def pinned(choices: dict[str, LayerChoice]) -> list[str]:
    return [name for name, choice in choices.items() if choice.pinned]


# What the file says


def test_file_says_what_it_says(load):
    settings = load(EXAMPLE)
    assert settings.defaults == Rule(bits=4, granularity="channel", method="calibrated")
    assert settings.budget == Budget(average_bits=2.5)
    assert settings.types.depthwise_conv2d == Rule(bits=8)
    assert settings.types.dense == Rule()
    assert settings.layers == {"conv2d_*": LayerRule(bits=3)}


def test_empty_file_says_nothing(load, tmp_path):
    assert load("") == Settings(tmp_path / "microlut.toml")


def test_file_may_begin_with_a_byte_order_mark(load):
    assert load(b"\xef\xbb\xbf[defaults]\r\nbits = 2\r\n").defaults.bits == 2


def test_settings_cannot_be_changed(load):
    settings = load(EXAMPLE)
    with pytest.raises(FrozenInstanceError):
        settings.budget = None
    with pytest.raises(ValidationError, match="frozen"):
        settings.defaults.bits = 2


# Who wins


def test_layers_with_weights_come_in_execution_order():
    assert list(choose()) == list(NAMES)


def test_nothing_said_is_the_built_in_choice():
    choices = layer_choices(GRAPH, Settings(), Overrides(), "fitted")
    assert set(choices.values()) == {LayerChoice(WeightConfig(4, "channel", "fitted"), False)}


def test_sparsity_is_said_layer_by_layer(load):
    text = "[defaults]\nsparsity = 0.5\n[layers.logits]\nsparsity = 0"
    found = [choice.config.sparsity for choice in choose(load(text)).values()]
    assert found == [0.5, 0.5, 0.5, 0.5, 0.0]
    given = choose(load(text), sparsity=0.7).values()
    assert {choice.config.sparsity for choice in given} == {0.7}
    with pytest.raises(InvalidInput, match=r"defaults\.sparsity"):
        load("[defaults]\nsparsity = 0.99")


def test_defaults_win_over_built_in_and_pin_nothing(load):
    defaults = '[defaults]\nbits = 6\ngranularity = "tensor"\nmethod = "empirical"'
    expected = LayerChoice(WeightConfig(6, "tensor", "empirical"), False)
    assert set(choose(load(defaults)).values()) == {expected}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("conv2d", [7, 7, 5, 7, 5]),
        ("depthwise_conv2d", [5, 5, 7, 5, 5]),
        ("dense", [5, 5, 5, 5, 7]),
    ],
)
def test_type_wins_over_defaults_and_pins_its_layers(load, kind, expected):
    choices = choose(load(f"[defaults]\nbits = 5\n[types.{kind}]\nbits = 7"))
    assert bits_of(choices) == expected
    assert pinned(choices) == [n for n, bits in zip(NAMES, expected, strict=True) if bits == 7]


def test_pattern_wins_over_type_and_pins_its_layers(load):
    choices = choose(load('[layers."conv2d_*"]\nbits = 3\n[types.conv2d]\nbits = 7'))
    assert bits_of(choices) == [7, 3, 4, 3, 4]
    assert pinned(choices) == ["conv2d", "conv2d_1", "conv2d_2"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("conv2d*", "*_2", [2, 2, 4, 3, 4]), ("*_2", "conv2d*", [3, 3, 4, 3, 4])],
)
def test_later_pattern_wins(load, first, second, expected):
    text = f'[layers."{first}"]\nbits = 2\n[layers."{second}"]\nbits = 3'
    assert bits_of(choose(load(text))) == expected


def test_exact_name_wins_over_later_pattern(load):
    text = '[layers.conv2d_1]\nbits = 2\n[layers."conv2d*"]\nbits = 3'
    assert bits_of(choose(load(text))) == [3, 2, 4, 3, 4]


def test_each_key_goes_its_own_way(load):
    text = """
    [defaults]
    method = "fitted"
    granularity = "tensor"
    [types.conv2d]
    granularity = "channel"
    [layers."conv2d_*"]
    bits = 3
    [layers.conv2d_1]
    method = "empirical"
    """
    choices = choose(load(text))
    assert choices["conv2d_1"] == LayerChoice(WeightConfig(3, "channel", "empirical"), True)
    assert choices["conv2d_2"] == LayerChoice(WeightConfig(3, "channel", "fitted"), True)
    assert choices["logits"] == LayerChoice(WeightConfig(4, "tensor", "fitted"), False)


def test_rule_that_names_no_bits_pins_nothing(load):
    assert pinned(choose(load('[layers."*"]\nmethod = "empirical"'))) == []


def test_command_line_wins_over_every_level(load):
    rule = 'bits = 3\ngranularity = "tensor"\nmethod = "fitted"\n'
    levels = ("defaults", "types.conv2d", 'layers."*"', "layers.logits")
    settings = load("".join(f"[{level}]\n{rule}" for level in levels))
    expected = LayerChoice(WeightConfig(5, "channel", "empirical"), True)
    choices = choose(settings, bits=5, granularity="channel", method="empirical")
    assert set(choices.values()) == {expected}


def test_command_line_wins_only_for_the_keys_that_it_gives(load):
    settings = load('[layers."*"]\nbits = 3\ngranularity = "tensor"')
    expected = LayerChoice(WeightConfig(3, "tensor", "fitted"), True)
    assert set(choose(settings, method="fitted").values()) == {expected}


def test_patterns_are_case_sensitive(load):
    with pytest.raises(InvalidInput, match="matches no layer"):
        choose(load('[layers."CONV*"]\nbits = 3'))


def test_name_with_brackets_stands_for_itself(load):
    settings = load('[layers."conv[1]"]\nbits = 3')
    graph = graph_of(**{"conv[1]": weighted(Conv2D)})
    assert bits_of(layer_choices(graph, settings, Overrides(), "fitted")) == [3]
    graph = graph_of(**{"conv[1]": weighted(Conv2D), "conv1": weighted(Conv2D)})
    assert bits_of(layer_choices(graph, settings, Overrides(), "fitted")) == [3, 4]


@given(
    rules=st.dictionaries(st.sampled_from(KEYS), BITS),
    by_type=st.none() | BITS,
    default=st.none() | BITS,
    option=st.none() | BITS,
)
def test_last_of_all_that_apply_wins(rules, by_type, default, option):
    types = {} if by_type is None else {"conv2d": Rule(bits=by_type)}
    layers = {key: LayerRule(bits=bits) for key, bits in rules.items()}
    settings = Settings(
        defaults=Rule(bits=default), types=Settings().types.model_copy(update=types), layers=layers
    )
    for name, choice in choose(settings, bits=option).items():
        patterns = [bits for key, bits in rules.items() if key != name and fnmatchcase(name, key)]
        named = [by_type if name.startswith("conv2d") else None, *patterns, rules.get(name), option]
        weak = [4, default]
        assert choice.config.bits == [bits for bits in weak + named if bits is not None][-1]
        assert choice.pinned == any(bits is not None for bits in named)


# Exclusion


def test_excluded_layers_are_plain_int8_and_pinned(load):
    choices = choose(load("[defaults]\nbits = 3\n[layers.logits]\nexclude = true"))
    assert bits_of(choices) == [3, 3, 3, 3, 8]
    assert pinned(choices) == ["logits"]


def test_exclusion_stays_in_force_under_the_command_line(load):
    settings = load("[layers.logits]\nexclude = true\nbits = 8\n[layers.conv2d]\nbits = 8")
    assert bits_of(choose(settings, bits=3)) == [3, 3, 3, 3, 8]


def test_exclusion_wins_over_bits_of_weaker_rules(load):
    text = '[layers.conv2d_1]\nexclude = true\n[layers."conv2d*"]\nbits = 3\n[types.conv2d]\nbits=2'
    assert bits_of(choose(load(text))) == [3, 8, 4, 3, 4]


def test_bits_of_a_stronger_rule_win_over_exclusion(load):
    settings = load('[layers."*"]\nexclude = true\n[layers.conv2d_1]\nbits = 3')
    assert bits_of(choose(settings)) == [8, 3, 8, 8, 8]
    assert bits_of(choose(settings, bits=5)) == [8, 5, 8, 8, 8]


def test_stronger_rule_takes_exclusion_back(load):
    text = '[types.dense]\nbits = 5\n[layers."*"]\nexclude = true\n[layers.{}]\nexclude = false'
    choices = choose(load(text.format("conv2d")))
    assert (bits_of(choices), "conv2d" in pinned(choices)) == ([4, 8, 8, 8, 8], False)
    assert bits_of(choose(load(text.format("logits")))) == [8, 8, 8, 8, 5]


# Budgets


@pytest.mark.parametrize(
    ("key", "value"),
    [("average_bits", 2.5), ("average_bits", 8), ("flash_bytes", 60_000), ("max_drop", 0.0)],
)
def test_budget_of_the_file_is_in_force(load, key, value):
    settings = load(f"[budget]\n{key} = {value}")
    assert budget_in_force(settings, Overrides()) == Budget(**{key: value})


def test_no_budget_is_in_force_by_default():
    assert budget_in_force(Settings(), Overrides()) is None


def test_budget_of_the_command_line_replaces_the_files(load):
    budget = Budget(flash_bytes=60_000)
    assert budget_in_force(load(EXAMPLE), Overrides(budget=budget)) == budget


def test_budget_of_the_command_line_leaves_rules_in_force(load):
    assert pinned(choose(load(EXAMPLE), budget=Budget(max_drop=1.0))) == [
        "conv2d_1",
        "depthwise",
        "conv2d_2",
    ]


def test_bits_of_the_command_line_drop_the_files_budget(load):
    settings = load(EXAMPLE)
    assert budget_in_force(settings, Overrides(bits=3)) is None
    assert pinned(choose(settings, bits=3)) == list(NAMES)


def test_bits_and_budget_of_the_command_line_contradict():
    with pytest.raises(InvalidInput, match=r"^bits and a budget are both given; .*give one of"):
        Overrides(bits=3, budget=Budget(average_bits=3))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "budget: found no key; give exactly one of average_bits, flash_bytes, max_drop"),
        (
            {"max_drop": 1.0, "average_bits": 3},
            "budget: found average_bits and max_drop; give exactly one of average_bits, flash_",
        ),
        ({"average_bits": 1.9}, "budget.average_bits: found 1.9; .* greater than or equal to 2"),
        ({"average_bits": 8.1}, "budget.average_bits: found 8.1; .* less than or equal to 8"),
        ({"average_bits": float("nan")}, "budget.average_bits: found nan; "),
        ({"flash_bytes": 0}, "budget.flash_bytes: found 0; .* greater than 0"),
        ({"flash_bytes": 6e4}, "budget.flash_bytes: found 60000.0; .* valid integer"),
        ({"flash_bytes": True}, "budget.flash_bytes: found True; .* valid integer"),
        ({"max_drop": -0.1}, "budget.max_drop: found -0.1; .* greater than or equal to 0"),
        ({"max_drop": 100.1}, "budget.max_drop: found 100.1; .* less than or equal to 100"),
        ({"max_drop": "1 %"}, "budget.max_drop: found '1 %'; .* valid number"),
    ],
)
def test_budget_refuses(load, values, message):
    with pytest.raises(InvalidInput, match=f"^{message}"):
        Budget(**values)
    text = "\n".join(f"{key} = {toml(value)}" for key, value in values.items())
    with pytest.raises(InvalidInput, match=rf"microlut\.toml: {message}"):
        load(f"[budget]\n{text}")


def toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


# Faults of a file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[budgets]", "budgets: is not a known key; did you mean budget? Allowed are defaults, "),
        ("bits = 3", "bits: is not a known key; allowed are defaults, budget, types, layers"),
        (
            "[defaults]\nbit = 3",
            "defaults.bit: is not a known key; did you mean bits? Allowed are bits, granularity, ",
        ),
        ("[defaults]\nexclude = true", "defaults.exclude: is not a known key; allowed are bits, "),
        ("[types.dens]", "types.dens: is not a known key; did you mean dense? Allowed are conv2d"),
        ("[types.dense]\nexclude = true", "types.dense.exclude: is not a known key; allowed are "),
        ("[budget]\nflash = 1", "budget.flash: is not a known key; did you mean flash_bytes? "),
        (
            '[layers."a*"]\nexcluded = true',
            'layers."a*".excluded: is not a known key; did you mean exclude? Allowed are bits, '
            "granularity, method, sparsity, exclude",
        ),
        ("[layers.block.conv]", "layers.block.conv: is not a known key; allowed are bits, "),
        ("[layers.größe]", "is not TOML ("),
        ('[layers."größe"]\nx = 1', 'layers."größe".x: is not a known key'),
        ('[layers."a\\nb"]\nx = 1', 'layers."a\\nb".x: is not a known key'),
        ("[defaults]\nbits = 9", "defaults.bits: found 9; it has to be 2, 3, 4, 5, 6, 7 or 8"),
        ("[defaults]\nbits = true", "defaults.bits: found True; it has to be 2, 3"),
        ("[types.dense]\nbits = '3'", "types.dense.bits: found '3'; it has to be 2, 3"),
        (
            "[defaults]\nmethod = 'kmeans'",
            "defaults.method: found 'kmeans'; it has to be 'calibrated', 'fitted', 'e",
        ),
        (
            "[defaults]\ngranularity = 'layer'",
            "defaults.granularity: found 'layer'; it has to be 'tensor' or 'channel'",
        ),
        ("[layers.a]\nexclude = 1", "layers.a.exclude: found 1; it has to be a valid boolean"),
        (
            "[layers.a]\nexclude = true\nbits = 3",
            "layers.a: found exclude = true and bits = 3; an excluded layer has 8 bits; remove one",
        ),
        (
            "defaults = 4",
            "defaults: found 4; a table is needed, with a line [defaults] above its keys",
        ),
        ("[[layers]]", "layers: found [{}]; a table is needed, with a line [layers] above its"),
        (
            "[types]\ndense = 4",
            "types.dense: found 4; a table is needed, with a line [types.dense]",
        ),
        (
            "[layers]\n'a*' = 4",
            'layers."a*": found 4; a table is needed, with a line [layers."a*"]',
        ),
        ("budget = 3", "budget: found 3; a table is needed, with a line [budget] above its keys"),
        ("[defaults]\nbits = ", "is not TOML (Invalid value (at end of document)); correct the"),
        ("\n[layers.conv2d_*]", "is not TOML (Expected ']' at the end of a table declaration (at "),
        ("\n[layers.conv2d_*]", "line 2, column 16)); correct the file (a name with other charact"),
        ("[layers.a]\n[layers.a]", "is not TOML (Cannot declare ('layers', 'a') twice (at line 2"),
        (b"[layers.a]\n# \xff", "is not UTF-8 text ("),
    ],
)
def test_load_settings_refuses(load, tmp_path, text, message):
    with pytest.raises(InvalidInput) as caught:
        load(text)
    assert str(caught.value).startswith(f"{tmp_path / 'microlut.toml'}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("endless", ["9", "["])
def test_load_settings_refuses_what_the_parser_gives_up_on(load, endless):
    with pytest.raises(InvalidInput, match=r"is not TOML \((Exceeds the limit|maximum recursion)"):
        load(f"bits = {endless * 5000}")


def test_load_settings_refuses_a_missing_file():
    with pytest.raises(InvalidInput, match=r"^absent.toml: cannot be read: No such file .*; check"):
        load_settings(Path("absent.toml"))


def test_load_settings_refuses_a_folder(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_long_values_are_shortened(load):
    with pytest.raises(InvalidInput) as caught:
        load(f"[defaults]\nmethod = '{'x' * 1000}'")
    assert len(str(caught.value)) < 400


# Rules that match nothing


def test_layer_rule_that_matches_nothing_lists_the_nearest_layers_first(load, tmp_path):
    with pytest.raises(InvalidInput) as caught:
        choose(load("[layers.depthwize]\nbits = 3"))
    message = str(caught.value)
    assert message.startswith(
        f"{tmp_path / 'microlut.toml'}: layers.depthwize: matches no layer that has weights; "
        "those are depthwise, "
    )
    assert message.endswith("; correct the name or remove the rule")
    assert all(name in message for name in NAMES)


def test_pattern_that_matches_nothing_is_refused_beside_one_that_does(load):
    with pytest.raises(InvalidInput, match=r'layers\."dense_\*": matches no layer'):
        choose(load('[layers."*"]\nbits = 3\n[layers."dense_*"]\nbits = 3'))


def test_rule_for_a_layer_without_weights_is_refused(load):
    with pytest.raises(InvalidInput, match=r"layers\.relu: matches no layer that has weights"):
        choose(load("[layers.relu]\nbits = 3"))


def test_not_all_layers_of_a_deep_network_are_listed():
    graph = graph_of(**{f"conv2d_{i}": weighted(Conv2D) for i in range(40)})
    settings = Settings(layers={"conv2d_40": LayerRule(bits=3)})
    with pytest.raises(InvalidInput, match=r"^layers\.conv2d_40: .* and 35 more; correct"):
        layer_choices(graph, settings, Overrides(), "fitted")


def test_rule_for_a_network_without_weights_is_refused():
    settings = Settings(layers={"*": LayerRule(bits=3)})
    with pytest.raises(InvalidInput, match="those are none; "):
        layer_choices(graph_of(relu=Relu(ActivationKind.RELU)), settings, Overrides(), "fitted")


def test_type_that_the_model_lacks_is_no_fault(load):
    graph = graph_of(logits=weighted(Dense))
    settings = load("[types.conv2d]\nbits = 3")
    assert bits_of(layer_choices(graph, settings, Overrides(), "fitted")) == [4]


@pytest.mark.parametrize(
    ("options", "message"),
    [({"bits": 0}, "bits is 0"), ({"bits": 9}, "bits is 9"), ({"method": "x"}, "method is 'x'")],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        choose(**options)


def test_example_of_the_document_does_what_the_document_says(load):
    page = data_folder("boards").parent / "docs" / "reference" / "configuration.md"
    text = page.read_text(encoding="utf-8")
    settings = load(text.split("```toml\n")[1].split("```")[0])
    names = ("conv2d", "conv2d_1", "conv2d_7")
    graph = graph_of(**{name: weighted(Conv2D) for name in names}, dense=weighted(Dense))
    choices = layer_choices(graph, settings, Overrides(), "calibrated")
    assert bits_of(choices) == [4, 3, 4, 8]
    assert pinned(choices) == ["conv2d_1", "conv2d_7", "dense"]
    assert budget_in_force(settings, Overrides()) == Budget(average_bits=2.5)


def test_file_names_the_dimension_of_frames(load):
    assert load("stream = 1").stream == 1
    assert load("").stream is None


@pytest.mark.parametrize("value", ["-1", "true", '"frames"'])
def test_dimension_of_frames_is_a_whole_number(load, value: str):
    with pytest.raises(InvalidInput, match="stream: found"):
        load(f"stream = {value}")
