"""Expressions that choose episodes."""

from __future__ import annotations

import numpy as np
import pytest

from maze.core.statistics.episode_filter import choose_episodes
from maze.factory import ConfigurationError

COLUMNS = {
    "number": np.array([0, 1, 2, 3]),
    "return": np.array([10.0, -5.0, np.nan, 30.0]),
    "success": np.array([1.0, 0.0, np.nan, 1.0]),
    "error": np.array([None, None, "it 'broke' on return", None], object),
    "kpis.scrap": np.array([0.5, 0.1, np.nan, np.inf]),
    "kpis.two words": np.array([1.0, 2.0, 3.0, 4.0]),
    "env_seed": np.array([2**62, 2**62 + 1, 7, 8]),
}


@pytest.mark.parametrize(
    ("expression", "numbers"),
    [
        ("return < 50", [0, 1, 3]),
        ("return < 50 and number > 0", [1, 3]),
        ("not return < 50", [2]),
        ("-10 < return < 20", [0, 1]),
        ("abs(return) == 5 or number == 3", [1, 3]),
        ("kpis.scrap * 2 >= 1", [0, 3]),
        ('kpis["two words"] % 2 == 0', [1, 3]),
        ("return / 0 > 1", [0, 3]),
        ("number in [0, 3, 17]", [0, 3]),
        ("number not in (0, 3)", [1, 2]),
        ("error is None", [0, 1, 3]),
        ("error is not None", [2]),
        ("error == \"it 'broke' on return\"", [2]),
        ("error in ['nothing']", []),
        ("success", [0, 3]),
        ("success == True", [0, 3]),
        ("return is None", [2]),
        ("True", [0, 1, 2, 3]),
        ("env_seed == 4611686018427387905", [1]),
        ("(number > 0) + (number > 1) == 2", [2, 3]),
    ],
)
def test_that_it_chooses(expression: str, numbers: list[int]) -> None:
    assert np.flatnonzero(choose_episodes(expression, COLUMNS)).tolist() == numbers


@pytest.mark.parametrize(
    ("expression", "line"),
    [
        ("", "cannot read the filter ''"),
        ("return <", "cannot read the filter 'return <'"),
        ("return < 50)", "cannot read the filter"),
        ("retur < 50", "retur"),
        ("__import__('os').system('true')", "a filter cannot have"),
        ("(lambda: 1)()", "a filter cannot have"),
        ("[x for x in number]", "a filter cannot have"),
        ("number.__class__", "__class__"),
        ("f'{number}' == ''", "a filter cannot have"),
        ("2 ** 99999999 > number", "a filter cannot have"),
        ("'a' * 99999999 == error", "'a' is no number"),
        ("error < 5", "error and 5 cannot be compared: one is a text, the other a number"),
        ("return == 'x'", "return and 'x' cannot be compared"),
        ("number in 5", "'5' is no list"),
        ("number\n== 1", "cannot read the filter"),
        ("number is 5", "cannot compare by 'is'"),
        ("error + 1 > 2", "error is no number"),
        ("abs(number, 1) > 2", "a filter cannot have"),
        ("(" * 500 + "number" + ")" * 500, "cannot read the filter"),
        ("number > " + "1 + " * 1000 + "1", "has 4,010 characters"),
    ],
)
def test_that_all_else_is_refused_in_one_line(expression: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose_episodes(expression, COLUMNS)
    assert line in str(caught.value)


def test_that_no_episode_is_no_error() -> None:
    assert choose_episodes("number > 1", {"number": np.empty(0)}).tolist() == []
