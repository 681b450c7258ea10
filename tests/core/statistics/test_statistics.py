from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from maze.core.statistics.statistics import Statistics, compute_statistics
from maze.core.statistics.summary import Summary, summarize, summarize_successes

FLOATS: Any = pa.map_(pa.string(), pa.float64())
METRIC: Any = pa.struct({"value": pa.float64(), "episode": pa.string(), "run": pa.string()})
SCHEMA = pa.schema(
    {
        "number": pa.int64(),
        "env_seed": pa.int64(),
        "agent_seed": pa.int64(),
        "hash": pa.string(),
        "length": pa.int64(),
        "return": pa.float64(),
        "terminated": pa.bool_(),
        "truncated": pa.bool_(),
        "truncated_by": pa.string(),
        "error": pa.string(),
        "success": pa.bool_(),
        "info": FLOATS,
        "kpis": FLOATS,
        "metrics": pa.map_(pa.string(), METRIC),
        "action_counts": pa.map_(pa.string(), pa.list_(pa.int64())),
        "actor_returns": FLOATS,
        "seconds": pa.float64(),
    }
)
NOTHING = Summary(0, 0, None, None, None, None, None, None, None)


def table(*rows: dict[str, Any]) -> pa.Table:
    defaults = {"length": 10, "return": 1.0, "terminated": True, "truncated": False, "seconds": 0.1}
    return pa.Table.from_pylist([{"number": n} | defaults | row for n, row in enumerate(rows)], schema=SCHEMA)


def failed(**row: Any) -> dict[str, Any]:
    return {"error": "ValueError", "length": None, "return": None, "terminated": None, "truncated": None} | row


def metric(value: float, episode: str, run: str = "mean") -> dict[str, Any]:
    return {"value": value, "episode": episode, "run": run}


def rollout() -> pa.Table:
    generator = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(40):
        row: dict[str, Any] = {
            "length": int(generator.integers(5, 100)),
            "return": float(generator.normal()),
            "terminated": number % 3 == 0,
            "truncated_by": (None, "env", "runner")[number % 3],
            "success": bool(number % 2),
            "info": {"score": float(generator.exponential())} | ({"rare": 1.0 / (number + 1)} if number < 7 else {}),
            "kpis": {"kpi": float(generator.normal())},
            "metrics": {"Cut.size.mean": metric(float(generator.normal()), "mean", "last")},
            "action_counts": {"0": generator.integers(0, 9, 3).tolist()},
        }
        rows.append(row if number % 10 else failed(info={"score": 1e9}, success=True))
    return table(*rows)


def test_return_and_length_are_summarized() -> None:
    statistics = compute_statistics(table({"return": 1.0, "length": 4}, {"return": 3.0, "length": 8}), seed=3)
    assert statistics.episode_return == summarize([1.0, 3.0], seed=3)
    assert statistics.length == summarize([4.0, 8.0], seed=3)
    assert (statistics.episode_return.mean, statistics.length.mean) == (2.0, 6.0)


def test_how_the_episodes_ended_is_counted() -> None:
    statistics = compute_statistics(
        table(
            {},
            {"terminated": False, "truncated": True, "truncated_by": "env"},
            {"terminated": False, "truncated": True, "truncated_by": "runner"},
            {"terminated": False, "truncated": True, "truncated_by": "runner"},
            failed(truncated_by="runner"),
        )
    )
    assert (statistics.n_episodes, statistics.n_failed, statistics.n_terminated) == (5, 1, 1)
    assert (statistics.n_truncated_by_env, statistics.n_truncated_by_runner) == (1, 2)


def test_failed_episodes_are_in_no_other_figure() -> None:
    good: list[dict[str, Any]] = [
        {
            "info": {"x": 1.0},
            "success": True,
            "metrics": {"A.count": metric(2.0, "count")},
            "action_counts": {"0": [1]},
        },
        {"info": {"x": 2.0}, "success": False, "metrics": {}, "action_counts": {"0": [2]}},
    ]
    bad = failed(**{**good[0], "return": 1e6, "length": 99, "kpis": {"only here": 1.0}})
    without, having = compute_statistics(table(*good)), compute_statistics(table(*good, bad, bad))
    assert having == Statistics(**{**vars(without), "n_episodes": 4, "n_failed": 2})


def test_the_order_of_rows_and_of_chunks_does_not_matter() -> None:
    episodes = rollout()
    expected = compute_statistics(episodes)
    for seed in range(3):
        shuffled = episodes.take(np.random.default_rng(seed).permutation(len(episodes)))
        parts = pa.concat_tables([shuffled.slice(0, 7), shuffled.slice(7, 20), shuffled.slice(27)])
        assert compute_statistics(parts) == expected


def test_the_seed_moves_only_confidence_intervals() -> None:
    one, other = compute_statistics(rollout(), seed=1), compute_statistics(rollout(), seed=2)
    assert one.episode_return.confidence_interval != other.episode_return.confidence_interval
    assert one.episode_return.mean == other.episode_return.mean
    assert one.success == other.success


def test_an_interval_does_not_depend_on_which_other_quantities_there_are() -> None:
    episodes = rollout()
    bare = episodes.set_column(episodes.column_names.index("info"), "info", pa.nulls(len(episodes), FLOATS))
    assert compute_statistics(bare).kpis == compute_statistics(episodes).kpis


def test_scalars_of_info_and_kpis_are_summarized_over_the_episodes_that_have_them() -> None:
    statistics = compute_statistics(
        table({"info": {"a": 1.0, "b": 5.0}, "kpis": {"k": 2.0}}, {"info": {"a": 3.0}, "kpis": None}, {"info": None})
    )
    assert statistics.info == {"a": summarize([1.0, 3.0]), "b": summarize([5.0])}
    assert statistics.kpis == {"k": summarize([2.0])}


def test_success_rate_is_over_the_episodes_that_report_it() -> None:
    episodes = table({"success": True}, {"success": False}, {"success": None}, {"success": True})
    assert compute_statistics(episodes).success == summarize_successes(2, 3)


def test_no_report_of_success_is_no_success_rate() -> None:
    assert compute_statistics(table({}, {})).success is None


@pytest.mark.parametrize("episode", ["count", "sum"])
def test_counts_and_sums_of_episodes_without_the_event_are_zero(episode: str) -> None:
    metrics = compute_statistics(table({}, {"metrics": {"A": metric(3.0, episode)}}, {"metrics": {}})).metrics
    assert metrics["A"].summary == summarize([0.0, 3.0, 0.0])
    assert metrics["A"].run_value == 1.0


@pytest.mark.parametrize("episode", ["mean", "min", "max", "last"])
def test_other_figures_of_episodes_without_the_event_do_not_exist(episode: str) -> None:
    metrics = compute_statistics(table({}, {"metrics": {"A": metric(3.0, episode)}}, {"metrics": {}})).metrics
    assert metrics["A"].summary == summarize([3.0])
    assert metrics["A"].run_value == 3.0


@pytest.mark.parametrize(
    ("run", "expected"), [("count", 3.0), ("sum", 9.0), ("mean", 3.0), ("min", 1.0), ("max", 6.0), ("last", 2.0)]
)
def test_the_run_has_the_figure_that_the_metric_asks_for(run: str, expected: float) -> None:
    # The last episode by number is not in the last row.
    rows = [(0, 6.0), (2, 2.0), (1, 1.0)]
    episodes = table(*({"number": n, "metrics": {"A": metric(value, "max", run)}} for n, value in rows))
    result = compute_statistics(episodes).metrics["A"]
    assert (result.episode, result.run, result.run_value) == ("max", run, expected)


def test_run_count_is_the_number_of_episodes_in_which_it_happened() -> None:
    episodes = table({}, {"metrics": {"A": metric(5.0, "count", "count")}}, {})
    assert compute_statistics(episodes).metrics["A"].run_value == 1.0


def test_metric_values_that_are_not_finite_are_counted_and_left_out() -> None:
    values = (math.nan, 2.0, math.inf)
    statistics = compute_statistics(table(*({"metrics": {"A": metric(value, "max", "max")}} for value in values)))
    assert statistics.metrics["A"].run_value == 2.0
    assert statistics.metrics["A"].summary.n_not_finite == 2
    nothing = compute_statistics(table({"metrics": {"A": metric(math.nan, "max", "max")}}))
    assert nothing.metrics["A"].run_value is None


def test_action_counts_are_added_per_step_key() -> None:
    counts: list[dict[str, Any]] = [
        {"cut": [1, 2, 3], "select": [5, 0]},
        {"cut": [10, 0, 0]},
        {"cut": [1, 1], "select": [0, 1]},  # lists may end early
    ]
    statistics = compute_statistics(table(*({"action_counts": count} for count in counts)))
    assert statistics.action_counts == {"cut": (12, 3, 3), "select": (5, 1)}


def test_returns_that_are_not_finite_are_counted_and_left_out() -> None:
    statistics = compute_statistics(table({"return": math.nan}, {"return": 2.0}, {"return": 4.0}))
    assert statistics.episode_return == Summary(**{**vars(summarize([2.0, 4.0])), "n_not_finite": 1})
    assert statistics.length.n == 3


def test_a_single_episode_has_no_intervals_but_for_success() -> None:
    statistics = compute_statistics(table({"return": 5.0, "success": True}))
    assert statistics.episode_return == Summary(1, 0, 5.0, None, None, 5.0, 5.0, 5.0, 5.0)
    assert statistics.success == summarize_successes(1, 1)


@pytest.mark.parametrize("n_failed", [0, 3])
def test_no_episode_or_only_failed_ones_say_nothing(n_failed: int) -> None:
    statistics = compute_statistics(table(*[failed(info={"x": 1.0})] * n_failed))
    assert statistics == Statistics(n_failed, n_failed, 0, 0, 0, NOTHING, NOTHING, None, {}, {}, {}, {})


def test_columns_may_have_no_type_but_null() -> None:
    episodes = table({}, {}).drop_columns(["success", "truncated_by", "error", "info", "kpis", "metrics"])
    for name in ("success", "truncated_by", "error", "info", "kpis", "metrics"):
        episodes = episodes.append_column(name, pa.nulls(2))
    assert compute_statistics(episodes) == compute_statistics(table({}, {}))


@pytest.mark.parametrize("episodes", [rollout(), table(), table({"return": math.inf, "info": {"x": math.nan}})])
def test_statistics_survive_strict_json(episodes: pa.Table) -> None:
    statistics = compute_statistics(episodes)
    text = json.dumps(statistics.to_json(), allow_nan=False)
    assert Statistics.from_json(json.loads(text)) == statistics


def test_returns_of_several_actors() -> None:
    """An actor counts in the episodes in which it took part; agents are in order of their numbers."""
    rows = [{"actor_returns": {"piston_10": n, "piston_9": 2.0 * n} | ({"late_0": 5.0} if n else {})} for n in range(3)]
    statistics = compute_statistics(table(*rows, failed()))
    assert list(statistics.actor_returns) == ["late_0", "piston_9", "piston_10"]
    assert [(summary.n, summary.mean) for summary in statistics.actor_returns.values()] == [(2, 5), (3, 2), (3, 1)]
    assert Statistics.from_json(json.loads(json.dumps(statistics.to_json()))) == statistics


def test_a_single_actor_earns_the_return() -> None:
    assert compute_statistics(table({"actor_returns": {"piece_0": 1.0}})).actor_returns == {}
    assert compute_statistics(table({}).drop_columns("actor_returns")).actor_returns == {}
    earlier = compute_statistics(table({})).to_json()
    del earlier["actor_returns"]
    assert Statistics.from_json(earlier).actor_returns == {}
