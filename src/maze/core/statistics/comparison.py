"""Two runs beside each other: by how much their figures differ, and which is better where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maze.core.statistics.confidence_interval import CONFIDENCE, wilson_interval
from maze.core.statistics.episode_columns import FIGURES, EpisodeColumns
from maze.core.statistics.summary import LARGEST_MAGNITUDE, summarize

MOST_RESAMPLES, MOST_DRAWS = 5_000, 2_000_000
COMPARED = ("return", "length", "success")


@dataclass(frozen=True)
class Difference:
    """One quantity in two runs, A and B."""

    n: int
    """Pairs of episodes, both of which have a finite value; unpaired 0."""

    mean_a: float | None
    mean_b: float | None

    difference: float | None
    """Mean of B less mean of A, over the same episodes as the means."""

    confidence_interval: tuple[float, float] | None
    """Low and high end of the difference's 95% confidence interval; None where there are too few episodes."""


@dataclass(frozen=True)
class Pair:
    """An episode of A and one of B that began with the same seed."""

    env_seed: int
    number_a: int
    number_b: int
    return_a: float
    return_b: float

    @property
    def difference(self) -> float:
        """Return of B less return of A."""
        return self.return_b - self.return_a


@dataclass(frozen=True)
class Comparison:
    """What two runs say about which of them is better."""

    n_episodes_a: int
    """Successful episodes of A."""

    n_episodes_b: int

    n_same: int
    """Pairs of episodes with the same hash: nothing at all differs in them."""

    pairs: Sequence[Pair]
    """By the seed of the environment, in order of the episodes of A; empty where the runs have no seeds in common."""

    differences: Mapping[str, Difference]
    """By the name of the quantity: return, length, success, and all figures that both runs have."""

    @property
    def is_paired(self) -> bool:
        """Whether episodes of the same seeds were compared; otherwise it is the means of all."""
        return bool(self.pairs)

    @property
    def wins_a(self) -> int:
        """Pairs in which A has the higher return."""
        return sum(pair.difference < 0 for pair in self.pairs)

    @property
    def wins_b(self) -> int:
        """Pairs in which B has the higher return."""
        return sum(pair.difference > 0 for pair in self.pairs)

    @property
    def win_rate_b(self) -> float | None:
        """Share of the pairs that B wins; None where nothing is paired."""
        return self.wins_b / len(self.pairs) if self.pairs else None

    @property
    def win_rate_interval(self) -> tuple[float, float] | None:
        """Its 95% confidence interval (Wilson); None where nothing is paired."""
        return wilson_interval(self.wins_b, len(self.pairs))

    def best(self, n: int, *, of_b: bool) -> list[Pair]:
        """The pairs that one of the runs wins by most."""
        sign = 1 if of_b else -1
        won = [pair for pair in self.pairs if sign * pair.difference > 0]
        return sorted(won, key=lambda pair: (-sign * pair.difference, pair.number_a))[:n]

    def to_json(self) -> dict[str, Any]:
        """Give it as strict JSON."""
        return {
            "paired": self.is_paired,
            "n_pairs": len(self.pairs),
            "n_same": self.n_same,
            "n_episodes": {"a": self.n_episodes_a, "b": self.n_episodes_b},
            "wins": {"a": self.wins_a, "b": self.wins_b, "ties": len(self.pairs) - self.wins_a - self.wins_b},
            "win_rate_b": self.win_rate_b,
            "win_rate_b_interval": self.win_rate_interval and list(self.win_rate_interval),
            "differences": {
                name: asdict(each)
                | {"confidence_interval": each.confidence_interval and list(each.confidence_interval)}
                for name, each in self.differences.items()
            },
            "pairs": [asdict(pair) | {"difference": pair.difference} for pair in self.pairs],
        }


def compare(episodes_a: pa.Table, episodes_b: pa.Table, *, seed: int = 0) -> Comparison:
    """Compare two runs; episodes whose environments had the same seed are paired, which tells more than the means.

    An environment seed that occurs several times is paired in order of the episodes' numbers. What failed, and what the
    other run has no partner for, is left out. Runs without a seed in common are compared unpaired, by their means.

    Args:
        episodes_a: Rows of `episodes/`.
        episodes_b: Likewise.
        seed: Of the bootstrap behind the confidence intervals.

    Example:
        >>> rows = {"number": [0, 1], "env_seed": [7, 8], "hash": ["x", "y"], "error": pa.nulls(2, pa.string())}
        >>> a = pa.table({**rows, "return": [1.0, 2.0]})
        >>> comparison = compare(a, pa.table({**rows, "return": [3.0, 1.5]}))
        >>> comparison.wins_a, comparison.wins_b, comparison.differences["return"].difference
        (1, 1, 0.75)
    """
    done_a, done_b = _successful(episodes_a), _successful(episodes_b)
    columns_a, columns_b = EpisodeColumns(done_a), EpisodeColumns(done_b)
    rows_a, rows_b = _paired_rows(columns_a["env_seed"], columns_b["env_seed"])
    is_paired = len(rows_a) > 0
    figures = [name for name in columns_a if name.partition(".")[0] in FIGURES]
    names = [name for name in (*COMPARED, *figures) if name in columns_a and name in columns_b]
    differences = {}
    for name in names:
        values_a, values_b = columns_a[name].astype(np.float64), columns_b[name].astype(np.float64)
        if is_paired:
            differences[name] = _paired_difference(values_a[rows_a], values_b[rows_b], seed)
        else:
            differences[name] = _unpaired_difference(values_a, values_b, seed)
    return Comparison(
        n_episodes_a=len(done_a),
        n_episodes_b=len(done_b),
        n_same=int((columns_a["hash"][rows_a] == columns_b["hash"][rows_b]).sum()),
        pairs=_pairs(columns_a, columns_b, rows_a, rows_b),
        differences={name: each for name, each in differences.items() if each.mean_a is not None},
    )


def _successful(episodes: pa.Table) -> pa.Table:
    """Rows without an error, in order of number."""
    done = episodes.filter(pc.is_null(episodes["error"]))
    return done.take(pc.sort_indices(done["number"]))


def _paired_rows(seeds_a: NDArray[Any], seeds_b: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that belong together: the k-th of a seed in A and the k-th of it in B; unknown seeds are negative."""
    places = {key: row for row, key in enumerate(_occurrences(seeds_b))}
    rows = [(row, places[key]) for row, key in enumerate(_occurrences(seeds_a)) if key in places and key[0] >= 0]
    both = np.array(rows, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _occurrences(seeds: NDArray[Any]) -> list[tuple[int, int]]:
    seen: Counter[int] = Counter()
    keys = []
    for seed in seeds.tolist():
        keys.append((seed, seen[seed]))
        seen[seed] += 1
    return keys


def _pairs(
    columns_a: EpisodeColumns, columns_b: EpisodeColumns, rows_a: NDArray[np.int64], rows_b: NDArray[np.int64]
) -> list[Pair]:
    seeds, numbers_a = columns_a["env_seed"][rows_a].tolist(), columns_a["number"][rows_a].tolist()
    numbers_b = columns_b["number"][rows_b].tolist()
    returns = columns_a["return"][rows_a].tolist(), columns_b["return"][rows_b].tolist()
    return [
        Pair(*entries)
        for entries in zip(seeds, numbers_a, numbers_b, *returns, strict=True)
        if np.isfinite(entries[-1]) and np.isfinite(entries[-2])
    ]


def _paired_difference(values_a: NDArray[np.float64], values_b: NDArray[np.float64], seed: int) -> Difference:
    finite = _is_finite(values_a) & _is_finite(values_b)
    a, b = values_a[finite], values_b[finite]
    summary = summarize(b - a, seed)
    return Difference(
        len(a), summarize(a, seed).mean, summarize(b, seed).mean, summary.mean, summary.confidence_interval
    )


def _unpaired_difference(values_a: NDArray[np.float64], values_b: NDArray[np.float64], seed: int) -> Difference:
    a, b = np.sort(values_a[_is_finite(values_a)]), np.sort(values_b[_is_finite(values_b)])
    if not len(a) or not len(b):
        return Difference(0, None, None, None, None)
    mean_a, mean_b = float(a.mean()), float(b.mean())
    return Difference(0, mean_a, mean_b, mean_b - mean_a, _unpaired_interval(a, b, seed))


def _unpaired_interval(
    values_a: NDArray[np.float64], values_b: NDArray[np.float64], seed: int
) -> tuple[float, float] | None:
    """Percentile bootstrap of a difference of means, each run resampled on its own."""
    if min(len(values_a), len(values_b)) < 2:  # noqa: PLR2004 - one value says nothing about the spread
        return None
    generator = np.random.default_rng(seed)
    n_resamples = max(min(MOST_RESAMPLES, MOST_DRAWS // max(len(values_a), len(values_b))), 200)
    means = [
        np.array([values[generator.integers(len(values), size=len(values))].mean() for _ in range(n_resamples)])
        for values in (values_a, values_b)
    ]
    low, high = np.quantile(means[1] - means[0], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _is_finite(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(values) <= LARGEST_MAGNITUDE)
