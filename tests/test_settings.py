"""Settings from plain data: what a type hint takes, what is said of all else, and changes from a command line."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from pydantic import Field

from sorrelsim.authoring.params import deal, param
from sorrelsim.settings import ConfigError, apply_changes, parse_config


@dataclass(frozen=True)
class Inner:
    hidden: tuple[int, ...] = (8,)
    kind: Literal["mlp", "conv"] = "mlp"


@dataclass(frozen=True)
class Outer:
    rate: float
    steps: Annotated[int, Field(ge=1)] = 10
    flag: bool = False
    limit: float | None = None
    inner: Inner = field(default_factory=Inner)
    maybe: Inner | None = None
    several: list[Inner] = field(default_factory=list)

    def __post_init__(self):
        if self.rate > 100:
            raise ValueError("rate is larger than 100")


def test_plain_data_takes_the_types_that_are_declared():
    given = {"rate": 1, "steps": 1e6, "inner": {"hidden": [3, 4.0]}, "maybe": {"kind": "conv"}, "several": [{}, {}]}
    read = parse_config(Outer, given, "Outer")
    assert read == Outer(1.0, 1_000_000, inner=Inner((3, 4)), maybe=Inner(kind="conv"), several=[Inner(), Inner()])
    assert (type(read.rate), type(read.steps)) == (float, int)
    assert parse_config(Outer, {"rate": "1e-3", "inner": Inner((1,))}, "Outer").inner.hidden == (1,)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": True}, "Outer.rate must be float, got True (bool)"),
        ({"rate": "fast"}, "Outer.rate must be float, got 'fast' (str)"),
        ({"rate": 1, "steps": 1.5}, "Outer.steps must be int, got 1.5 (float)"),
        ({"rate": 1, "steps": 0}, "Outer.steps must be greater than or equal to 1, got 0"),
        ({"rate": 1, "flag": 1}, "Outer.flag must be bool, got 1 (int)"),
        ({"rate": 1, "limit": []}, "Outer.limit must be float or None, got [] (list)"),
        ({"rate": 1, "inner": 3}, "Outer.inner must be Inner, got 3 (int)"),
        (
            {"rate": 1, "inner": {"kind": "con"}},
            "Outer.inner.kind must be 'mlp' or 'conv', got 'con' (str); did you mean",
        ),
        ({"rate": 1, "inner": {"hidden": [1, "x"]}}, "Outer.inner.hidden.1 must be int, got 'x' (str)"),
        ({"rate": 1, "several": [{}, {"hiden": 1}]}, "Outer.several.1 has no setting 'hiden'; did you mean 'hidden'?"),
        ({"rate": 1, "several": {}}, "Outer.several must be list"),
        ({}, "Outer.rate is missing"),
        ({"rate": 101}, "Outer: rate is larger than 100"),
    ],
)
def test_all_else_is_an_error_that_names_the_place(given, said):
    with pytest.raises(ConfigError) as error:
        parse_config(Outer, given, "Outer")
    assert str(error.value).startswith(said)


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigError) as error:
        parse_config(Outer, {"rat": 1, "steps": "many", "inner": {"kind": 0}}, "a.yaml:")
    assert [line.split(" must")[0] for line in str(error.value).splitlines()] == [
        "a.yaml has no setting 'rat'; did you mean 'rate'? Allowed: flag, inner, limit, maybe, rate, several, steps",
        "a.yaml: steps", "a.yaml: inner.kind", "a.yaml: rate is missing",
    ]  # fmt: skip


def test_changes_are_yaml_and_reach_every_depth():
    changes = ["rate=1e-3", "window.forward=2", "window.back=0", "name=x", "list.0.a=[1, 2]", "none.b="]
    assert apply_changes({"list": [{}], "none": None}, changes, "a.yaml", "a=1") == {
        "rate": 0.001, "window": {"forward": 2, "back": 0}, "name": "x", "list": [{"a": [1, 2]}], "none": {"b": None},
    }  # fmt: skip


def test_a_param_with_one_value_per_copy_is_dealt_out():
    class Params:
        speed: float = 1.0
        pair: tuple = (0.0, 1.0)

    assert param(2.0, low=1.0).metadata == {"low": 1.0, "high": float("inf")}
    given = {"speed": [1, 2, 3], "pair": [[0, 1], [2, 3]], "map": ["a", "b"]}
    assert deal(Params, given, 4) == {"speed": [1, 2, 3, 1], "pair": [[0, 1], [2, 3]] * 2, "map": ["a", "b"]}
    assert deal(Params, given, 1) == {"speed": 1, "pair": [0, 1], "map": ["a", "b"]}
    assert deal(Params, {"speed": 2, "pair": [5, 6]}, 4) == {"speed": 2, "pair": [5, 6]}
