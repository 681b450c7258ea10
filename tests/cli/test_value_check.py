from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from maze.cli.value_check import check_values
from maze.factory import ConfigurationError


class Outer:
    def __init__(self, *, ratio: float = 0.5, mode: Literal["fast", "slow"] = "fast") -> None: ...


class Inner(Outer):
    def __init__(self, size: int | None = 3, *, names: Sequence[str] = (), **settings: Any) -> None: ...


def takes_anything(**settings: Any) -> None: ...


def takes_a_mapping(values: Mapping[str, int], other: int = None) -> None: ...  # type: ignore[assignment] # noqa: RUF013


@pytest.mark.parametrize(
    "config",
    [
        {"_target_": "anything", "size": 4, "ratio": 1, "mode": "slow"},
        {"size": None, "names": ["a", "b"], "ratio": 0.25},
        {},
    ],
)
def test_values_that_fit(config: dict[str, Any]) -> None:
    check_values("runner", config, Inner)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"size": "four"}, "runner.size=four: it must be a whole number or null"),
        ({"size": True}, "runner.size=true: it must be a whole number or null"),
        ({"ratio": None}, "runner.ratio=null: it must be a number"),
        ({"names": "a"}, "runner.names=a: it must be a list of texts"),
        ({"names": [1]}, r"runner.names=\[1\]: it must be a list of texts"),
        ({"mode": "slwo"}, "runner.mode=slwo: did you mean 'slow'?"),
        ({"mode": "?"}, r"runner.mode=\?: it must be fast or slow"),
        ({"sizes": 4}, "there is no key 'runner.sizes': did you mean 'runner.size'?"),
        ({"colour": 4}, "there is no key 'runner.colour'$"),
    ],
)
def test_values_that_do_not_fit(config: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError, match=line):
        check_values("runner", config, Inner)


def test_a_target_that_takes_anything() -> None:
    check_values("env", {"whatever": 1}, takes_anything)


def test_a_target_that_tells_nothing() -> None:
    check_values("env", {"whatever": 1}, zip)


def test_a_default_of_none_may_be_given() -> None:
    check_values("env", {"values": {"a": 1}, "other": None}, takes_a_mapping)
    with pytest.raises(ConfigurationError, match="it must be a mapping"):
        check_values("env", {"values": [1]}, takes_a_mapping)
