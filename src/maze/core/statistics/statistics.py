"""The statistics of a run: what its episodes say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maze.core.arrow_arrays import float_array, numpy_array, validity
from maze.core.env.event import Reduction
from maze.core.statistics.map_column import MapEntries, entries_by_name
from maze.core.statistics.summary import LARGEST_MAGNITUDE, Summary, summarize, summarize_successes


@dataclass(frozen=True)
class MetricSummary:
    """Figures of one event metric."""

    episode: Reduction
    """How the events of an episode became its value."""

    run: Reduction
    """How the values of the episodes become `run_value`."""

    run_value: float | None
    """The metric's figure of the run; None where no episode has a finite value."""

    summary: Summary
    """Of the values of the episodes."""

    def to_json(self) -> dict[str, Any]:
        """Give the figures as strict JSON, without NaN."""
        return {
            "episode": self.episode,
            "run": self.run,
            "run_value": self.run_value,
            "summary": self.summary.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> MetricSummary:
        """Read what `to_json` gave."""
        return cls(data["episode"], data["run"], data["run_value"], Summary.from_json(data["summary"]))


@dataclass(frozen=True)
class Statistics:
    """What a run's episodes say together; failed ones are counted, and in no other figure."""

    n_episodes: int
    """All episodes, failed ones included."""

    n_failed: int

    n_terminated: int
    """Episodes that reached an end of the environment's own."""

    n_truncated_by_env: int
    """Episodes that the environment or its time limit cut."""

    n_truncated_by_runner: int
    """Episodes that the runner cut at `max_episode_steps`."""

    episode_return: Summary

    length: Summary
    """In rounds; of a flat environment these are its steps."""

    success: Summary | None
    """The success rate; None where the environment does not report success."""

    info: dict[str, Summary]
    """Every scalar that the environment put into `info` at the episode's end, by name."""

    kpis: dict[str, Summary]

    metrics: dict[str, MetricSummary]

    action_counts: dict[str, tuple[int, ...]]
    """By step key: how often each discrete action was taken."""

    actor_returns: dict[str, Summary] = field(default_factory=dict)
    """By actor, such as `player_1` for the agent 1 of the step key `player`: what it earned in the episodes in which it
    took part. Empty for a single actor, which earns the return."""

    def to_json(self) -> dict[str, Any]:
        """Give the statistics as strict JSON, without NaN."""
        return {
            "n_episodes": self.n_episodes,
            "n_failed": self.n_failed,
            "n_terminated": self.n_terminated,
            "n_truncated_by_env": self.n_truncated_by_env,
            "n_truncated_by_runner": self.n_truncated_by_runner,
            "return": self.episode_return.to_json(),
            "length": self.length.to_json(),
            "success": self.success and self.success.to_json(),
            "info": {name: summary.to_json() for name, summary in self.info.items()},
            "kpis": {name: summary.to_json() for name, summary in self.kpis.items()},
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "action_counts": {step_key: list(counts) for step_key, counts in self.action_counts.items()},
            "actor_returns": {name: summary.to_json() for name, summary in self.actor_returns.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Statistics:
        """Read what `to_json` gave."""
        return cls(
            n_episodes=data["n_episodes"],
            n_failed=data["n_failed"],
            n_terminated=data["n_terminated"],
            n_truncated_by_env=data["n_truncated_by_env"],
            n_truncated_by_runner=data["n_truncated_by_runner"],
            episode_return=Summary.from_json(data["return"]),
            length=Summary.from_json(data["length"]),
            success=data["success"] and Summary.from_json(data["success"]),
            info={name: Summary.from_json(summary) for name, summary in data["info"].items()},
            kpis={name: Summary.from_json(summary) for name, summary in data["kpis"].items()},
            metrics={name: MetricSummary.from_json(metric) for name, metric in data["metrics"].items()},
            action_counts={step_key: tuple(counts) for step_key, counts in data["action_counts"].items()},
            actor_returns={name: Summary.from_json(summary) for name, summary in data.get("actor_returns", {}).items()},
        )


def compute_statistics(episodes: pa.Table, *, seed: int = 0) -> Statistics:
    """Compute the statistics of a run from its rows of `episodes/`.

    The order of the rows does not matter: the same episodes give the same bits.

    Args:
        episodes: One row per episode, as a recording has them.
        seed: Of the bootstrap behind the confidence intervals.

    Example:
        >>> maps = pa.array([None, None], pa.map_(pa.string(), pa.float64()))
        >>> statistics = compute_statistics(pa.table({
        ...     "number": [1, 0], "length": [9, 11], "return": [2.0, 4.0], "error": pa.nulls(2, pa.string()),
        ...     "terminated": [True, False], "truncated_by": [None, "runner"], "success": [True, False],
        ...     "info": maps, "kpis": maps, "metrics": maps, "action_counts": maps,
        ... }))
        >>> statistics.n_episodes, statistics.n_truncated_by_runner, statistics.episode_return.mean
        (2, 1, 3.0)
    """
    succeeded = ~validity(episodes["error"])
    numbers = numpy_array(episodes["number"])
    rows = np.flatnonzero(succeeded)
    positions = np.full(len(numbers), -1)
    positions[rows[np.argsort(numbers[rows], kind="stable")]] = np.arange(len(rows))
    returns, lengths, terminated, successes = (
        float_array(episodes[name])[rows] for name in ("return", "length", "terminated", "success")
    )
    successes = successes[~np.isnan(successes)]
    cut_by = Counter(compress(episodes["truncated_by"].to_pylist(), succeeded))
    return Statistics(
        n_episodes=len(numbers),
        n_failed=len(numbers) - len(rows),
        n_terminated=int(np.nansum(terminated)),
        n_truncated_by_env=cut_by["env"],
        n_truncated_by_runner=cut_by["runner"],
        episode_return=summarize(returns, seed),
        length=summarize(lengths, seed),
        success=summarize_successes(int(successes.sum()), len(successes)) if len(successes) else None,
        info=_summaries(episodes["info"], positions, seed),
        kpis=_summaries(episodes["kpis"], positions, seed),
        metrics={
            name: _summarize_metric(entries, len(rows), seed)
            for name, entries in entries_by_name(episodes["metrics"], positions)
        },
        action_counts=_sum_action_counts(episodes["action_counts"], positions),
        actor_returns=_actor_returns(episodes, positions, seed),
    )


def _actor_returns(episodes: pa.Table, positions: NDArray[np.int64], seed: int) -> dict[str, Summary]:
    """Returns of the actors, those of one step key in order of their agents; none where there is only one actor."""
    if "actor_returns" not in episodes.column_names:
        return {}
    summaries = _summaries(episodes["actor_returns"], positions, seed)

    def order(name: str) -> tuple[str, int]:
        step_key, _, agent_id = name.rpartition("_")
        return step_key, int(agent_id)

    return {name: summaries[name] for name in sorted(summaries, key=order)} if len(summaries) > 1 else {}


def _summaries(column: pa.ChunkedArray[Any], positions: NDArray[np.int64], seed: int) -> dict[str, Summary]:
    return {name: summarize(float_array(entries.items), seed) for name, entries in entries_by_name(column, positions)}


def _summarize_metric(entries: MapEntries, n_episodes: int, seed: int) -> MetricSummary:
    """Summarize a metric; where nothing happened a count or a sum is 0, and other values do not exist."""
    first = entries.items[int(entries.positions.argmin())].as_py()
    episode, run = first["episode"], first["run"]
    # By position, which is the order of the episodes' numbers: what is "last", and sums to the last bit, depend on it.
    values, happened = np.zeros(n_episodes), np.zeros(n_episodes, np.bool_)
    values[entries.positions] = float_array(entries.items.field("value"))
    happened[entries.positions] = True
    if episode not in ("count", "sum"):
        values = values[happened]
    run_value = float(happened.sum()) if run == "count" else _reduce(values, run)
    return MetricSummary(episode, run, run_value, summarize(values, seed))


def _reduce(values: NDArray[np.float64], reduction: Reduction) -> float | None:
    """Reduce the finite values of a run, which are in order of the episodes' numbers, to its figure."""
    finite = values[np.abs(values) <= LARGEST_MAGNITUDE]
    if len(finite) == 0:
        return None
    if reduction == "last":
        return float(finite[-1])
    return float(getattr(np, reduction)(finite))


def _sum_action_counts(column: pa.ChunkedArray[Any], positions: NDArray[np.int64]) -> dict[str, tuple[int, ...]]:
    totals = {}
    for step_key, (_, counts) in entries_by_name(column, positions):
        offsets, values = numpy_array(counts.offsets), numpy_array(counts.values)
        starts, lengths = offsets[:-1], np.diff(offsets)
        # The action of each count is its place in its list; lists may differ in length.
        totals[step_key] = tuple(
            int(values[starts[lengths > action] + action].sum()) for action in range(lengths.max())
        )
    return totals
