from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_the_median_is_held_against_the_target(module: Any) -> None:
    row = module("rows").Row("key", "what", "ours", "bare", at_least=0.9)
    repetitions = [{"ours": {"rate": rate}, "bare": {"rate": 100.0}} for rate in (80.0, 91.0, 95.0)]
    result = module("results").result_of(row, repetitions)
    assert (result.median, min(result.figures), max(result.figures), result.is_met) == (0.91, 0.8, 0.95, True)
    assert module("results").result_of(row, repetitions[:1]).is_met is False


def test_a_figure_without_a_reference_is_the_quantity_itself(module: Any) -> None:
    row = module("rows").Row("key", "what", "ours", quantity="bytes_per_step", at_most=25)
    result = module("results").result_of(row, [{"ours": {"bytes_per_step": 26.0}}])
    assert (result.median, result.is_met) == (26.0, False)


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ({"absent": "tianshou is not installed"}, "tianshou is not installed"),
        ({"failed": "exit code 1: boom"}, "exit code 1: boom"),
        ({"rate": None}, "too short to measure"),
    ],
)
def test_a_row_without_figures_says_why(module: Any, sample: dict[str, Any], reason: str) -> None:
    row = module("rows").Row("key", "what", "theirs", "bare", at_least=1.0)
    result = module("results").result_of(row, [{"theirs": sample, "bare": {"rate": 1.0}}])
    assert (result.median, result.is_met, result.why_none) == (None, None, reason)
    assert module("report").cells_of(result)[-1] == reason


@pytest.mark.parametrize("broken", [{"failed": "boom"}, {"absent": "torch is not installed"}, {"rate": None}])
def test_what_was_measured_twice_is_one_sample_unless_it_failed(module: Any, broken: dict[str, Any]) -> None:
    mean_of = module("results").mean_of
    twice = [{"rate": 2.0, "long": {"steps": 5}}, {"rate": 4.0, "long": {"steps": 6}}]
    assert mean_of(twice) == {"rate": 3.0, "each": twice}
    assert mean_of([{"rate": 2.0}, broken]) == broken
    assert mean_of([broken, {"rate": 2.0}]) == broken


def test_repetitions_that_failed_do_not_count(module: Any) -> None:
    row = module("rows").Row("key", "what", "ours", "bare")
    repetitions = [{"ours": {"failed": "boom"}, "bare": {"rate": 2.0}}, {"ours": {"rate": 1.0}, "bare": {"rate": 2.0}}]
    assert list(module("results").result_of(row, repetitions).figures) == [0.5]
