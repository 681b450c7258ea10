"""Objects from plain dicts."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from maze.factory import ConfigurationError, accepted_arguments, build, check, resolve, suggest


@dataclass
class Box:
    content: Any
    label: str = ""


class Loose:
    def __init__(self, **anything: Any) -> None:
        self.anything = anything


BOX, LOOSE = f"{__name__}.Box", f"{__name__}.Loose"


def test_nested_configs_are_built_first() -> None:
    fraction = {"_target_": "fractions.Fraction", "numerator": 1, "denominator": 3}
    config = {"_target_": BOX, "content": {"list": [fraction, {"deep": (fraction,)}], "plain": 5}}
    third = Fraction(1, 3)
    assert build(config) == Box({"list": [third, {"deep": [third]}], "plain": 5})
    assert config["content"]["list"][0] == fraction  # type: ignore[index]


def test_what_is_offered_is_taken_where_there_is_a_parameter() -> None:
    assert build({"_target_": BOX}, content=1, unknown=2) == Box(1)
    assert build({"_target_": BOX, "content": 3}, content=1) == Box(3)
    assert build({"_target_": LOOSE, "a": 1}, content=1).anything == {"a": 1}


def test_functions_methods_and_nested_names_are_found() -> None:
    assert resolve("datetime.date.today") == dt.date.today
    assert resolve("collections.OrderedDict") is OrderedDict
    assert resolve("os.path.join")("a", "b") == "a/b"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("fractions.Fracton", "there is no 'Fracton' in fractions: did you mean 'Fraction'?"),
        ("fractionz.Fraction", "there is no package 'fractionz'"),
        ("fractions.Fraction.from_flot", "there is no 'from_flot' in fractions.Fraction: did you mean 'from_float'?"),
        ("fractions", "fractions is a module: name a class or a function"),
        ("math.pi", "math.pi is a float: name a class or a function"),
        ("", "'' is no dotted path: name a class or a function"),
        ("fractions.", "'fractions.' is no dotted path"),
        (".Fraction", "'.Fraction' is no dotted path"),
    ],
)
def test_unknown_targets_are_refused_in_one_line(name: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check({"_target_": name})
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_package_that_a_target_needs_is_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_more.py").write_text("import not_installed_anywhere\n\ndef make(): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match="needs the package 'not_installed_anywhere', which is not installed"):
        check({"_target_": "needs_more.make"})


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"_target_": BOX, "content": 1, "lable": "x"}, "has no argument 'lable': did you mean 'label'?"),
        ({"_target_": BOX}, "needs the argument 'content': add `content: ...` to its config"),
        ({"_target_": LOOSE, "a": {"_target_": BOX}}, "needs the argument 'content'"),
        ({"_target_": LOOSE, "a": [{"b": {"_target_": "fractions.Nope"}}]}, "there is no 'Nope' in fractions"),
        ({"content": 1}, "nothing to build in {'content': 1}: add a `_target_`"),
        ({}, "nothing to build in {}: add a `_target_`"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_one_line(config: dict[str, Any], line: str) -> None:
    for use in (check, build):
        with pytest.raises(ConfigurationError) as caught:
            use(config)
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)


def test_only_allowed_targets_are_built() -> None:
    fraction = {"_target_": "fractions.Fraction", "numerator": 1}
    assert build(fraction, allowed=["fractions"]) == 1
    for allowed in ([], ["fraction"], ["fractions.Fraction.x"], ["numbers"]):
        with pytest.raises(ConfigurationError, match="comes from a run directory"):
            build(fraction, allowed=allowed)
    nested = {"_target_": BOX, "content": [fraction]}
    with pytest.raises(ConfigurationError, match=r"fractions\.Fraction is not built"):
        build(nested, allowed=[__name__])


def test_a_door_in_an_allowed_package_to_another_is_closed() -> None:
    """`fractions` imports `math` and `operator`; neither is allowed through it."""
    for name in ("fractions.math.sqrt", "fractions.operator.attrgetter", "fractions.Decimal"):
        with pytest.raises(ConfigurationError, match="is not built"):
            build({"_target_": name}, allowed=["fractions"])


def test_accepted_arguments() -> None:
    def function(a: int, /, b: int, *args: int, c: int = 1, **kwargs: int) -> None:
        pass

    assert list(accepted_arguments(function) or ()) == ["b", "c"]
    assert accepted_arguments(dict) is None or isinstance(accepted_arguments(dict), dict)


def test_suggestions() -> None:
    assert suggest("cartpole", ["CartPole"]) == ": did you mean 'CartPole'?"
    assert suggest("CartPole-v0", ["Acrobot-v1", "CartPole-v1"]) == ": did you mean 'CartPole-v1'?"
    assert suggest("xyz", ["abc"]) == ""
    assert suggest("3", [1, 2, 30]) in ("", ": did you mean '30'?")
